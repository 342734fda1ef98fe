"""``gateways doctor``: what is printed, and the exit status."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateways.cli import main
from gateways.commands import doctor
from gateways.doctor.findings import ERROR, OK, Finding
from gateways.doctor.targets import Options
from gateways.errors import ConfigError
from tests.support.serving import PATIENCE, until

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Options]]:
    """Stand in for every examination: what has "bad" in its name is."""
    asked: list[tuple[str, Options]] = []

    def examine(what: str, options: Options) -> Iterator[Finding]:
        asked.append((what, options))
        if "typo" in what:
            raise ConfigError(f"{what}: there is no such file")
        if "bad" in what:
            yield Finding("x-bad", ERROR, what, "it is bad", "mend it")
        else:
            yield Finding("x-ok", OK, what, "it is well")

    monkeypatch.setattr(doctor, "examine", examine)
    return asked


def test_errors_are_status_1(asked: Any, capsys: Capture) -> None:
    assert main(["doctor", "bad.cgi", "good.cgi"]) == 1
    out, err = capsys.readouterr()
    assert out == "error: bad.cgi: it is bad; mend it [x-bad]\n"
    assert err == "gateways: 1 error\n"


def test_nothing_wrong_is_status_0(asked: Any, capsys: Capture) -> None:
    assert main(["doctor", "good.cgi"]) == 0
    out, err = capsys.readouterr()
    assert out == "ok: good.cgi: it is well [x-ok]\n"
    assert err == "gateways: nothing wrong was found\n"


def test_json(asked: Any, capsys: Capture) -> None:
    assert main(["doctor", "--json", "bad.cgi"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["findings"][0]["code"] == "x-bad"
    assert err == ""


def test_the_flags_reach_the_examination(asked: list[tuple[str, Options]]) -> None:
    assert main(["doctor", "--user", "www", "--no-run", "--timeout", "5s", "--suexec", "a", "--scgi", ":4000"]) == 0
    first, second = asked
    assert first == ("a", Options(user="www", timeout=5.0, run=False, suexec=True))
    assert second == (":4000", Options("www", "scgi", 5.0, False, True))


def test_what_cannot_be_examined_does_not_hide_the_rest(asked: Any, capsys: Capture) -> None:
    assert main(["doctor", "bad.cgi", "typo.cgi", "good.cgi"]) == 2
    out, err = capsys.readouterr()
    assert out == "error: bad.cgi: it is bad; mend it [x-bad]\n"
    assert err == "gateways: error: typo.cgi: there is no such file\n"
    assert [what for what, _ in asked] == ["bad.cgi", "typo.cgi", "good.cgi"]
    assert main(["doctor", "--json", "typo.cgi", "typo.cgi"]) == 2
    assert capsys.readouterr() == ("", "gateways: error: typo.cgi: there is no such file\n")
    assert main(["doctor", "--json", "typo.cgi", "good.cgi"]) == 2
    assert json.loads(capsys.readouterr().out)["errors"] == 0


def test_nothing_to_look_at_is_a_wrong_use(capsys: Capture) -> None:
    assert main(["doctor"]) == 2
    assert "nothing to look at" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_script_that_was_started_ends_with_us(tmp_path: Path, number: int) -> None:
    """As by Ctrl-C: it has a session of its own."""
    lock = tmp_path / "lock"
    script = tmp_path / "app.cgi"
    text = f"import fcntl, time\nfile = open({str(lock)!r}, 'w')\nfcntl.flock(file, fcntl.LOCK_EX)\n"
    script.write_text(f"#!{sys.executable}\n{text}file.write('x')\nfile.flush()\ntime.sleep(3600)\n")
    script.chmod(0o755)
    us = pwd.getpwuid(os.geteuid()).pw_name
    command = [sys.executable, "-m", "gateways", "doctor", "--user", us, script]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        until(lambda: lock.exists() and lock.read_text() == "x")
        process.send_signal(number)
        assert process.wait(PATIENCE) == 128 + number
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever had it is gone

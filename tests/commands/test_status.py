"""gateways status."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.cli import main
from tests.manager.answering import Loop
from tests.support.figures import OVERVIEW
from tests.support.serving import PATIENCE

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def master(socket_dir: Path) -> Iterator[Loop]:
    with Loop(socket_dir / "control") as loop, loop.running():
        loop.master.figures = OVERVIEW.to_json()
        yield loop


def test_a_table(master: Loop, capsys: Capture) -> None:
    assert main(["status", "--control", master.control.path]) == 0
    out = capsys.readouterr().out
    assert out.startswith("gateways 1.2.3, master 4700, up 10m 00s, 1 upgrade\n\nshop: shop.wsgi:application on")
    assert re.search(r"^ +7 +4711 .* POST /basket\?a=1&b=<2>$", out, re.MULTILINE)


def test_figures_as_json(master: Loop, capsys: Capture) -> None:
    assert main(["status", "--json", "--control", master.control.path]) == 0
    shop, blog = json.loads(capsys.readouterr().out)["pools"]
    assert (shop["pool"], shop["idle processes"], len(shop["processes"])) == ("shop", 1, 2)
    assert blog["pool"] == 'b"l\\o<g>'


def test_figures_for_prometheus(master: Loop, capsys: Capture) -> None:
    assert main(["status", "--openmetrics", "--control", master.control.path]) == 0
    out = capsys.readouterr().out
    assert 'gateways_workers{pool="shop",state="idle"} 1\n' in out
    assert out.endswith("# EOF\n")


def test_one_form_at_a_time(master: Loop, capsys: Capture) -> None:
    assert main(["status", "--openmetrics", "--json", "--control", master.control.path]) == 2
    assert "not allowed with argument" in capsys.readouterr().err


def test_a_master_of_another_version(master: Loop, capsys: Capture) -> None:
    master.master.figures = {"version": "9", "pools": [{"name": "new"}]}
    assert main(["status", "--control", master.control.path]) == 0
    assert "new: " in capsys.readouterr().out


def test_no_master(capsys: Capture, socket_dir: Path) -> None:
    assert main(["status", "--control", str(socket_dir / "control")]) == 5
    assert "no master can be reached" in capsys.readouterr().err


def test_a_time_that_is_none(capsys: Capture, socket_dir: Path) -> None:
    assert main(["status", "--watch", "soon", "--control", str(socket_dir / "control")]) == 2
    assert "'soon' cannot be used" in capsys.readouterr().err


def test_letters_that_the_terminal_does_not_have(master: Loop) -> None:
    master.master.figures = {"pools": [{"name": "blög"}]}
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "gateways", "status", "--control", master.control.path]
    result = subprocess.run(command, env=environ, capture_output=True, timeout=PATIENCE, check=True)
    assert rb"bl\xf6g: " in result.stdout


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_watching_in_a_pipe(master: Loop, flags: list[str]) -> None:
    command = [sys.executable, "-m", "gateways", "status", "-w", "100ms", *flags, "--control", master.control.path]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        seen = b""
        while seen.count(b"4711") < 3:
            seen += process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(PATIENCE) == 0
    assert b"\x1b" not in seen


def test_watching_on_a_terminal(master: Loop) -> None:
    """Each time over the last one, and no more lines than there is room for."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "gateways", "status", "--watch", "100ms", "--control", master.control.path]
    environ = {**os.environ, "COLUMNS": "60", "LINES": "8"}
    with subprocess.Popen(command, stdout=theirs, env=environ) as process:
        os.close(theirs)
        seen = b""
        while seen.count(b"\x1b[J") < 3:
            seen += os.read(ours, 1000)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # the end of a terminal; unread, it may not be able to write its last words
            while os.read(ours, 1000):
                pass
        assert process.wait(PATIENCE) == 0
    os.close(ours)
    screen = seen.split(b"\x1b[J")[1]
    assert screen.startswith(b"\x1b[Hgateways 1.2.3")
    assert seen.startswith(b"\x1b[?25l")
    lines = screen.replace(b"\x1b[H", b"").replace(b"\x1b[K", b"").split(b"\r\n")
    assert len(lines) <= 8
    assert max(len(line) for line in lines) <= 60


def test_a_master_that_ends_and_comes_back_is_watched(socket_dir: Path) -> None:
    path = str(socket_dir / "control")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "gateways", "status", "--watch", "100ms", "--control", path]

    def until_seen(text: bytes, times: int = 1) -> bytes:
        seen = b""
        while seen.count(text) < times:
            seen += os.read(ours, 1000)
        return seen

    first, second = Loop(socket_dir / "control"), OVERVIEW.to_json()
    first.master.figures, second["version"] = OVERVIEW.to_json(), "7.7.7"
    with first, first.running(), subprocess.Popen(command, stdout=theirs) as process:
        os.close(theirs)
        until_seen(b"gateways 1.2.3")
        first.call(first.control.file.remove)
        until_seen(b"no master can be reached")
        pictures = until_seen(b"\x1b[J", times=4).split(b"\x1b[J")[1:-1]
        assert all(b"no master can be reached" in picture for picture in pictures), "until it is back"
        with Loop(socket_dir / "control") as again, again.running():
            again.master.figures = second
            until_seen(b"gateways 7.7.7")
        process.send_signal(signal.SIGTERM)
        until_seen(b"\x1b[?25h")  # the cursor is given back
        assert process.wait(PATIENCE) == 128 + signal.SIGTERM
    os.close(ours)

"""gateways.server.origin: the command that started a program, and what there was at the start."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from types import ModuleType
from typing import Any

import pytest

from gateways.declared import SUCCEEDS
from gateways.server import origin as module
from gateways.server.origin import RERUN, _command, _read, origin, tell

PYTHON = os.fsencode(sys.executable)
RUN = os.fsencode(RERUN)


def main(file: str | None, spec: Any = None) -> ModuleType:
    made = ModuleType("__main__")
    made.__spec__ = spec
    if file is not None:
        made.__file__ = file
    return made


@pytest.mark.parametrize(
    ("words", "file", "expected"),
    [
        ("python3 /srv/app.fcgi", "/srv/app.fcgi", [RUN, b"/srv/app.fcgi"]),
        ("python3 app.fcgi --flag app.fcgi", "/srv/app.fcgi", [RUN, b"/srv/app.fcgi", b"--flag", b"app.fcgi"]),
        (
            "/usr/bin/python3 -X dev -s ./app.fcgi a",
            "/srv/app.fcgi",
            [b"-X", b"dev", b"-s", RUN, b"/srv/app.fcgi", b"a"],
        ),
        (f"python3 -E {RERUN} /srv/app.fcgi a", "/srv/app.fcgi", [b"-E", RUN, b"/srv/app.fcgi", b"a"]),
        (f"python3 -E {RERUN} /srv/app.fcgi a", RERUN, [b"-E", RUN, b"/srv/app.fcgi", b"a"]),
        ("python3 something else", "/srv/app.fcgi", [b"something", b"else"]),
        ("python3 -c pass", None, [b"-c", b"pass"]),
    ],
)
def test_the_command_of_a_script(
    monkeypatch: pytest.MonkeyPatch, words: str, file: str | None, expected: list[bytes]
) -> None:
    monkeypatch.setattr(sys, "orig_argv", words.split(), raising=False)
    assert _command(main(file)) == [PYTHON, *expected]


def test_the_command_of_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-m", "gateways", "serve"], raising=False)
    assert _command(main("/lib/gateways/__main__.py", spec=object())) == [PYTHON, b"-m", b"gateways", b"serve"]


def test_the_command_where_python_does_not_tell_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys, "orig_argv", raising=False)
    with open("/proc/self/cmdline", "rb") as file:
        expected = file.read().split(b"\0")[1:-1]
    assert _command(main(None)) == [PYTHON, *expected]


def test_what_the_program_before_has_told() -> None:
    assert _read(b"%d 1700000000.25 17" % os.getpid()) == (1700000000.25, 17, ())
    assert _read(b"%d 1700000000.25 0 18 19" % os.getpid()) == (1700000000.25, 0, (18, 19))


def test_what_is_told_is_read() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            environ = tell(17)
            since, parent, children = _read(environ[SUCCEEDS.encode()])
            assert time.time() - 20 < since <= time.time()
            assert parent == 17
            assert child.pid in children
            assert environ[b"PATH"] == origin.environ[b"PATH"]
        finally:
            child.kill()


@pytest.mark.parametrize("text", ["", "1 1700000000.25 17", "17"])
def test_the_first_program_began_not_long_ago(text: str) -> None:
    before = time.time() - time.process_time()
    since, parent, children = _read(text.encode())
    assert parent is None
    assert children == ()
    assert since <= time.time()
    assert since >= before - 1


def test_what_was_there_at_the_start() -> None:
    assert origin.environ[b"PATH"]
    assert SUCCEEDS.encode() not in origin.environ
    assert origin.parent is None
    assert os.path.isabs(origin.directory)
    assert module.origin.since < time.time()

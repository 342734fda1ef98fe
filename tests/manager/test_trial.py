"""The new program is tried in a child: what it says, how it ends, and what it looks at."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest

from gateways.config import load_plan
from gateways.config.here import working_directory
from gateways.errors import BindError, ConfigError
from gateways.manager.command import Command
from gateways.manager.handover import Handover, PassedListener
from gateways.manager.loop import Loop
from gateways.manager.trial import PASSED, TIMEOUT, Trial, report, try_out
from tests.support.serving import open_descriptors, until


class Master:
    """Reaps as the master does."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.claims: dict[int, Any] = {}

    def turn(self) -> bool:
        self.loop.turn(0.01)
        for pid in list(self.claims):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self.claims.pop(pid)(status)
        return not self.claims


def start(program: str, master: Master, outcomes: list[str]) -> Trial:
    words = [os.fsencode(sys.executable), b"-c", program.encode()]
    command = Command(words, working_directory())
    return Trial(cast(Any, master), command, os.environ, outcomes.append)


def outcome(program: str) -> str:
    """Return what a trial of a Python program comes to."""
    before = open_descriptors()
    master, outcomes = Master(), cast("list[str]", [])
    start(program, master, outcomes)
    until(master.turn)
    assert open_descriptors() == before
    (found,) = outcomes
    return found


def test_a_program_that_says_so_has_passed():
    assert outcome(f"print('log'); print('{PASSED}')") == ""


def test_it_can_be_said(capsys):
    report()
    assert capsys.readouterr().out == f"{PASSED}\n"


@pytest.mark.parametrize(
    ("program", "failure"),
    [
        ("", "it ended without having been tried: it is no version that knows of this"),
        ("import nosuch", "ModuleNotFoundError: No module named 'nosuch'"),
        ("import sys; sys.exit('gateways: error: port 80 is for root')", "port 80 is for root"),
        ("import sys; print('\\x1b[2J'); sys.exit(3)", "\\x1b[2J"),
        ("import sys; sys.exit(3)", "exit status 3"),
        (f"import sys; print('{PASSED}'); sys.exit(3)", "exit status 3"),
        ("import os; os.abort()", "killed by SIGABRT"),
        ("print('x' * 100000); print('the end'); raise SystemExit(1)", "the end"),
    ],
)
def test_any_other_has_not(program, failure):
    assert outcome(program).startswith(failure)


def test_a_child_of_it_that_keeps_the_pipe_is_not_waited_for():
    program = f"import os, time\nif os.fork(): print('{PASSED}')\nelse: time.sleep(3)"
    assert outcome(program) == ""


def test_a_program_that_is_not_there():
    master, outcomes = Master(), []
    command = Command([b"/nosuch/python"], working_directory())
    Trial(cast(Any, master), command, os.environ, outcomes.append)
    until(master.turn)
    assert outcomes == ["/nosuch/python: No such file or directory"]


def test_one_that_takes_too_long_is_ended():
    master, outcomes = Master(), []
    trial = start("import time; time.sleep(600)", master, outcomes)
    now = monotonic()
    assert 0 < trial.tick(now) <= TIMEOUT
    trial.tick(now + TIMEOUT + 1)
    until(master.turn)
    assert outcomes == [f"it did not end within {TIMEOUT:g} s"]


def test_one_that_is_not_wanted_any_more_is_ended():
    master, outcomes = Master(), []
    start("import time; time.sleep(600)", master, outcomes).end("the master was told to stop")
    until(master.turn)
    assert outcomes == ["the master was told to stop"]


# What it looks at


def plan(directory: Path, *flags: tuple[str, object]) -> Any:
    given = {"workers": "2", "fastcgi": [f"unix:{directory}/socket"], "error_log": f"{directory}/log", "user": None}
    given["user"] = "root" if os.geteuid() == 0 else None
    chosen = {name: value for name, value in {**given, **dict(flags)}.items() if value is not None}
    return load_plan(None, "app:application", chosen, {})


def test_a_new_address_is_bound_and_given_back(socket_dir):
    try_out(plan(socket_dir), Handover(trial=True))
    assert not (socket_dir / "socket").exists()


def test_one_that_the_master_has_is_left_alone(socket_dir):
    with open_socket(socket_dir) as sock:
        taken = PassedListener("app", "fastcgi", f"unix:{socket_dir}/socket")
        try_out(plan(socket_dir), Handover((taken,), trial=True))
        assert (socket_dir / "socket").exists()
        with pytest.raises(BindError, match="another process listens there"):
            try_out(plan(socket_dir), Handover(trial=True))
        assert sock.fileno() > 0


def open_socket(directory: Path) -> Any:
    import socket

    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(directory / "socket"))
    sock.listen()
    return sock


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        (("socket_owner", "nosuchuser"), "nosuchuser"),
        (("error_log", "/nosuch/log"), "there is no directory"),
        (("access_log", "/nosuch/log"), "there is no directory"),
        (("fastcgi", ["unix:/nosuch/socket"]), "there is no directory"),
        (("fastcgi", None), "pool app has nothing to listen on"),
    ],
)
def test_what_would_fail_is_found(socket_dir, flag, reason):
    with pytest.raises((ConfigError, BindError), match=reason):
        try_out(plan(socket_dir, flag), Handover(trial=True))


def test_sockets_that_were_given_need_no_settings(socket_dir):
    given = PassedListener("app", "fastcgi", "systemd:web")
    try_out(plan(socket_dir, ("fastcgi", None)), Handover((given,), trial=True))
    try_out(plan(socket_dir, ("fastcgi", ["systemd:other"])), Handover((given,), trial=True))

"""From a plan to a master: what is wrong is said before anything is forked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateways.errors import BindError, ConfigError
from tests.support.managing import managing
from tests.support.serving import until

APPLICATION = "x:y"


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (("--workers", "2", "--user", "no-such-user-here"), ConfigError.exit_code, "no-such-user-here"),
        (("--workers", "2", "--control", "{dir}/none/control"), BindError.exit_code, "control"),
        (("--workers", "2", "--pid-file", "{dir}/none/pid"), ConfigError.exit_code, "pid"),
        (("--workers", "2", "--scgi", "unix:{dir}/none/socket"), BindError.exit_code, "none/socket"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_line(flags: tuple[str, ...], code: int, message: str) -> None:
    with managing(*flags, ready=False) as managed:
        assert managed.wait() == code
        (line,) = [line for line in managed.log.splitlines() if "gateways: error:" in line]
        assert message in line
        assert not (managed.directory / "socket").exists()


def test_the_pid_file_names_the_master_while_it_lives() -> None:
    with managing("--workers", "1", "--pid-file", "{dir}/pid") as managed:
        pid_file = managed.directory / "pid"
        assert int(pid_file.read_text()) == managed.pid
        assert managed.stop() == 0
        assert not pid_file.exists()


def test_a_program_in_the_background_is_ready_when_the_command_ends(tmp_path: Path) -> None:
    with managing("--workers", "1", "--daemonize", "--pid-file", "{dir}/pid", ready=False) as managed:
        assert managed.wait() == 0
        master = int((managed.directory / "pid").read_text())
        assert managed.worker() > 0
        os.kill(master, 15)
        until(lambda: not (managed.directory / "pid").exists())


def test_a_program_in_the_background_says_why_it_could_not_start() -> None:
    flags = ("--workers", "1", "--daemonize", "--boot-retries", "1")
    with managing(*flags, ready=False, at_boot="fail") as managed:
        assert managed.wait() == 3
        assert "asked to fail at boot" in (managed.directory / "stderr").read_text()

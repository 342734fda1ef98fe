"""Going to the background: who ends when, with which status, and what the one that stays has left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateways.errors import ConfigError
from gateways.manager.daemon import Daemon
from tests.support.processes import is_running
from tests.support.serving import PATIENCE, until

#: Goes to the background, writes what it sees there to a file, and then does what the test says.
PROGRAM = """
import json, os, signal, sys, time
from gateways.errors import BindError
from gateways.manager.daemon import daemonize
def write(name, value):
    with open(name + ".new", "w") as file:
        file.write(json.dumps(value))
    os.rename(name + ".new", name)
started = os.getpid()
print("before", flush=True)
daemon = daemonize()
facts = {
    "pid": os.getpid(), "started": started, "session": os.getsid(0), "parent": os.getppid(), "cwd": os.getcwd(),
    "stdio": [os.readlink(f"/proc/self/fd/{fd}") for fd in range(3)],
    "open": sorted(os.listdir("/proc/self/fd"), key=int),
}
print("nobody sees this")
write("facts", facts)
"""


def run(directory: Path, code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM + code]
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False, **options)


def facts(directory: Path) -> dict[str, Any]:
    until((directory / "facts").exists)
    found: dict[str, Any] = json.loads((directory / "facts").read_text())
    return found


def test_the_foreground_ends_when_the_background_is_ready(tmp_path: Path) -> None:
    code = """
while not os.path.exists("go"):
    time.sleep(0.01)
daemon.ready()
daemon.ready()
write("open", sorted(os.listdir("/proc/self/fd"), key=int))
while not os.path.exists("end"):
    time.sleep(0.01)
write("ended", 1)
"""
    with subprocess.Popen([sys.executable, "-c", PROGRAM + code], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        found = facts(tmp_path)
        assert process.poll() is None  # it waits
        (tmp_path / "go").touch()
        assert process.wait(PATIENCE) == 0
        assert process.stdout is not None
        assert process.stdout.read() == b"before\n"
    assert found["started"] == process.pid
    assert found["pid"] not in (process.pid, found["session"])  # no session leader: it can get no terminal
    assert found["session"] != os.getsid(0)
    assert found["cwd"] == str(tmp_path)
    assert found["stdio"] == ["/dev/null"] * 3
    until((tmp_path / "open").exists)
    # What is left open is what was open before, and the pipe is closed with the report.
    assert len(json.loads((tmp_path / "open").read_text())) == len(found["open"]) - 1
    (tmp_path / "end").touch()
    until((tmp_path / "ended").exists)
    until(lambda: not is_running(found["pid"]))


def test_a_failure_is_told_where_the_command_was_typed(tmp_path: Path) -> None:
    code = """
with daemon:
    daemon.failed(4, "cannot listen on unix:/a: b\\u00e9")
    daemon.failed(3, "what comes of it")
    write("cleaned", 1)
"""
    result = run(tmp_path, code)
    assert (tmp_path / "cleaned").exists()
    assert (result.returncode, result.stdout) == (4, "before\n")
    assert result.stderr == "gateways: error: cannot listen on unix:/a: b\u00e9\n"
    until(lambda: not is_running(facts(tmp_path)["pid"]))


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ('raise BindError("in use")', 4, "in use"),
        ('raise ValueError("never")', 1, "ValueError: never"),
        ("os._exit(0)", 1, "the program ended before it was ready, without saying why"),
        ("os.kill(os.getpid(), signal.SIGKILL)", 1, "the program ended before it was ready, without saying why"),
        ("pass", 1, "the program ended before it was ready, without saying why"),
    ],
)
def test_a_background_that_ends_early(tmp_path: Path, code: str, status: int, message: str) -> None:
    result = run(tmp_path, f"with daemon:\n    {code}\n")
    assert result.returncode == status
    assert result.stderr.startswith(f"gateways: error: {message}")
    assert result.stderr.count("\n") == 1


def test_what_is_raised_after_the_report_changes_nothing(tmp_path: Path) -> None:
    result = run(tmp_path, 'with daemon:\n    daemon.ready()\n    raise ValueError("late")\n')
    assert (result.returncode, result.stderr) == (0, "")


def test_ctrl_c_stops_what_has_been_started(tmp_path: Path) -> None:
    code = """
signal.signal(signal.SIGTERM, lambda *_: (write("stopped", 1), os._exit(0)))
write("waiting", 1)
time.sleep(60)
"""
    command = [sys.executable, "-c", PROGRAM + code]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        until((tmp_path / "waiting").exists)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    until((tmp_path / "stopped").exists)


def test_a_foreground_that_is_killed_is_not_missed(tmp_path: Path) -> None:
    code = """
while not os.path.exists("go"):
    time.sleep(0.01)
daemon.ready()
write("alive", 1)
"""
    command = [sys.executable, "-c", PROGRAM + code]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        facts(tmp_path)
        process.kill()
        process.wait()
        (tmp_path / "go").touch()
        until((tmp_path / "alive").exists)


@pytest.mark.parametrize("closed", ["0", "1", "2", "0 1 2"])
def test_descriptors_that_are_closed_at_the_start(tmp_path: Path, closed: str) -> None:
    closing = "".join(f"exec {fd}>&-\n" for fd in closed.split())
    code = f"with daemon: daemon.failed(3, {'' if '2' in closed else 'told'!r})"
    program = "import sys\nfrom gateways.adapters import standardstreams\nstandardstreams.complete_standard_streams()\n"
    command = ["sh", "-c", f'{closing}exec "$@"', "sh", sys.executable, "-c", program + PROGRAM + code]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 3
    assert facts(tmp_path)["stdio"] == ["/dev/null"] * 3


def test_in_the_foreground_reports_go_nowhere() -> None:
    with Daemon() as daemon:
        daemon.ready()
        daemon.failed(3, "x")
    with pytest.raises(ConfigError), Daemon():
        raise ConfigError("passes")

"""Which master is meant, and what is done where a signal is all there is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateways.errors import ConfigError, ConnectError
from gateways.manager import orders
from gateways.manager.orders import Place, control_of, find, order
from tests.manager.answering import Loop
from tests.support.serving import until


@pytest.mark.parametrize(
    ("flags", "environ", "found"),
    [
        (Place("/c"), {}, Place("/c")),
        (Place("/c"), {"GATEWAYS_CONTROL": "/d"}, Place("/c")),
        (Place(), {"GATEWAYS_CONTROL": "/d", "GATEWAYS_PID_FILE": "/p"}, Place("/d", "/p")),
        (Place(pid_file="/p"), {"GATEWAYS_CONTROL": "/d"}, Place(None, "/p")),
        (Place(), {"GATEWAYS_PID_FILE": "/p"}, Place(None, "/p")),
    ],
)
def test_where_a_master_is(flags, environ, found):
    assert find(flags, environ) == found


@pytest.mark.parametrize("environ", [{}, {"GATEWAYS_CONTROL": ""}])
def test_somebody_has_to_say_it(environ):
    with pytest.raises(ConfigError, match=r"which master\? give --control PATH, or set GATEWAYS_CONTROL"):
        find(Place(), environ)


def test_a_signal_brings_no_answer():
    assert control_of(Place("/c", "/p")) == "/c"
    with pytest.raises(ConfigError, match="needs the control socket"):
        control_of(Place(None, "/p"))


def test_the_control_socket_is_better_than_a_signal(socket_dir):
    with Loop(socket_dir / "control") as loop, loop.running():
        place = Place(loop.control.path, "/no/such/file")
        assert order(place, {"ask": "reopen"}, signal.SIGUSR1, print)
        assert loop.master.asked == ["reopen"]


def test_a_signal_is_sent_to_a_program_of_ours(tmp_path):
    pid_file, said = tmp_path / "pid", []
    program = "import signal, sys; print(flush=True); sys.exit(signal.sigwait([signal.SIGUSR1]))"
    before = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
    command = [sys.executable, "-c", before + program, "gateways"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        pid_file.write_text(f"{process.pid}\n")
        assert not order(Place(None, str(pid_file)), {"ask": "reopen"}, signal.SIGUSR1, said.append)
    assert process.returncode == signal.SIGUSR1
    assert said == [f"sent SIGUSR1 to process {process.pid}; the error log will tell what became of it"]


def refusal(pid_file) -> str:
    with pytest.raises(ConnectError) as caught:
        order(Place(None, str(pid_file)), {"ask": "stop"}, signal.SIGTERM, print)
    assert caught.value.exit_code == 5
    return str(caught.value)


def test_a_number_that_is_a_strangers_by_now_is_left_alone(tmp_path):
    pid_file = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd="/") as process:
        pid_file.write_text(str(process.pid))
        until(lambda: b"input" in Path(f"/proc/{process.pid}/cmdline").read_bytes())
        if "gateways" not in sys.executable:  # a checkout may be called so
            assert refusal(pid_file).startswith(f"no master runs as process {process.pid} of {pid_file}")
        process.communicate(b"\n")
    assert process.returncode == 0


def test_a_process_that_has_ended(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    (tmp_path / "pid").write_text(str(process.pid))
    assert refusal(tmp_path / "pid").endswith("it has ended, and left the file behind")


def test_without_proc_the_signal_tells(tmp_path, monkeypatch):
    monkeypatch.setattr(orders, "_PROC", str(tmp_path))
    test_a_process_that_has_ended(tmp_path)


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "1", "12 13", "²", "9" * 40])
def test_a_file_without_a_process(tmp_path, text):
    (tmp_path / "pid").write_text(text, encoding="utf-8")
    assert "holds no process id" in refusal(tmp_path / "pid") or os.path.getsize(tmp_path / "pid") > 32


def test_no_file(tmp_path):
    assert "cannot be read: No such file or directory; is it running?" in refusal(tmp_path / "pid")


def test_another_users_process(tmp_path, monkeypatch):
    def kill(pid: int, number: int) -> None:
        raise PermissionError

    (tmp_path / "pid").write_text(str(os.getppid()))
    monkeypatch.setattr(orders, "_is_ours", lambda pid: True)
    monkeypatch.setattr(os, "kill", kill)
    assert refusal(tmp_path / "pid").startswith(f"no permission to signal process {os.getppid()}")

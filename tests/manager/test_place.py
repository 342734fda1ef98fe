"""Which master is meant, and what is done where a signal is all there is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from gateways.errors import ConfigError, ConnectError
from gateways.manager import place
from gateways.manager.place import Place, control_of, find, order
from tests.manager.answering import Loop


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


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
    assert find(flags, None, environ) == found


@pytest.mark.parametrize("environ", [{}, {"GATEWAYS_CONTROL": ""}])
def test_somebody_has_to_say_it(environ):
    with pytest.raises(
        ConfigError, match=r"which master\? give --control PATH or --config FILE, or set GATEWAYS_CONTROL"
    ):
        find(Place(), None, environ)


FILE = """
[gateways]
control = "run/control"
pid_file = "run/pid"
application = "app"
fastcgi = ":9000"
workers = 2
"""


def test_the_configuration_file_says_it_too(tmp_path, monkeypatch):
    (tmp_path / "site.toml").write_text(FILE)
    place = Place(f"{tmp_path}/run/control", f"{tmp_path}/run/pid")
    assert find(Place(), str(tmp_path / "site.toml"), {}) == place
    assert find(Place(), None, {"GATEWAYS_CONFIG": "site.toml"}) == place
    (tmp_path / "site.toml").rename(tmp_path / "gateways.toml")
    assert find(Place(), None, {}) == place
    assert find(Place(), None, {"GATEWAYS_CONTROL": "/c"}) == Place("/c")


def test_a_mistake_elsewhere_in_the_file_keeps_nobody_from_stopping_the_master(tmp_path):
    (tmp_path / "gateways.toml").write_text(FILE + 'threads = "many"\n')
    assert find(Place(), None, {}).control == f"{tmp_path}/run/control"


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"nosuch\.toml"):
        find(Place(), "nosuch.toml", {})


def test_a_file_that_says_nothing_of_it(tmp_path):
    (tmp_path / "gateways.toml").write_text('[gateways]\napplication = "app"\nfastcgi = ":9000"\n')
    with pytest.raises(ConfigError, match=r"there is neither control nor pid_file in .*gateways\.toml"):
        find(Place(), None, {})


def test_a_signal_brings_no_answer():
    assert control_of(Place("/c", "/p")) == "/c"
    with pytest.raises(ConfigError, match="needs the control socket"):
        control_of(Place(None, "/p"))


def test_the_control_socket_is_better_than_a_signal(socket_dir):
    with Loop(socket_dir / "control") as loop, loop.running():
        assert order(Place(loop.control.path, "/no/such/file"), {"ask": "reopen"}, signal.SIGUSR1, print)
        assert loop.master.asked == ["reopen"]


HOLD = """
import signal, sys
from gateways.manager.pidfile import PidFile
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
PidFile(sys.argv[1]).take()
print(flush=True)
sys.exit(signal.sigwait([signal.SIGUSR1]))
"""


def test_a_signal_is_sent_to_who_holds_the_file(tmp_path):
    pid_file, said = tmp_path / "pid", []
    with subprocess.Popen([sys.executable, "-c", HOLD, str(pid_file)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert not order(Place(None, str(pid_file)), {"ask": "reopen"}, signal.SIGUSR1, said.append)
    assert process.returncode == signal.SIGUSR1
    assert said == [f"sent SIGUSR1 to process {process.pid}; the error log will tell what became of it"]


def refusal(pid_file) -> str:
    with pytest.raises(ConnectError) as caught:
        order(Place(None, str(pid_file)), {"ask": "stop"}, signal.SIGTERM, print)
    assert caught.value.exit_code == 5
    return str(caught.value)


def test_a_number_that_is_a_strangers_by_now_is_left_alone(tmp_path):
    (tmp_path / "pid").write_text(str(os.getppid()))
    assert refusal(tmp_path / "pid") == (
        f"no master runs as process {os.getppid()} of {tmp_path}/pid: it has ended, and left the file behind"
    )


def held(monkeypatch) -> None:
    monkeypatch.setattr(place, "is_held", lambda fd: True)


def test_a_process_that_ends_just_now(tmp_path, monkeypatch):
    held(monkeypatch)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    (tmp_path / "pid").write_text(str(process.pid))
    assert refusal(tmp_path / "pid").endswith("it has ended, and left the file behind")


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "1", "12 13", "\N{SUPERSCRIPT TWO}", "1_2"])
def test_a_file_without_a_process(tmp_path, text):
    (tmp_path / "pid").write_text(text, encoding="utf-8")
    assert "holds no process id" in refusal(tmp_path / "pid")


def test_no_file(tmp_path):
    assert "cannot be read: No such file or directory; is it running?" in refusal(tmp_path / "pid")


def test_another_users_process(tmp_path, monkeypatch):
    def kill(pid: int, number: int) -> None:
        raise PermissionError

    held(monkeypatch)
    (tmp_path / "pid").write_text(str(os.getppid()))
    monkeypatch.setattr(os, "kill", kill)
    assert refusal(tmp_path / "pid").startswith(f"no permission to signal process {os.getppid()}")

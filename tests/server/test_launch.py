"""From settings to a server: what it is given, in which order things fail, and that nothing is left open."""

from __future__ import annotations

import os
import pwd
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from gateways.errors import BindError, BootError, ConfigError
from gateways.loader import LazyApplication
from gateways.server import launch as launching
from gateways.server import opening as module
from gateways.server.launch import launch
from gateways.server.spawned import Start
from gateways.settings import Settings
from tests.support.processes import NOBODY, in_child

#: The user who runs the tests, which may be root.
OWN = str(os.geteuid())


def application(environ: Any, start_response: Any) -> list[bytes]:
    return []


class FakeServer:
    """Stands in for ``Server``: keeps what it was given, and ends at once."""

    made: ClassVar[list[FakeServer]] = []
    exit_code = 0
    spawned = False
    may_renew = False

    def __init__(
        self, application: Any, listeners: Any, settings: Any, error_log: Any, access_log: Any, slot: Any
    ) -> None:
        self.application = application
        self.listeners = listeners
        self.addresses = [str(listener) for listener in listeners]
        self.access_log = access_log
        self.retired = ""
        self.stopped_at = 0.0
        self.made.append(self)

    def run(self) -> int:
        return self.exit_code


class FakeSpawnedServer(FakeServer):
    """Stands in for ``SpawnedServer``."""

    spawned = True

    def __init__(self, *args: Any, slot: Any, may_renew: bool) -> None:
        super().__init__(*args, slot=slot)
        self.may_renew = may_renew

    def begin_anew(self) -> None:
        assert "stopped" not in log(), "that is for one that does not begin anew"


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(launching, "Server", FakeServer)
    monkeypatch.setattr(launching, "SpawnedServer", FakeSpawnedServer)
    monkeypatch.setattr(FakeServer, "made", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    before = set(os.listdir("/proc/self/fd"))
    yield
    assert set(os.listdir("/proc/self/fd")) == before  # logs and sockets are closed, whatever happened


def start(application: Any = application, **settings: Any) -> FakeServer:
    assert launch(application, Settings(error_log="error.log", user=OWN, **settings)) == 0
    return FakeServer.made[-1]


def log() -> str:
    return Path("error.log").read_text("utf-8")


@pytest.fixture
def inherited() -> Iterator[str]:
    """The address of a listening socket that this process was started with, as by a web server."""
    own = os.dup(0)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        os.dup2(sock.fileno(), 0)
    yield "fd:0"
    os.dup2(own, 0)
    os.close(own)


def test_a_socket_that_somebody_opened_is_not_from_a_web_server() -> None:
    """Or the server would end with the shell that has started it."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        server = start(http=f"fd:{os.dup(sock.fileno())}")
    assert not server.spawned


def test_every_address_is_opened(tmp_path: Path) -> None:
    server = start(fastcgi=["unix:a", "unix:b"], scgi="unix:c")
    expected = [f"FastCGI on unix:{tmp_path}/a", f"FastCGI on unix:{tmp_path}/b", f"SCGI on unix:{tmp_path}/c"]
    assert server.addresses == expected
    assert not server.spawned
    assert f"notice: serving scgi on unix:{tmp_path}/c: application, 8 threads\n" in log()
    assert log().endswith("notice: stopped\n")
    assert not Path("a").exists()


def test_notices_are_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(scgi="unix:s", error_log="error.log", user=OWN)
    assert launch(application, settings, ["settings are from x.toml"]) == 0
    assert "notice: settings are from x.toml\n" in log()


def test_hooks_are_called_around_the_only_worker(tmp_path: Path) -> None:
    (tmp_path / "its_hooks.py").write_text(
        "calls = []\n"
        "def boot(settings): calls.append(('boot', settings.threads))\n"
        "def post_fork(worker): calls.append(('post_fork', worker.number))\n"
        "def ready(worker): calls.append(('ready', worker.preloaded))\n"
        "def request(environ): pass\n"
        "def exit(worker, reason): calls.append(('exit', reason))\n"
    )
    server = start(scgi="unix:s", hooks="its_hooks.py", threads=3)
    calls = sys.modules.pop("its_hooks").calls
    assert calls == [("boot", 3), ("post_fork", 1), ("ready", False), ("exit", "stopped")]
    assert server.application is not application  # it has the request hook around it


def test_a_hook_that_fails_at_the_start_ends_it(tmp_path: Path) -> None:
    (tmp_path / "bad_hooks.py").write_text("def ready(worker): raise OSError('no database')\n")
    with pytest.raises(BootError, match=r"hook ready: .*bad_hooks.py, line 1: OSError: no database"):
        launch(application, Settings(scgi="unix:s", error_log="error.log", user=OWN, hooks="bad_hooks.py"))
    del sys.modules["bad_hooks"]


def test_the_exit_code_is_that_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeServer, "exit_code", 1)
    assert launch(application, Settings(scgi="unix:s", error_log="error.log", user=OWN)) == 1
    assert log().endswith("notice: stopped with requests in hand\n")


def test_without_addresses_the_sockets_it_was_started_with(monkeypatch: pytest.MonkeyPatch, inherited: str) -> None:
    monkeypatch.setattr(module, "detect", lambda environ: Start("scgi", "scgi", (inherited,), "it listens"))
    server = start()
    assert server.addresses == [f"SCGI on {inherited}"]
    assert server.spawned
    assert server.may_renew


def test_what_has_no_effect_is_said() -> None:
    start(scgi="unix:s", max_requests=7, restart_file="r", threads=2)
    assert "notice: keyword max_requests: it has no effect without workers" in log()
    assert "notice: keyword restart_file: it has no effect without workers" in log()
    assert log().count("no effect") == 2


def test_with_neither_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "detect", lambda environ: Start("terminal", "", (), "standard input is a device"))
    with pytest.raises(ConfigError, match=r"nothing to listen on: .* --fastcgi ADDR .*standard input is a device"):
        start()


def test_an_address_that_fails_closes_those_before_it(tmp_path: Path) -> None:
    with pytest.raises(BindError):
        start(fastcgi=["unix:a", "unix:absent/b"])
    assert not Path("a").exists()
    assert not FakeServer.made


# The user

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change to another user")


@as_root
def test_root_is_refused_before_anything_is_made() -> None:
    with pytest.raises(ConfigError, match="this would serve as root"):
        launch(application, Settings(error_log="error.log", scgi="unix:s"))
    assert os.listdir() == []


@as_root
def test_what_a_web_server_spawned_may_be_root(inherited: str) -> None:
    assert launch(application, Settings(error_log="error.log", fastcgi=inherited)) == 0


@as_root
def test_the_user_changes_between_opening_and_loading(socket_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs and sockets may be where only root can make them; the application never runs as root."""
    monkeypatch.chdir(socket_dir)  # others may read it
    Path("launch_user.py").write_text("import os; ids = os.getuid(), os.getgid()\ndef app(environ, start): return []\n")
    Path("private").mkdir(mode=0o700)

    def serve() -> tuple[object, object]:
        settings = Settings(
            error_log="private/error.log", access_log="private/access.log", scgi="unix:private/s", user="nobody",
            socket_owner="daemon", umask=0o077,
        )  # fmt: skip
        seen: list[tuple[int, int]] = []

        def run(server: FakeServer) -> int:
            seen.append((os.getuid(), os.umask(0)))
            return 0

        FakeServer.run = run  # type: ignore[method-assign]
        sys.path.insert(0, "")
        launch("launch_user", settings)
        return sys.modules["launch_user"].ids, seen

    assert in_child(serve) == ((NOBODY, NOBODY), [(NOBODY, 0o077)])
    owners = {path.name: path.stat().st_uid for path in Path("private").iterdir()}
    assert owners == {"error.log": 0, "access.log": 0, "s": pwd.getpwnam("daemon").pw_uid}


# The access log


def test_the_access_log_is_off_where_a_web_server_keeps_one(tmp_path: Path, inherited: str) -> None:
    assert start(fastcgi=inherited).access_log is None


def test_the_access_log_can_be_asked_for_even_there(inherited: str) -> None:
    assert start(fastcgi=inherited, access_log="access.log").access_log is not None


def test_the_access_log_is_on_by_default_and_can_be_off() -> None:
    assert start(scgi="unix:s").access_log is not None
    assert start(scgi="unix:s", access_log=None).access_log is None


def test_relative_paths_of_logs_and_sockets_start_in_chdir(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    server = start(scgi="unix:s", access_log="access.log", chdir="site")
    assert server.addresses == [f"SCGI on unix:{tmp_path}/site/s"]
    assert sorted(os.listdir(tmp_path / "site")) == ["access.log", "error.log"]
    assert os.listdir(tmp_path) == ["site"]


# The application


@pytest.mark.parametrize(
    ("choice", "handed_over", "answers"),
    [
        ("auto", False, False),
        ("auto", True, True),
        ("exit", True, False),
        ("answer", False, True),
    ],
)
def test_on_boot_error(inherited: str, choice: str, handed_over: bool, answers: bool) -> None:
    Path("launch_broken.py").write_text("import absent_framework\n")
    address = inherited if handed_over else "unix:s"
    if answers:
        server = start("launch_broken", fastcgi=address, on_boot_error=choice)
        assert isinstance(server.application, LazyApplication)
        assert "requests are answered with 500 until it can be loaded" in log()
    else:
        with pytest.raises(BootError, match="No module named 'absent_framework'"):
            start("launch_broken", fastcgi=address, on_boot_error=choice)
    if not handed_over:
        os.close(int(inherited[3:]))
    assert "ModuleNotFoundError: No module named 'absent_framework'" in log()


def test_a_named_application_is_loaded_before_the_first_request() -> None:
    Path("launch_loaded.py").write_text("def app(environ, start_response): return []\n")
    assert start("launch_loaded", scgi="unix:s").application is sys.modules["launch_loaded"].app
    assert ": launch_loaded, 8 threads" in log()


def test_variables_that_are_no_settings_are_named() -> None:
    environ = {"GATEWAYS_KEY_OF_SOMEBODY": "x", "GATEWAYS_ERROR_LOG": "error.log"}
    settings = Settings.load(environ, {"scgi": ["unix:s"], "user": OWN})
    launch(application, settings)
    assert "notice: no settings, ignored: GATEWAYS_KEY_OF_SOMEBODY\n" in log()

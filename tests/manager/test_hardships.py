"""A master under circumstances: without descriptors, terminal or directory, as process 1, behind other starters."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import wire
from tests.support.managing import ROOT, Managed, children, descriptors, managing, zombies
from tests.support.processes import stat
from tests.support.serving import until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change to another user")


def shell(commands: str) -> list[str]:
    """A prefix that runs these commands before it becomes the program."""
    return ["sh", "-c", f'{commands}; exec "$@"', "sh"]


def reload(managed: Managed) -> None:
    """Reload by SIGHUP, and wait until only new workers are left."""
    before = set(managed.workers())
    managed.signal(signal.SIGHUP)
    until_renewed(managed, before)


def until_renewed(managed: Managed, before: set[int]) -> None:
    until(lambda: len(managed.workers()) == len(before) and not before & set(managed.workers()), managed.log)


def order(managed: Managed, command: str) -> None:
    """Give an order by the control socket, and see that it is done."""
    words = [sys.executable, "-m", "gateways", command, "--control", str(managed.control)]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr


# Descriptors and terminals


@pytest.mark.parametrize("preload", ["--no-preload", "--preload"])
def test_closed_standard_streams(preload: str) -> None:
    prefix = shell("exec 0<&- 1>&- 2>&-")
    with managing("--workers", "2", preload, prefix=prefix) as managed:
        reload(managed)
        for pid in (managed.pid, *managed.workers()):
            assert descriptors(pid)[:3] == ["/dev/null"] * 3
        assert managed.ask("/pid").status == "200 OK"
        assert managed.stop() == 0


def test_nohup_is_obeyed() -> None:
    with managing("--workers", "1", "--control", "{dir}/control", prefix=["nohup"]) as managed:
        worker = managed.worker()
        for pid in (worker, managed.pid):
            os.kill(pid, signal.SIGHUP)
        ignored = Path(f"/proc/{worker}/status").read_text().partition("SigIgn:")[2].split()[0]
        assert int(ignored, 16) >> (signal.SIGHUP - 1) & 1, "what the application starts would end"
        # What comes after it in time has happened, so it has had its turn.
        order(managed, "reopen")
        assert managed.worker() == worker
        order(managed, "reload")
        until(lambda: managed.worker() != worker)  # an old one may take one more, before it has the word


#: Takes the terminal that is named as its own, which its session must not have yet.
TAKE_TERMINAL = """
import fcntl, os, sys, termios
terminal = os.open(sys.argv[1], os.O_RDWR)
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
for number in range(3):
    os.dup2(terminal, number)
os.close(terminal)
os.execvp(sys.argv[2], sys.argv[2:])
"""


@contextlib.contextmanager
def at_a_terminal(*flags: str) -> Iterator[tuple[Managed, int]]:
    """Run a master at a terminal, where it writes its log; also give the other end."""
    ours, theirs = os.openpty()
    try:
        prefix = [sys.executable, "-c", TAKE_TERMINAL, os.ttyname(theirs)]
        with managing(*flags, "--error-log", "-", prefix=prefix, ready=False) as managed:
            log = b""
            while b"notice: ready: " not in log:
                log += os.read(ours, 4096)
            os.close(theirs)
            theirs = -1
            yield managed, ours
    finally:
        for end in {ours, theirs} - {-1}:
            os.close(end)


def test_a_terminal_that_goes_away() -> None:
    """All processes there get SIGHUP. The master takes it for a reload, and writes its log to nobody."""
    with at_a_terminal("--workers", "2") as (managed, terminal):
        before = set(managed.workers())
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, terminal)  # closes it, and keeps the number for the end of the test
        os.close(null)
        until_renewed(managed, before)
        managed.ask("/log/nobody-reads-this")
        assert managed.ask("/pid").status == "200 OK"
        assert managed.stop() == 0


def test_ctrl_c_at_a_terminal_is_for_the_master() -> None:
    """All processes there get SIGINT, and the workers finish what they have in hand."""
    with at_a_terminal("--workers", "2") as (managed, terminal):
        sock = managed.send("/stream/5")
        assert sock.recv(1, socket.MSG_PEEK)
        os.write(terminal, b"\x03")
        assert b"4\n" in managed.receive(sock).body
        assert managed.wait() == 0


# Directories


def test_started_in_a_directory_that_is_gone() -> None:
    with managing("--workers", "1", prefix=shell("mkdir gone; cd gone; rmdir ../gone")) as managed:
        reload(managed)
        assert managed.ask("/pid").status == "200 OK"


def test_a_directory_that_is_removed_meanwhile() -> None:
    with managing("--workers", "1", prefix=shell("mkdir here; cd here")) as managed:
        (managed.directory / "here").rmdir()
        (managed.directory / "log").rename(managed.directory / "old")
        managed.signal(signal.SIGUSR1)
        until((managed.directory / "log").exists)
        reload(managed)
        assert managed.ask("/pid").status == "200 OK"
        assert managed.stop() == 0


RELEASE = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'release %d']\n"


def test_a_reload_follows_the_link_to_the_newest_release(socket_dir: Path) -> None:
    for number in (1, 2):
        (socket_dir / str(number)).mkdir()
        (socket_dir / str(number) / "released.py").write_text(RELEASE % number)
    (socket_dir / "current").symlink_to("1")
    with managing("--workers", "1", application="released", prefix=shell(f"cd {socket_dir}/current")) as managed:
        assert managed.ask().body == b"release 1"
        before = set(managed.workers())
        (socket_dir / "new").symlink_to("2")
        (socket_dir / "new").rename(socket_dir / "current")
        for path in (socket_dir / "1").rglob("*.py*"):
            path.unlink()
        managed.signal(signal.SIGHUP)
        until_renewed(managed, before)
        assert managed.ask().body == b"release 2"


# Process 1


def namespace() -> list[str]:
    """A prefix that makes the program process 1 of a namespace of its own, as in a container."""
    prefix = ["unshare", "--pid", "--fork", "--mount-proc"]
    try:
        allowed = subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        pytest.skip("no namespaces for this user")
    return prefix


def parent(pid: int) -> int:
    return int(stat(pid)[1])


@pytest.mark.parametrize("contained", [True, False])
@pytest.mark.parametrize("preload", ["--no-preload", "--preload"])
def test_orphans_are_collected_and_signals_obeyed(contained: bool, preload: str) -> None:
    with managing("--workers", "1", preload, prefix=namespace() if contained else []) as managed:
        master = children(managed.pid)[0] if contained else managed.pid
        if contained:
            assert Path(f"/proc/{master}/status").read_text().partition("NSpid:")[2].splitlines()[0].split()[-1] == "1"
        with managed.send("/fork") as sock:  # the child keeps the connection open: its end does not come
            assert wire.RecordReader(sock).answer().status == "200 OK"
        [orphan] = [pid for worker in children(master) for pid in children(worker)]
        managed.strays.add(orphan)
        os.kill(parent(orphan), signal.SIGKILL)
        until(lambda: parent(orphan) == master)
        assert managed.ask("/pid").status == "200 OK"
        os.kill(orphan, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{orphan}").exists(), "for the master to collect it")
        until(lambda: zombies(master) == [])
        with managed.send("/stream/5") as sock:
            assert sock.recv(1, socket.MSG_PEEK)
            os.kill(master, signal.SIGTERM)
            until(lambda: b"4\n" in sock.recv(65536))
        assert managed.wait() == 0


def test_the_image_is_run_and_found_healthy() -> None:
    """The commands of conf/container/Dockerfile, as process 1."""
    text = (ROOT / "conf/container/Dockerfile").read_text().replace("\\\n", "")
    served, asked = (json.loads(line) for line in re.findall(r"CMD (\[.*\])$", text, re.MULTILINE))
    place = served.pop(served.index("--fastcgi") + 1)
    served.remove("--fastcgi")
    assert served[:3] == ["gateways", "serve", "app:application"]
    with managing(*served[3:], prefix=namespace()) as managed:

        def check(patience: str = "40s") -> int:
            changes = {place: f"unix:{managed.directory}/socket", "4s": patience}
            words = [changes.get(word, word) for word in asked[1:]]
            command = [sys.executable, "-m", "gateways", *words]
            return subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode

        [master] = children(managed.pid)
        workers = children(master)
        assert len(workers) == 4
        assert check() == 0
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        assert check("0.5s") != 0
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        assert check() == 0
        os.kill(master, signal.SIGTERM)
        assert managed.wait() == 0


# Sockets of others

#: Opens the socket and starts the program as systemd does.
ACTIVATE = """
import os, socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.bind(os.path.join(os.getcwd(), "socket"))
sock.listen(100)
if sock.fileno() != 3:
    os.dup2(sock.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_FDNAMES="web", LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[1], sys.argv[1:])
"""

ACTIVATED = """
[gateways]
application = "{app}"
fastcgi = "systemd:web"
workers = 2
error_log = "{dir}/log"
access_log = "off"
"""


def test_a_socket_of_systemd() -> None:
    with managing(config=ACTIVATED, prefix=[sys.executable, "-c", ACTIVATE]) as managed:
        path = managed.directory / "socket"
        reload(managed)
        for variable in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):
            assert managed.ask(f"/environ/{variable}").body == b""
        assert managed.stop() == 0
        assert path.exists()  # it is systemd's, which listens on


def test_a_socket_on_standard_input() -> None:
    """As supervisor passes it; the flag says that there is to be a master all the same."""
    code = ACTIVATE.replace("3", "0").replace("os.environ.update", "dict")
    config = ACTIVATED.replace("systemd:web", "fd:0")
    with managing(config=config, prefix=[sys.executable, "-c", code]) as managed:
        reload(managed)
        assert descriptors(managed.pid)[0] == "/dev/null"
        assert managed.stop() == 0
        assert (managed.directory / "socket").exists()


# The pid file


def test_the_pid_file_says_who_the_master_is() -> None:
    with managing("--workers", "1", "--pid-file", "{dir}/pid") as managed:
        path = managed.directory / "pid"
        assert path.read_text() == f"{managed.pid}\n"
        reload(managed)
        assert path.read_text() == f"{managed.pid}\n"
        assert managed.stop() == 0
        assert not path.exists()


def test_the_pid_file_of_a_killed_master_is_no_hindrance() -> None:
    with managing("--workers", "1", "--pid-file", "{dir}/pid") as managed:
        path = managed.directory / "pid"
        managed.signal(signal.SIGSTOP)  # its workers stop, too late for the next start
        for pid in managed.workers():
            os.kill(pid, signal.SIGSTOP)
        workers = managed.workers()
        managed.signal(signal.SIGKILL)
        managed.wait()
        assert path.exists()
        with managing("--workers", "1", "--pid-file", str(path)) as second:
            assert path.read_text() == f"{second.pid}\n"
            for pid in workers:
                os.kill(pid, signal.SIGKILL)

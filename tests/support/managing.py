"""``gateways serve`` with a master and workers, as a process of its own, for tests from end to end.

with managing("--workers", "2") as managed:
    managed.ask("/pid").body
    managed.signal(signal.SIGHUP)
    report = managed.load(rate=100, seconds=2)

``managing`` waits until a request is answered and all workers are ready. At the end it stops the master, and nothing
that it started may be left; when the test fails, the error log is printed.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM

from tests.support import wire
from tests.support.load import Load, Report, Target, loading
from tests.support.managed_app import AT_BOOT, DIRECTORY
from tests.support.processes import is_running, stat
from tests.support.serving import PATIENCE, connect, scgi_answer, until

ROOT = Path(__file__).parents[2]
APPLICATION = Path(__file__).with_name("managed_app.py")

#: In the environment of everything that one ``managing`` starts: what has left its session is found by it.
MARK = DIRECTORY

#: It ends with the process of the tests, even when that is killed.
LEASH = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()


class Managed:
    """A running master. ``directory`` holds the socket, the error log ``log`` and whatever the test puts there."""

    def __init__(self, process: subprocess.Popen[bytes], directory: Path, target: Target, mark: str) -> None:
        self.process = process
        self.directory = directory
        self.target = target
        self._mark = mark
        #: Processes that the application has left on purpose: killed at the end, and no complaint.
        self.strays: set[int] = set()

    # The process

    @property
    def pid(self) -> int:
        """The master."""
        return self.process.pid

    @property
    def log(self) -> str:
        """The error log so far."""
        return "".join(
            path.read_text(encoding="utf-8", errors="replace")
            for path in (self.directory / "log", self.directory / "stderr")
            if path.exists()
        )

    @property
    def control(self) -> Path:
        """Where the control socket is, when the flags have ``--control {dir}/control``."""
        return self.directory / "control"

    def workers(self) -> list[int]:
        """The master's children that are alive, without the nursery."""
        return workers_of(self.pid)

    def signal(self, number: int) -> None:
        """Send a signal to the master."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end of the master, and return its exit status."""
        return self.process.wait(PATIENCE)

    def stop(self, number: int = SIGTERM) -> int:
        """Ask the master to end, and return its exit status."""
        self.signal(number)
        return self.wait()

    def processes(self) -> list[int]:
        """All processes that are alive and come from this master, strays among them."""
        return processes_of(self.pid, self._mark)

    def until(self, text: str, times: int = 1) -> None:
        """Wait until the error log has ``text`` so many times."""
        until(lambda: self.log.count(text) >= times, f"for {text!r} in the log:\n{self.log}")

    def at_boot(self, action: str) -> None:
        """Say what the application does when it is imported from now on: see ``managed_app``; ``""`` is nothing."""
        (self.directory / "at-boot").write_text(action, encoding="ascii")

    # Requests

    def connect(self) -> socket.socket:
        """Return a new connection."""
        return connect(self.target.family, self.target.address)

    def send(self, path: str = "/pid", body: bytes = b"") -> socket.socket:
        """Send a request on a new connection."""
        sock = self.connect()
        wire.send_all(sock, _request(self.target.protocol, path, body))
        return sock

    def receive(self, sock: socket.socket) -> wire.Answer:
        """Read the answer to ``send``, and close the connection."""
        with sock:
            data = wire.receive_all(sock)
        return wire.answer(wire.parse_records(data)) if self.target.protocol == "fastcgi" else scgi_answer(data)

    def ask(self, path: str = "/pid", body: bytes = b"") -> wire.Answer:
        """Return the answer to one request."""
        return self.receive(self.send(path, body))

    def worker(self) -> int:
        """The process id of a worker, the one that answers now."""
        return int(self.ask("/pid").body)

    def begin(self, name: str, seconds: float) -> tuple[socket.socket, int]:
        """Send a request that takes some seconds; return when it is in hand, with the process id of its worker."""
        sock = self.send(f"/begin/{name}/{seconds}")
        return sock, begun(self.directory / name)

    def hold(self, name: str, action: str = "stay") -> tuple[socket.socket, int]:
        """The same for a request that goes on until ``release``; ``clutch`` holds its interpreter as well."""
        sock = self.send(f"/{action}/{name}")
        return sock, begun(self.directory / name)

    def release(self, name: str) -> None:
        """Let the request of that name go on."""
        (self.directory / name).unlink()

    # Load

    def loading(self, rate: float, *paths: str, keep: bool = False) -> contextlib.AbstractContextManager[Load]:
        """Send ``rate`` requests a second while the block runs."""
        return loading(self.target._replace(keep=keep), rate, *paths)

    def load(self, rate: float, seconds: float, *paths: str, keep: bool = False) -> Report:
        """Send ``rate`` requests a second for some seconds, and return what became of them."""
        with self.loading(rate, *paths, keep=keep) as load:
            time.sleep(seconds)
        return load.report


@contextlib.contextmanager
def managing(
    *flags: str,
    application: str | Path = APPLICATION,
    config: str | None = None,
    protocol: str = "fastcgi",
    environ: Mapping[str, str] | None = None,
    at_boot: str = "",
    ready: bool = True,
    prefix: Sequence[str] = (),
    directory: Path | None = None,
) -> Iterator[Managed]:
    """Run ``gateways serve`` with ``flags`` (``--workers N`` among them) on a Unix socket.

    ``{dir}`` in a flag, a value of ``environ`` or ``config`` is ``directory``, by default one of its own; the socket is
    ``{dir}/socket``. ``config`` is the text of a ``gateways.toml``, which then names the application (``{app}`` is that
    of this package), where it listens, and as root the ``user`` (``{user}`` is who runs the tests). ``ready=False``
    does not wait. ``prefix`` is put before the command.
    """
    with contextlib.ExitStack() as stack:
        if directory is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gw-")))
            directory.chmod(0o755)
        name, user = str(directory), pwd.getpwuid(os.geteuid()).pw_name

        def fill(text: str) -> str:
            return text.replace("{dir}", name).replace("{app}", f"{APPLICATION}:application").replace("{user}", user)

        if config is not None:
            (directory / "gateways.toml").write_text(fill(config), encoding="utf-8")
            words = ["--config", f"{name}/gateways.toml"]
        else:
            words = [f"{application}:application", f"--{protocol}", f"unix:{name}/socket", "--access-log", "off"]
            words += ["--error-log", f"{name}/log"]
            words += ["--user", "root"] if os.geteuid() == 0 and "--user" not in flags else []
        variables = {variable: value for variable, value in os.environ.items() if not variable.startswith("LISTEN_")}
        variables.update({MARK: name, AT_BOOT: f"{name}/at-boot", "PYTHONPATH": str(ROOT)})
        variables.update({variable: fill(value) for variable, value in (environ or {}).items()})
        (directory / "at-boot").write_text(at_boot, encoding="ascii")
        command = [*prefix, *LEASH, sys.executable, "-m", "gateways", "serve", *words, *map(fill, flags)]
        with (directory / "stderr").open("ab") as stderr:
            process = subprocess.Popen(
                command, cwd=name, env=variables, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                start_new_session=True,
            )  # fmt: skip
        managed = Managed(process, directory, Target(protocol, f"{name}/socket"), name)
        try:
            if ready:
                says = _says_when_ready(flags, config)
                until(lambda: process.poll() is not None or _answers(managed), "for an answer")
                until(lambda: process.poll() is not None or not says or "ready: " in managed.log, "to be ready")
                assert process.poll() is None, f"ended with status {process.returncode}"
            yield managed
            _end(managed)
        except BaseException:
            print(f"--- error log of {' '.join(command)}\n{managed.log}---")
            raise
        finally:
            _kill(managed)


def _says_when_ready(flags: Sequence[str], config: str | None) -> bool:
    """Whether there is a master, and a log that is read here to which it says that all workers are ready."""
    if config is not None:
        return "workers" in config and 'error_log = "{dir}/log"' in config and "log_level" not in config
    workers = dict(zip(flags, flags[1:])).get("--workers", "0")
    return workers != "0" and not {"--error-log", "--log-level"} & set(flags)


def _end(managed: Managed) -> None:
    """Stop the master, unless it has ended already; nothing but strays may be left."""
    if managed.process.poll() is None:
        managed.stop()
    until(lambda: set(managed.processes()) <= managed.strays, "for all processes to end")


def _kill(managed: Managed) -> None:
    """Nothing outlives the test, whatever has happened."""
    for _ in range(100):  # who forks while we look is seen the next time
        left = managed.processes()
        if not left and managed.process.poll() is not None:
            break
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            managed.process.wait(0.05)


def begun(path: Path) -> int:
    """Wait until ``/begin`` has written ``path``, and return the process id."""
    until(path.exists, f"for {path}")
    return int(path.read_text(encoding="ascii"))


def _answers(managed: Managed) -> bool:
    try:
        with managed.send("/pid") as sock:
            return len(sock.recv(8)) > 0
    except OSError:
        return False


def _request(protocol: str, path: str, body: bytes) -> bytes:
    name, _, query = path.encode().partition(b"?")
    given = {b"PATH_INFO": name, b"REQUEST_URI": path.encode(), b"QUERY_STRING": query}
    variables = [(name, given.get(name, value)) for name, value in wire.post(len(body))]
    if not body:
        variables[1] = (b"REQUEST_METHOD", b"GET")
    return wire.request(variables, body) if protocol == "fastcgi" else wire.scgi(variables, body)


# Processes


def pids() -> list[int]:
    """All process ids of this machine."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def children(pid: int) -> list[int]:
    """The children of a process that are alive."""
    return [child for child in pids() if (fields := stat(child)) and fields[0] != "Z" and int(fields[1]) == pid]


def workers_of(master: int) -> list[int]:
    """The workers of a master that are alive, also those that their nursery has not left behind yet."""
    return [pid for pid in pids() if not _is_nursery(pid) and _belongs(pid, master)]


def _belongs(pid: int, master: int) -> bool:
    parent = _parent(pid)
    while parent and parent != master and _is_nursery(parent):
        parent = _parent(parent)
    return master in (parent, _parent(pid))  # it may have become the master's meanwhile


def _parent(pid: int) -> int:
    """The parent of a process that is alive, or 0."""
    fields = stat(pid)
    return int(fields[1]) if fields and fields[0] != "Z" else 0


def processes_of(master: int, mark: str) -> list[int]:
    """All that are alive and come from a master: they are of its session, or have its ``MARK`` in their environment."""
    return [pid for pid in pids() if is_running(pid) and (_session(pid) == master or _marked(pid, mark))]


def zombies(pid: int) -> list[int]:
    """The children of a process that have ended, and that it has not waited for."""
    return [child for child in pids() if (fields := stat(child)) and fields[0] == "Z" and int(fields[1]) == pid]


def descriptors(pid: int) -> list[str]:
    """What the open descriptors of a process are: a path, or a kind and a number."""
    found = []
    for number in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return found


def resident(pid: int) -> int:
    """The memory that a process has in use, bytes."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def high_water(pid: int) -> int:
    """The most memory that a process has had in use, bytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


def _session(pid: int) -> int:
    fields = stat(pid)
    return int(fields[3]) if fields else 0


def _marked(pid: int, mark: str) -> bool:
    try:
        return f"{MARK}={mark}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except (OSError, ProcessLookupError):
        return False


def _is_nursery(pid: int) -> bool:
    try:
        return b"nursery" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ProcessLookupError):
        return False

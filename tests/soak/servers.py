"""A server under test, and ours: how it is started, told to reload and stopped, and where its processes are."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.live.sandbox import free_port
from tests.soak.model import OURS, SoakError, Wish
from tests.support.load import Address, Load, Report, Target, ask, loading
from tests.support.managed_app import AT_BOOT
from tests.support.managing import APPLICATION, LEASH, MARK, ROOT, children, processes_of, workers_of

#: How long a server may take to start, or to end, before the scenario is given up, seconds.
PATIENCE = 30.0

#: How long a request may take, seconds.
ANSWER = 10.0


class Running:
    """A server that runs: the master is ``process``."""

    def __init__(self, server: Server, wish: Wish, directory: Path, address: Address) -> None:
        self.server = server
        self.wish = wish
        self.directory = directory
        self.address = address
        self._start()

    def _start(self) -> None:
        command = [*LEASH, *self.server.command(self.wish, self.directory, self.address)]
        if self.wish.descriptors:
            command = ["prlimit", f"--nofile={self.wish.descriptors}", *command]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAYS_", "LISTEN_"))}
        environ.update(self.server.environ)
        environ.update({MARK: str(self.directory), AT_BOOT: f"{self.directory}/at-boot", "PYTHONPATH": str(ROOT)})
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.directory, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    # The processes

    @property
    def master(self) -> int:
        return self.process.pid

    def workers(self) -> list[int]:
        """The processes that serve."""
        return workers_of(self.master)

    def processes(self) -> list[int]:
        """All that are alive."""
        return processes_of(self.master, str(self.directory))

    @property
    def alive(self) -> bool:
        """Whether the master runs."""
        return self.process.poll() is None

    @property
    def log_file(self) -> Path:
        return self.directory / "log"

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def at_boot(self, action: str) -> None:
        """Say what managed_app does at its next import."""
        (self.directory / "at-boot").write_text(action, encoding="ascii")

    def reload(self) -> None:
        """Ask for new workers."""
        self._signal(self.server.reload_signal)

    def stop(self) -> None:
        """Ask for a graceful end."""
        self._signal(self.server.stop_signal)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.master, number)

    def restart(self) -> None:
        """Start the master again, after the last one has ended."""
        self._start()

    def kill(self) -> None:
        """End all at once."""
        for _ in range(100):
            left = self.processes()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not left:
                break
            self.process.poll()
            time.sleep(0.02)
        self.process.wait(PATIENCE)

    # Requests

    def target(self, *, keep: bool = False) -> Target:
        """Where the requests go."""
        return Target(self.wish.protocol, self.address, keep, self.server.variables(self.directory))

    def loading(self, rate: float, *paths: str, keep: bool = False) -> contextlib.AbstractContextManager[Load]:
        """Send ``rate`` requests a second while the block runs."""
        return loading(self.target(keep=keep), rate, *paths, patience=ANSWER)

    def load(self, rate: float, seconds: float, *paths: str, keep: bool = False) -> Report:
        """Send ``rate`` requests a second for a time."""
        with self.loading(rate, *paths, keep=keep) as load:
            time.sleep(seconds)
        return load.report

    def answers(self, path: str = "/pid") -> bytes | None:
        """Return the body of one answer, None where there is none."""
        outcome = ask(self.target(), path)
        return None if outcome.failure else outcome.body

    def wait_ready(self) -> None:
        """Wait until a request is answered; all workers are there by then, or soon."""
        self.wait(lambda: not self.alive or self.answers() is not None, "to answer")
        if not self.alive:
            raise SoakError(f"{self.server.name} has ended with {self.process.returncode}:\n{self.log[-2000:]}")
        self.wait(lambda: len(self.workers()) >= self.wish.workers, "to have all its workers")

    def wait(self, condition: object, what: str, seconds: float = PATIENCE) -> float:
        """Wait for ``condition()``, and return how long that took."""
        took = waited(condition, seconds)
        if took is None:
            state = "which runs" if self.alive else f"which has ended with {self.process.returncode}"
            raise SoakError(f"waited {seconds:g} s for {self.server.name}, {state}, {what}:\n{self.log[-2000:]}")
        return took


class Server(ABC):
    """One of the servers that are compared."""

    name: str
    reload_signal: int = signal.SIGHUP
    stop_signal: int = signal.SIGTERM
    environ: Mapping[str, str] = {}
    protocols: tuple[str, ...] = ("fastcgi",)
    #: Whether it leaves a FastCGI connection open, when asked to.
    keeps: bool = True

    @abstractmethod
    def command(self, wish: Wish, directory: Path, address: Address) -> list[str]:
        """Return the command that runs it in the foreground, with its log on standard error."""

    def missing(self) -> str:
        """Say what is not installed; empty when all is there."""
        return ""

    def version(self) -> str:
        return ""

    def variables(self, directory: Path) -> tuple[tuple[bytes, bytes], ...]:
        """Variables that its requests need beside the usual ones."""
        return ()

    @contextlib.contextmanager
    def running(self, wish: Wish, *, ready: bool = True) -> Iterator[Running]:
        """Run it; at the end everything is killed."""
        with tempfile.TemporaryDirectory(prefix="gw-soak-") as name:
            directory = Path(name)
            directory.chmod(0o777)  # the application of php-fpm writes into it as www-data
            (directory / "at-boot").write_text(wish.at_boot, encoding="ascii")
            address: Address = ("127.0.0.1", free_port()) if wish.tcp else f"{name}/socket"
            running = Running(self, wish, directory, address)
            try:
                if ready:
                    running.wait_ready()
                yield running
            finally:
                running.kill()


class Ours(Server):
    """``gateways serve --workers``."""

    name = OURS
    protocols = ("fastcgi", "scgi")

    def command(self, wish: Wish, directory: Path, address: Address) -> list[str]:
        flags = [
            f"--workers={wish.workers}",
            f"--threads={wish.threads}",
            f"--graceful-timeout={wish.graceful_timeout}",
        ]
        flags += [f"--{wish.protocol}", text_of(address), "--access-log=off", "--socket-mode=0666"]
        if os.geteuid() == 0:
            flags += ["--user=root"]
        if wish.preload:
            flags += ["--preload"]
        if wish.request_timeout:
            flags += [f"--request-terminate-timeout={wish.request_timeout}"]
        if wish.max_requests:
            flags += [f"--max-requests={wish.max_requests}"]
        return [sys.executable, "-m", "gateways", "serve", f"{APPLICATION}:application", *flags, *wish.flags]

    def version(self) -> str:
        command = [sys.executable, "-m", "gateways", "--version"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def text_of(address: Address) -> str:
    """An address as it is written in flags of ours."""
    return f"unix:{address}" if isinstance(address, str) else f"{address[0]}:{address[1]}"


def waited(condition: object, seconds: float = PATIENCE) -> float | None:
    """Wait for ``condition()`` and return how long that took; None when it did not come true in time."""
    assert callable(condition)
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            return None
        time.sleep(0.005)
    return time.monotonic() - begun


__all__ = ["Ours", "Running", "Server", "children", "text_of", "waited"]

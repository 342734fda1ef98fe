"""``gateways serve`` as a process of its own, for what a thread of the tests cannot be: signals, limits, exit codes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support import wire
from tests.support.processes import INSIST
from tests.support.serving import PATIENCE, connect, until

APPLICATION = Path(__file__).with_name("sleepy.py")
ROOT = Path(__file__).parents[2]


class Program:
    """A running ``gateways serve``; its error log is ``log``."""

    def __init__(self, process: subprocess.Popen[bytes], address: str, log_file: Path) -> None:
        self.process = process
        self.address = address
        self._log_file = log_file

    @property
    def log(self) -> str:
        return self._log_file.read_text(encoding="utf-8")

    def connect(self) -> socket.socket:
        """Return a new connection."""
        return connect(socket.AF_UNIX, self.address)

    def send(self, path: str = "/", *, keep: bool = False) -> socket.socket:
        """Send a request on a new connection."""
        sock = self.connect()
        sock.sendall(request(path, keep=keep))
        return sock

    def ask(self, path: str = "/") -> bytes:
        """Return the body of the answer to one request."""
        with self.send(path) as sock:
            return wire.answer(wire.parse_records(wire.receive_all(sock))).body

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        return self.process.wait(PATIENCE)

    def cpu_seconds(self) -> float:
        """Return the processor time the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def times_woken(self) -> int:
        """Return how often a thread of the process has waited for something and gone on."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/status")
        lines = [line for task in tasks for line in task.read_text(encoding="ascii").splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches:"))


def request(path: str, *, keep: bool = False) -> bytes:
    """Write a GET request for ``path``."""
    given = {b"PATH_INFO": path.encode(), b"REQUEST_URI": path.encode()}
    return wire.request([(name, given.get(name, value)) for name, value in wire.GET], keep=keep)


@contextlib.contextmanager
def running(
    directory: Path, *flags: str, application: Path | str = APPLICATION, stdout: int | None = None
) -> Iterator[Program]:
    """Run ``gateways serve`` on a socket in ``directory``."""
    address = str(directory / "socket")
    log_file = directory / "log"
    command = [sys.executable, "-m", "gateways", "serve", f"{application}:application", "--fastcgi", f"unix:{address}"]
    command += ["--access-log", "off", "--error-log", str(log_file), *flags]
    log_file.touch()
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **INSIST}, stdout=stdout) as process:
        program = Program(process, address, log_file)
        try:
            until(lambda: "serving fastcgi" in program.log or process.poll() is not None, program.log)
            assert process.poll() is None, program.log
            yield program
        finally:
            process.kill()

"""A backend that runs: its processor time, its memory, and whether it answers as it should."""

from __future__ import annotations

import contextlib
import http.client
import os
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.backends import ROOT, Backend, BenchError
from tests.live.servers import Process
from tests.support.processes import INSIST

#: What a child process must not inherit from the person's shell.
_OURS = ("GATEWAYS_", "LISTEN_", "PYTHON", "FCGI_")

_LOG_SHOWN = 2000


class Target:
    """A started backend. ``url_path`` is its place on nginx's port, ``port``; 0 where no nginx is in front."""

    def __init__(self, backend: Backend, home: Path, number: int) -> None:
        self.backend = backend
        self.socket = home / f"b{number}.sock"
        self.url_path = f"/b{number}/"
        self.port = 0
        self.baseline = 0  # KiB of memory before the first large request
        self._log = home / f"b{number}.log"
        command = [fill(part, socket=self.socket, apps=home / "apps") for part in backend.command]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        environ["PYTHONPATH"] = f"{backend.source or ROOT}{os.pathsep}{home}/apps"
        environ.update(INSIST)
        environ["BENCH_FILE"] = str(home / "file")
        self._process = Process(command, log=self._log, cwd=home, env={**environ, **backend.environ})

    def wait(self) -> None:
        """Wait until it listens."""
        try:
            self._process.wait_for(str(self.socket))
        except RuntimeError:
            raise self.failure("does not start") from None

    def stop(self) -> None:
        """Ask it to end, and kill what is left."""
        if self._process.popen.poll() is None:
            self._process.popen.terminate()
            with contextlib.suppress(Exception):
                self._process.popen.wait(5)
        self._process.kill()

    def failure(self, reason: str) -> BenchError:
        """An error with the backend's name in front and the end of its log behind."""
        log = self._log.read_text(errors="replace")[-_LOG_SHOWN:].strip()
        return BenchError(f"{self.backend.label} {reason}" + (f":\n{log}" if log else ""))

    # Processor time

    def processor_times(self) -> dict[int, float]:
        """Seconds of processor so far of the process and each of its children."""
        return {pid: processor_time(pid) for pid in self.pids()}

    def spent(self, before: dict[int, float]) -> float:
        """Seconds of processor since ``before``; a process that has ended since took its figure along."""
        after = self.processor_times()
        if not before.keys() <= after.keys():
            raise self.failure("has lost a process during the measurement")
        return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())

    def pids(self) -> list[int]:
        """The process and all below it."""
        if self._process.popen.poll() is not None:
            raise self.failure(f"has ended with status {self._process.popen.returncode}")
        return [self._process.pid, *self._process.children()]

    # Memory

    def memory(self, field: str) -> int:
        """KiB of ``VmRSS`` (now) or ``VmHWM`` (the most so far), of all processes."""
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(f"{field}:"):
                    total += int(line.split()[1])
        return total

    # Requests

    @contextlib.contextmanager
    def connection(self) -> Iterator[http.client.HTTPConnection]:
        """A connection to nginx."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            yield connection
        finally:
            connection.close()

    def check(self, path: str = "", expected: bytes = b"Hello, world\n") -> None:
        """Ask for a page; anything but the expected answer is an error that names the backend."""
        try:
            with self.connection() as connection:
                connection.request("GET", self.url_path + path)
                response = connection.getresponse()
                body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self.failure(f"does not answer ({error!r})") from None
        if (response.status, body) != (200, expected):
            raise self.failure(f"answers {response.status} {body[:200]!r} to {path or '/'}")


def processor_time(pid: int) -> float:
    """Seconds of processor of another process, all its threads and those that have ended, in nanoseconds' precision.

    This is clock_getcpuclockid(3), which Python lacks: /proc/PID/stat counts in ticks of 10 ms.
    """
    cpuclock_sched = 2
    return time.clock_gettime(~pid << 3 | cpuclock_sched)


def fill(text: str, **values: object) -> str:
    """Put values in the place of ``{name}``; other braces, of C and PHP and nginx, stay."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text

"""Starts a script as a web server does: as its account, with its environment, by CGI or with a FastCGI socket."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from gateways.client import Client
from gateways.client.variables import variables_for
from gateways.doctor.accounts import Account
from gateways.doctor.asking import beginning
from gateways.doctor.envline import SERVER_PATH
from gateways.doctor.targets import LONGEST
from gateways.errors import ConnectError, GatewayError

#: The environment of a web server's scripts, before the variables of a request. Nothing is to stay of a trial.
ENVIRON = {"PATH": SERVER_PATH, "PYTHONDONTWRITEBYTECODE": "1"}

#: The headers that every browser sends; a program may take them for granted.
_HEADERS = (
    ("Host", "localhost"),
    ("User-Agent", "Mozilla/5.0 (compatible; gateways doctor)"),
    ("Accept", "text/html,*/*;q=0.8"),
    ("Accept-Language", "en"),
    ("Accept-Encoding", "identity"),
    ("Cookie", "gateways=doctor"),
)

#: Bytes of what a script prints that are kept: the beginning, where the head is, and the end, where the reason is.
_KEPT = 65536

#: Seconds that what a script has started may take to let go of its output, once the script is over.
_LINGER = 2.0

#: Seconds for the same after all of it was ended: only what has left the group can still hold it.
_LAST = 10.0


@dataclass(frozen=True)
class Surroundings:
    """What ``.htaccess`` changes for a script: variables (SetEnv) and limits (RLimitMEM, RLimitCPU, RLimitNPROC)."""

    environ: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of one request.

    ``status`` is the process's exit status, as ``subprocess`` has it, None where it was still running. ``output`` is
    what CGI answers with, ``log`` what goes to the error log. By FastCGI ``answer`` is the HTTP status, 0 without one,
    and ``failure`` what the client said of it.
    """

    status: int | None
    output: bytes = b""
    log: bytes = b""
    timed_out: bool = False
    answer: int = 0
    failure: str = ""
    seconds: float = 0.0


def identity(account: Account) -> dict[str, Any]:
    """Return the keywords of ``subprocess`` that start a program as ``account``, where we may."""
    if account.is_us or os.geteuid() != 0:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": sorted(account.groups)}


def run_cgi(path: str, account: Account, around: Surroundings, timeout: float) -> Outcome:
    """Send a GET for / to a script by CGI. Raises ``OSError`` when it cannot be started."""
    path = os.path.abspath(path)
    environ = {**ENVIRON, **around.environ, **_variables(path)}
    begun = time.monotonic()
    kinds: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([path], env=environ, **kinds, **_start(path, account, around)) as process, _watched(process):
        assert process.stdout is not None
        assert process.stderr is not None
        output, log = _Collector(process.stdout), _Collector(process.stderr)
        try:
            process.wait(timeout)
            timed_out = False
        except subprocess.TimeoutExpired:
            timed_out = True
        output.wait(_LINGER)
        log.wait(_LINGER)
        status = process.poll()
        _end(process)
        output.wait(_LAST)
        log.wait(_LAST)
    took = timeout if timed_out else time.monotonic() - begun
    return Outcome(status, output.data, log.data, timed_out, seconds=took)


def run_fastcgi(path: str, account: Account, around: Surroundings, timeout: float) -> Outcome:
    """Start a script with a listening socket on descriptor 0, as mod_fcgid does, and send it a GET for /.

    Raises ``OSError`` when it cannot be started.
    """
    path = os.path.abspath(path)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gateways-") as directory, socket.socket(socket.AF_UNIX) as listening:
        address = os.path.join(directory, "socket")
        listening.bind(address)
        listening.listen(8)
        with (
            tempfile.TemporaryFile() as log,
            subprocess.Popen(
                [path],
                stdin=listening.fileno(),
                stdout=log,
                stderr=log,
                env=ENVIRON,
                **_start(path, account, around),
            ) as process,
            _watched(process),
        ):
            asking = _Asking(address, path, around, timeout)
            asking.start()
            while asking.is_alive() and process.poll() is None:
                asking.join(0.02)
            status = process.poll()
            listening.close()  # what waits in the backlog is over: nobody is there to answer it
            if status is not None:
                asking.join(_LINGER)
            _end(process)
            asking.join(timeout)
            said = _both_ends(log)
    took = timeout if asking.timed_out else time.monotonic() - begun
    return Outcome(status, b"", said + asking.stderr, asking.timed_out, asking.answer, asking.failure, took)


class _Asking(threading.Thread):
    """The web server's side of the FastCGI request."""

    def __init__(self, address: str, path: str, around: Surroundings, timeout: float) -> None:
        super().__init__(name="gateways-doctor", daemon=True)
        self._address, self._path, self._around, self._timeout = address, path, around, timeout
        self.answer = 0
        self.failure = ""
        self.stderr = b""
        self.timed_out = False

    def run(self) -> None:
        try:
            limit = LONGEST * self._timeout
            with Client("fastcgi", f"unix:{self._address}", timeout=self._timeout, keep=False, limit=limit) as client:
                more = [*_variables(self._path).items(), *self._around.environ.items()]
                with client.request("GET", "/", variables=more) as response:
                    self.answer = response.status
                    beginning(response)
                    self.stderr = response.stderr
        except TimeoutError as error:
            self.timed_out, self.failure = True, str(error)
        except ConnectError:
            self.failure = "it took no connection"
        except (GatewayError, OSError, ValueError) as error:
            self.failure = str(error).replace(f"unix:{self._address}: ", "")


class _Collector(threading.Thread):
    """Reads a pipe to its end, and keeps the beginning and the end of what came."""

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__(name="gateways-doctor-pipe", daemon=True)
        self._pipe = pipe
        self._head, self._tail = bytearray(), bytearray()
        self.start()

    def run(self) -> None:
        try:
            while data := os.read(self._pipe.fileno(), _KEPT):
                room = _KEPT - len(self._head)
                self._head += data[:room]
                self._tail += data[room:]
                del self._tail[:-_KEPT]
        except (OSError, ValueError):
            pass  # closed by us

    def wait(self, seconds: float) -> None:
        self.join(seconds)

    @property
    def data(self) -> bytes:
        return bytes(self._head + self._tail)


def _start(path: str, account: Account, around: Surroundings) -> dict[str, Any]:
    """Return the keywords of ``Popen`` that both ways share."""
    limits = {name: _within(name, value) for name, value in around.limits.items()}

    def limit() -> None:
        for name, value in limits.items():
            resource.setrlimit(name, (value, value))

    return {
        "cwd": os.path.dirname(path),
        "start_new_session": True,
        "preexec_fn": limit if limits else None,
        **identity(account),
    }


def _within(name: int, value: int) -> int:
    """Return a limit that anybody may set: none above the one that holds for us."""
    hard = resource.getrlimit(name)[1]
    return value if hard == resource.RLIM_INFINITY else min(value, hard)


def _variables(path: str) -> dict[str, str]:
    """Return the variables of the request, as Apache has them for a script that is asked for by its own name."""
    name = f"/{os.path.basename(path)}"
    pairs = variables_for("GET", f"{name}/", _HEADERS, script_name=name)
    variables = {key.decode("latin-1"): value.decode("latin-1") for key, value in pairs}
    return {**variables, "SCRIPT_FILENAME": path, "DOCUMENT_ROOT": os.path.dirname(path)}


@contextlib.contextmanager
def _watched(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End what was started when we are interrupted: Ctrl-C does not reach it, since it has a session of its own."""
    try:
        yield
    except BaseException:
        _end(process)
        process.wait(_LAST)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what was started, with all that it has started itself."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()


def _both_ends(file: IO[bytes]) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(_KEPT)
    file.seek(max(_KEPT, size - _KEPT))
    return head + file.read(_KEPT)

"""A real ``Server`` in a thread of the test's process, on a socket of its own, with what the tests look at.

with serving(application) as served:
    assert served.get().status == "200 OK"
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any, Callable, cast

from gateways.addresses import parse_address
from gateways.server.listeners import open_listeners
from gateways.server.renewal import Renewal
from gateways.server.slot import Slot
from gateways.server.worker import Server
from gateways.settings import Settings
from tests.support import httpwire, wire

#: How long anything that has to happen may take on a busy machine, seconds.
PATIENCE = 45.0


def until(condition: Callable[[], object], what: str = "") -> None:
    """Wait for ``condition`` to be true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE:g} s in vain {what}"
        time.sleep(0.002)


def connect(family: int, address: Any, source: str = "", receive_buffer: int = 0) -> socket.socket:
    """Connect, wait where the backlog is full, and return a socket whose reads and writes have a time limit."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.socket(family))
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            sock.bind((source, 0))
        sock.connect(address)
        sock.settimeout(PATIENCE)
        stack.pop_all()
        return sock


class RecordingLog:
    """Stands in for the error log and the access log, and keeps what it is given."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str]] = []
        self.requests: list[dict[str, Any]] = []
        #: Those of the requests, in the same order.
        self.numbers: list[int] = []

    def debug(self, text: str) -> None:
        self.entries.append(("debug", text))

    def info(self, text: str) -> None:
        self.entries.append(("info", text))

    def notice(self, text: str) -> None:
        self.entries.append(("notice", text))

    def warning(self, text: str) -> None:
        self.entries.append(("warning", text))

    def error(self, text: str) -> None:
        self.entries.append(("error", text))

    def exception(self, text: str, error: BaseException) -> None:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        self.entries.append(("exception", "".join([f"{text}\n", *lines])))

    def reopen(self) -> None:
        self.entries.append(("debug", "reopened"))

    def write(  # noqa: PLR0917 - as that of the access log
        self,
        environ: dict[str, Any],
        status: str,
        headers: object,
        size: int,
        seconds: float,
        aborted: bool,
        number: int,
    ) -> None:
        self.requests.append({"path": environ.get("PATH_INFO"), "status": status, "size": size, "aborted": aborted})
        self.numbers.append(number)

    def text(self, *levels: str) -> str:
        """All lines, or those of ``levels``."""
        return "\n".join(text for level, text in self.entries if not levels or level in levels)


class Served:
    """A running server."""

    def __init__(self, server: Server, address: Any, protocol: str, log: RecordingLog) -> None:
        self.server = server
        self.address = address
        self.protocol = protocol
        self.log = log
        self.exit_code: int | None = None
        self._thread = threading.Thread(target=self._run, name="served")

    def _run(self) -> None:
        self.exit_code = self.server.run()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> int:
        """Stop the server and return its exit code."""
        self.server.stop()
        self._thread.join(PATIENCE)
        assert self.exit_code is not None, "the server does not stop"
        return self.exit_code

    @property
    def stopped(self) -> bool:
        return not self._thread.is_alive()

    def connect(self, source: str = "", receive_buffer: int = 0) -> socket.socket:
        """Return a new connection from address ``source``; ``receive_buffer`` makes a peer that takes little."""
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        return connect(family, self.address, source, receive_buffer)

    def ask(self, data: bytes) -> bytes:
        """Send ``data`` on a new connection and return all that comes back until the server closes."""
        with self.connect() as sock:
            wire.send_all(sock, data)
            return wire.receive_all(sock)

    def request(self, params: wire.Pairs = wire.GET, body: bytes = b"") -> wire.Answer:
        """Serve one request on a connection of its own."""
        if self.protocol == "fastcgi":
            return wire.answer(wire.parse_records(self.ask(wire.request(params, body))))
        if self.protocol == "ajp":
            values = dict(params)
            method = b"\x0d" + wire.ajp_string(values[b"REQUEST_METHOD"])
            length = [(0xA008, b"%d" % len(body))] if body else []
            data = wire.ajp_forward(*length, method=255, uri=values[b"REQUEST_URI"], attributes=wire.AJP_PORT + method)
            with self.connect() as sock:
                pieces = [wire.ajp_body(body[at : at + 8186]) for at in range(0, len(body), 8186)]
                sock.sendall(data + b"".join(pieces))
                head = wire.ajp_answer(wire.ajp_receive(sock))
            return wire.Answer(f"Status: {head.status}".encode("latin-1"), head.body, b"", 0, wire.COMPLETE)
        if self.protocol == "http":
            head_only = dict(params)[b"REQUEST_METHOD"] == b"HEAD"
            return httpwire.answer(self.ask(httpwire.from_variables(params, body)), head_only)
        if params[0][0] != b"CONTENT_LENGTH":
            params = ((b"CONTENT_LENGTH", b"%d" % len(body)), *params)
        return scgi_answer(self.ask((wire.uwsgi if self.protocol == "uwsgi" else wire.scgi)(params, body)))

    def check_alive(self) -> None:
        """A good request on a new connection is answered."""
        assert self.request().status[:3] in {"200", "500"}, self.log.text()


def scgi_answer(data: bytes) -> wire.Answer:
    """Read a response of SCGI or uwsgi, which ends where the connection does."""
    head, end, body = data.partition(b"\r\n\r\n")
    assert end, f"no whole head in {data[:200]!r}"
    return wire.Answer(head, body, b"", 0, wire.COMPLETE)


@contextlib.contextmanager
def serving(
    application: Any,
    protocol: str = "fastcgi",
    tcp: bool = False,
    environ: dict[str, str] | None = None,
    managed: bool = False,
    renewal: Renewal | None = None,
    *,
    slot: Slot | None = None,
    **settings: Any,
) -> Iterator[Served]:
    """Run a server; afterwards it still has to answer a good request, and to stop when asked.

    ``environ`` is the environment of the process as the listener sees it.
    """
    log = RecordingLog()
    with tempfile.TemporaryDirectory() as directory:
        address = parse_address("127.0.0.1:0" if tcp else f"unix:{directory}/socket")
        listeners = open_listeners(protocol, address, environ={} if environ is None else environ)
        server = Server(
            application,
            listeners,
            Settings(**settings),
            cast(Any, log),
            cast(Any, log),
            managed=managed,
            renewal=renewal,
            slot=slot,
        )
        served = Served(server, listeners[0].sock.getsockname(), protocol, log)
        served.start()
        try:
            yield served
            if not served.stopped:
                served.check_alive()
        finally:
            served.stop()


class Recorder:
    """An application that reads the body, remembers everything and answers ``got `` and the body."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Seen:
        seen = Seen(environ)
        self.seen.append(seen)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return seen

    def named(self, path: str) -> Seen:
        """Return the one request that was made for ``path``."""
        [seen] = [seen for seen in self.seen if seen.environ["PATH_INFO"] == path]
        return seen


class Seen:
    """What ``Recorder`` knows of one request; it is the iterable of its response as well."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = dict(environ)
        self.body: bytes | None = None
        self.error: BaseException | None = None
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        try:
            self.body = self.environ["wsgi.input"].read()
        except BaseException as error:
            self.error = error
            raise
        yield b"got " + (self.body or b"")

    def close(self) -> None:
        self.closed += 1


def open_descriptors() -> int:
    """Return how many descriptors this process has open, without those of earlier tests that nobody uses any more."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def resident_bytes() -> int:
    """Return the memory this process has in use; 0 under AddressSanitizer, which keeps what is freed for a while."""
    if "ASAN_OPTIONS" in os.environ:
        return 0
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

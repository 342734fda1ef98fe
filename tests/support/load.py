"""Load on a server: so many requests a second, whatever becomes of them, each with its outcome and its time.

with loading(Target("fastcgi", "/run/app.sock", keep=True), 100) as load:
    server.signal(signal.SIGHUP)
assert load.report.failures == {}

A request begins when its time has come and never waits for another one's answer, so a server that stands still is seen
as many slow requests and not as one. Everything happens in one thread beside the caller's.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Union

from tests.support import wire
from tests.support.answers import BadAnswer, Reply, read_reply

#: How long a request may take before it counts as failed, seconds.
PATIENCE = 45.0

Address = Union[str, tuple[str, int]]


class Target(NamedTuple):
    """Whom to ask, and how: ``fastcgi``, ``scgi``, ``uwsgi`` to a backend, ``http`` to the web server before it.

    ``keep`` keeps connections for further requests (FastCGI and HTTP). ``more`` are variables beside the usual ones.
    With a ``body`` the requests are POST (HTTP only).
    """

    protocol: str
    address: Address
    keep: bool = False
    more: wire.Pairs = ()
    body: bytes = b""

    @property
    def family(self) -> int:
        return socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET

    def connect(self) -> socket.socket:
        """Return a new connection that waits as long as it takes."""
        with contextlib.ExitStack() as stack:
            sock = stack.enter_context(socket.socket(self.family))
            sock.connect(self.address)
            stack.pop_all()
            return sock

    def request(self, path: str) -> bytes:
        """Write a GET request for ``path``, or a POST request."""
        text = path.encode()
        if self.body:
            assert self.protocol == "http"
            head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
            return head % (text, len(self.body)) + self.body
        if self.protocol == "http":
            return b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % text
        given = {b"PATH_INFO": text, b"REQUEST_URI": text}
        variables = [*((name, given.get(name, value)) for name, value in wire.GET), *self.more]
        if self.protocol == "fastcgi":
            return wire.request(variables, keep=self.keep)
        if self.protocol == "uwsgi":
            return wire.uwsgi(variables)
        return wire.scgi([(b"CONTENT_LENGTH", b"0"), *variables])


class Outcome(NamedTuple):
    """What became of a request. ``failure`` is empty for one that was answered with 200, whole."""

    begun: float
    seconds: float
    path: str
    failure: str
    body: bytes


@dataclass
class Report:
    """All outcomes.

    ``retried`` counts requests that found the connection they were written to closed, before any byte of an answer,
    and were sent again on a new one: web servers do that with kept connections, as either side may close an idle one.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    retried: int = 0

    @property
    def sent(self) -> int:
        return len(self.outcomes)

    @property
    def failed(self) -> int:
        return sum(1 for outcome in self.outcomes if outcome.failure)

    @property
    def failures(self) -> Counter[str]:
        """How many failed for which reason."""
        return Counter(outcome.failure for outcome in self.outcomes if outcome.failure)

    @property
    def bodies(self) -> Counter[bytes]:
        """How often each body was answered."""
        return Counter(outcome.body for outcome in self.outcomes if not outcome.failure)

    def latency(self, percent: float) -> float:
        """Seconds that so many percent of all requests did not exceed, failed ones among them; 100 is the longest."""
        ordered = sorted(outcome.seconds for outcome in self.outcomes)
        return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0

    def __str__(self) -> str:
        times = ", ".join(f"{name} {self.latency(percent) * 1e3:.1f}" for name, percent in _PERCENTILES)
        reasons = "".join(f"; {count} {reason}" for reason, count in sorted(self.failures.items()))
        return f"{self.failed} of {self.sent} failed ({times} ms; {self.retried} sent again{reasons})"


_PERCENTILES = (("p50", 50), ("p99", 99), ("max", 100))


class _Link:
    """A connection, and the request that is on its way over it; ``path`` is empty between two."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.path = ""
        self.begun = 0.0
        self.used = False
        self.unsent = b""
        self.received = bytearray()


class Load:
    """A thread that sends requests from ``start`` to ``stop``. ``report`` is whole after ``stop``."""

    def __init__(self, target: Target, rate: float, *paths: str, patience: float = PATIENCE) -> None:
        self.target = target
        self.report = Report()
        self._paths = paths or ("/pid",)
        self._requests = [(path, target.request(path)) for path in self._paths]
        self._interval = 1 / rate
        self._patience = patience
        self._fault: BaseException | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._links: dict[int, _Link] = {}
        self._idle: list[_Link] = []
        self._busy = 0
        #: How many requests have begun so far.
        self.begun = 0

    def start(self) -> None:
        self._poller = select.epoll()
        self._thread.start()

    def end(self) -> None:
        """Send no more; ``stop`` waits for what is on its way."""
        self._ending.set()

    def stop(self) -> Report:
        """Send no more, wait for what is on its way, and return the report."""
        self.end()
        self._thread.join(self._patience + PATIENCE)
        assert not self._thread.is_alive()
        if self._fault is not None:
            raise self._fault
        return self.report

    # The loop

    def _run(self) -> None:
        try:
            begun = time.monotonic()
            while not self._ending.is_set() or self._busy:
                due = begun + self.begun * self._interval
                now = time.monotonic()
                if not self._ending.is_set() and now >= due:
                    self._begin(*self._requests[self.begun % len(self._requests)], now)
                    self.begun += 1
                    continue
                wait = 0.05 if self._ending.is_set() else min(0.05, due - now)
                for fd, events in self._poller.poll(wait):
                    if fd in self._links:
                        self._move(self._links[fd], events)
                self._expire()
        except BaseException as error:
            self._fault = error
        finally:
            for link in list(self._links.values()):
                self._close(link)
            self._poller.close()

    def _begin(self, path: str, data: bytes, now: float) -> None:
        link = self._idle.pop() if self._idle else self._connect(path, now)
        if link is None:
            return
        link.path, link.begun, link.unsent = path, now, data
        self._busy += 1
        if link.used:
            self._send(link)
        else:
            self._poller.modify(link.sock.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _connect(self, path: str, now: float) -> _Link | None:
        sock = socket.socket(self.target.family)
        sock.setblocking(False)
        code = sock.connect_ex(self.target.address)
        if code not in (0, errno.EINPROGRESS):
            sock.close()
            self._note(path, now, _reason(OSError(code, os.strerror(code))))
            return None
        link = _Link(sock)
        self._links[sock.fileno()] = link
        self._poller.register(sock.fileno(), select.EPOLLIN)
        return link

    def _move(self, link: _Link, events: int) -> None:
        if link.unsent and events & (select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP):
            code = link.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._fail(link, _reason(OSError(code, os.strerror(code))))
                return
            self._send(link)
            return
        try:
            data = link.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError as error:
            if link.path:
                self._lose(link, _reason(error))
                return
            data = b""
        if not link.path:  # closed between two requests, as it may be
            self._idle.remove(link)
            self._close(link)
            return
        link.received += data
        try:
            reply = read_reply(self.target.protocol, bytes(link.received), over=not data)
        except BadAnswer as error:
            self._lose(link, str(error))
            return
        if reply is not None:
            self._finish(link, reply, over=not data)

    def _send(self, link: _Link) -> None:
        try:
            sent = link.sock.send(link.unsent)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(link, _reason(error))
            return
        link.unsent = link.unsent[sent:]
        self._poller.modify(link.sock.fileno(), select.EPOLLIN | (select.EPOLLOUT if link.unsent else 0))

    # How a request ends

    def _finish(self, link: _Link, reply: Reply, over: bool) -> None:
        self._note(link.path, link.begun, "" if reply.status == "200" else f"status {reply.status}", reply.body)
        self._busy -= 1
        link.path = ""
        link.received.clear()
        link.used = True
        if self.target.keep and reply.reusable and not over:
            self._idle.append(link)
        else:
            self._close(link)

    def _lose(self, link: _Link, reason: str) -> None:
        """The connection has ended before the answer."""
        if not link.used or link.received:
            self._fail(link, reason)
            return
        path, begun = link.path, link.begun
        self._close(link)
        self._busy -= 1
        self.report.retried += 1
        for old in self._idle:
            self._close(old)
        self._idle.clear()
        self._begin(path, self.target.request(path), begun)

    def _fail(self, link: _Link, reason: str) -> None:
        self._note(link.path, link.begun, reason)
        self._busy -= 1
        self._close(link)

    def _note(self, path: str, begun: float, failure: str, body: bytes = b"") -> None:
        self.report.outcomes.append(Outcome(begun, time.monotonic() - begun, path, failure, body[:64]))

    def _expire(self) -> None:
        late = time.monotonic() - self._patience
        for link in [link for link in self._links.values() if link.path and link.begun < late]:
            self._fail(link, f"no answer in {self._patience:g} s")

    def _close(self, link: _Link) -> None:
        self._links.pop(link.sock.fileno())
        self._poller.unregister(link.sock.fileno())
        link.sock.close()


_REASONS = {
    errno.ECONNREFUSED: "refused",
    errno.ENOENT: "no socket",
    errno.EAGAIN: "backlog full",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
}


@contextlib.contextmanager
def loading(target: Target, rate: float, *paths: str, patience: float = PATIENCE) -> Iterator[Load]:
    """Load ``target`` while the block runs; a request that takes longer than ``patience``, seconds, has failed."""
    load = Load(target, rate, *paths, patience=patience)
    load.start()
    try:
        yield load
    finally:
        load.stop()


def ask(target: Target, path: str, seconds: float = PATIENCE) -> Outcome:
    """Send one request on a new connection, and wait for its answer."""
    begun = time.monotonic()
    data = b""
    try:
        with socket.socket(target.family) as sock:
            sock.settimeout(seconds)
            sock.connect(target.address)
            sock.sendall(target.request(path))
            while True:
                piece = sock.recv(1 << 18)
                data += piece
                reply = read_reply(target.protocol, data, over=not piece)
                if reply is not None:
                    failure = "" if reply.status == "200" else f"status {reply.status}"
                    return Outcome(begun, time.monotonic() - begun, path, failure, reply.body)
    except (OSError, BadAnswer) as error:
        return Outcome(begun, time.monotonic() - begun, path, _reason(error), b"")


def _reason(error: Exception) -> str:
    """Why a request failed, in few words: they are counted."""
    return _REASONS.get(error.errno or 0, error.strerror or str(error)) if isinstance(error, OSError) else str(error)

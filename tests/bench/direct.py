"""Our own load client: FastCGI on kept connections to the backend's socket, with no web server between.

It checks every answer, byte by byte, and costs more processor than the servers it loads. So its throughput says little;
the processor time of the backend does.
"""

from __future__ import annotations

import contextlib
import math
import resource
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bench.model import Sample
from tests.bench.running import Target
from tests.support import wire

_TIMEOUT = 10.0

#: What nginx sends for a small GET, in its order.
_PARAMS = (
    (b"QUERY_STRING", b""),
    (b"REQUEST_METHOD", b"GET"),
    (b"CONTENT_TYPE", b""),
    (b"CONTENT_LENGTH", b""),
    (b"SCRIPT_NAME", b"/"),
    (b"REQUEST_URI", b"/"),
    (b"DOCUMENT_URI", b"/"),
    (b"DOCUMENT_ROOT", b"/usr/share/nginx/html"),
    (b"SERVER_PROTOCOL", b"HTTP/1.1"),
    (b"REQUEST_SCHEME", b"http"),
    (b"GATEWAY_INTERFACE", b"CGI/1.1"),
    (b"SERVER_SOFTWARE", b"nginx/1.22.1"),
    (b"REMOTE_ADDR", b"127.0.0.1"),
    (b"REMOTE_PORT", b"40000"),
    (b"SERVER_ADDR", b"127.0.0.1"),
    (b"SERVER_PORT", b"80"),
    (b"SERVER_NAME", b""),
    (b"REDIRECT_STATUS", b"200"),
    (b"HTTP_HOST", b"127.0.0.1"),
)
REQUEST = wire.request(_PARAMS, keep=True)


@dataclass(frozen=True)
class Direct:
    """A request on each of so many connections at any time."""

    connections: int

    def __call__(self, target: Target, seconds: int) -> Sample:
        with opened(target, self.connections) as socks:
            expected = first_answer(target, socks[0])
            before = target.processor_times()
            latencies = ask(target, socks, expected, seconds)
            spent = target.spent(before)
        return {
            "cost": spent / len(latencies) * 1e6,
            "rate": len(latencies) / seconds,
            "p99": percentile(latencies, 99) * 1e3,
        }


@dataclass(frozen=True)
class Idle:
    """``connections`` that were used once and wait: the memory they hold, and how long requests take on another.

    On one other only: several are served in bursts, or not, as the scheduler likes, and their times double by that.
    """

    connections: int

    def __call__(self, target: Target, seconds: int) -> Sample:
        with opened(target, 1) as busy:
            expected = first_answer(target, busy[0])
            alone = percentile(ask(target, busy, expected, seconds), 50)
            before = target.memory("VmRSS")
            count = min(self.connections, allowed_descriptors() - 100)
            with opened(target, count) as idle:
                for sock in idle:
                    _exchange(target, sock, expected)
                grown = target.memory("VmRSS") - before
                latencies = ask(target, busy, expected, seconds)
                for sock in idle[:: max(1, count // 100)]:
                    _exchange(target, sock, expected)  # still there, and not closed behind our back
        beside = percentile(latencies, 50)
        return {
            "connections": count,
            "each": grown / count,
            "p50_before": alone * 1e3,
            "p50_beside": beside * 1e3,
            "unchanged": beside / alone,
            "p99": percentile(latencies, 99) * 1e3,
        }


@contextlib.contextmanager
def opened(target: Target, count: int) -> Iterator[list[socket.socket]]:
    """So many connections to the backend."""
    with contextlib.ExitStack() as stack:
        socks: list[socket.socket] = []
        for _ in range(count):
            sock = stack.enter_context(socket.socket(socket.AF_UNIX))
            # Not Python's timeout, which makes the socket non-blocking: then a full backlog is an error, and no wait.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(_TIMEOUT), 0))
            try:
                sock.connect(str(target.socket))
            except OSError as error:
                raise target.failure(f"takes no connection after {len(socks)} others ({error})") from None
            sock.settimeout(_TIMEOUT)
            socks.append(sock)
        yield socks


def first_answer(target: Target, sock: socket.socket) -> bytes:
    """Ask once, read what comes as FastCGI, and return the bytes that every other answer has to be equal to."""
    sock.sendall(REQUEST)
    data = b""
    try:
        while True:
            data += _received(sock)
            if data[-16:-8] == wire.record(wire.END, 1, bytes(8))[:8]:
                break
        answer = wire.answer(wire.parse_records(data))
    except (OSError, EOFError, AssertionError) as error:
        raise target.failure(f"answers {data[:200]!r} ({error!r})") from None
    if answer.body != b"Hello, world\n":
        raise target.failure(f"answers {answer.body[:200]!r}")
    return data


def ask(target: Target, socks: Sequence[socket.socket], expected: bytes, seconds: float) -> list[float]:
    """Keep one request on each connection until the time is over; return how long each took, in seconds."""
    poller = select.epoll()
    with poller:
        begun = {}
        for sock in socks:
            poller.register(sock, select.EPOLLIN)
            begun[sock.fileno()] = time.perf_counter()
            sock.sendall(REQUEST)
        by_number = {sock.fileno(): sock for sock in socks}
        rest = dict.fromkeys(by_number, expected)
        latencies: list[float] = []
        end = time.perf_counter() + seconds
        waiting = len(socks)
        while waiting:
            ready = poller.poll(_TIMEOUT)
            if not ready:
                raise target.failure(f"does not answer within {_TIMEOUT:.0f} s")
            for number, _ in ready:
                rest[number] = _compare(target, by_number[number], rest[number])
                if rest[number]:
                    continue
                now = time.perf_counter()
                latencies.append(now - begun[number])
                if now > end:
                    waiting -= 1
                    continue
                rest[number] = expected
                begun[number] = now
                by_number[number].sendall(REQUEST)
    return latencies


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def allowed_descriptors(wanted: int = 0) -> int:
    """Return how many files this process and its children may have open, after asking for ``wanted``."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        for limits in ((wanted, max(wanted, hard)), (hard, hard)):
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                break
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _exchange(target: Target, sock: socket.socket, expected: bytes) -> None:
    sock.sendall(REQUEST)
    while expected:
        expected = _compare(target, sock, expected)


def _compare(target: Target, sock: socket.socket, expected: bytes) -> bytes:
    """Read a piece of an answer; return what is still to come."""
    try:
        data = _received(sock)
    except (OSError, EOFError) as error:
        raise target.failure(f"does not keep its connection ({error!r})") from None
    if not expected.startswith(data):
        raise target.failure(f"answers otherwise than the first time: {data[:200]!r}")
    return expected[len(data) :]


def _received(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise EOFError("closed")
    return data

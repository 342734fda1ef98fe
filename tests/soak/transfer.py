"""L13: large bodies, up and down."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterator

from tests.soak.figures import mib
from tests.soak.front import nginx
from tests.soak.model import Figure, Plan, Scenario, SoakError, Wish
from tests.soak.servers import ANSWER, Running, Server
from tests.support import wire
from tests.support.load import Target
from tests.support.managed_app import BLOCK
from tests.support.managing import high_water

_MEMORY = 16 << 20


def large(server: Server, plan: Plan) -> Iterator[Figure]:
    """L13: one request each, direct and through nginx; how fast, and what the worker grows by."""
    mebibytes = plan.count(1024, 128)
    for protocol in ("fastcgi", "scgi"):
        if protocol not in server.protocols:
            continue
        for front in (False, True):
            with server.running(Wish(workers=1, threads=2, protocol=protocol)) as running:
                yield from _both_ways(running, mebibytes, front)


def _both_ways(running: Running, mebibytes: int, front: bool) -> Iterator[Figure]:
    protocol = {"fastcgi": "FastCGI", "scgi": "SCGI"}[running.wish.protocol]
    where = f"{protocol} through nginx" if front else f"{protocol}, direct"
    for what, move in (("up", _upload), ("down", _download)):
        if front:
            with nginx(running) as target:
                seconds, right, grown = _moved(running, target, mebibytes, move)
        else:
            seconds, right, grown = _moved(running, running.target(), mebibytes, move)
        rate = mebibytes / seconds
        yield Figure(
            f"{mebibytes} MiB {what}: {where}",
            "every byte right, memory ≤ +16 MiB",
            f"{rate:.0f} MiB/s, {mib(grown)} more" + ("" if right else ", the bytes are not the same"),
            right and grown <= _MEMORY,
            {"MiB_per_second": rate, "grown": grown, "right": right},
        )


def _moved(running: Running, target: Target, mebibytes: int, move: object) -> tuple[float, bool, int]:
    assert callable(move)
    if not move(target, 16):
        return 1.0, False, 0
    before = sum(high_water(pid) for pid in running.workers())
    begun = time.monotonic()
    right = move(target, mebibytes)
    seconds = time.monotonic() - begun
    return seconds, right, sum(high_water(pid) for pid in running.workers()) - before


def _upload(target: Target, mebibytes: int) -> bool:
    """Send a body; a small one comes back as its SHA-256, of a large one the application only counts the bytes."""
    size = mebibytes << 20
    path, expected = b"/count", b"%d" % size
    if mebibytes <= 16:
        path, digest = b"/upload", hashlib.sha256(BLOCK * 16 * mebibytes).hexdigest()
        expected = b"%d %s" % (size, digest.encode())
    with target.connect() as sock:
        sock.settimeout(6 * ANSWER)
        sock.sendall(_head(target, path, size))
        framed = _framed(target, BLOCK)
        for _ in range(mebibytes * 16):
            sock.sendall(framed)
        if target.protocol == "fastcgi":
            sock.sendall(wire.record(wire.STDIN, 1))
        body = b"".join(_blocks(target, sock))
    return body == expected


def _download(target: Target, mebibytes: int) -> bool:
    size, right = 0, True
    with target.connect() as sock:
        sock.settimeout(6 * ANSWER)
        sock.sendall(target.request(f"/download/{mebibytes}"))
        for piece in _blocks(target, sock):
            at = size % 256
            right = right and piece == (BLOCK + BLOCK)[at : at + len(piece)]
            size += len(piece)
    return right and size == mebibytes << 20


def _head(target: Target, path: bytes, size: int) -> bytes:
    """Write the beginning of an upload."""
    if target.protocol == "http":
        return b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (path, size)
    given = {b"PATH_INFO": path, b"REQUEST_URI": path}
    variables = [(name, given.get(name, value)) for name, value in wire.post(size, *target.more)]
    if target.protocol == "scgi":
        return wire.scgi(variables)
    return wire.begin() + wire.stream(wire.PARAMS, 1, wire.pairs(variables))


def _framed(target: Target, data: bytes) -> bytes:
    return wire.stream(wire.STDIN, 1, data, cut=32768, end=False) if target.protocol == "fastcgi" else data


def _blocks(target: Target, sock: socket.socket) -> Iterator[bytes]:
    """Give the body of the answer in pieces of at most 64 KiB."""
    pieces = _records(sock) if target.protocol == "fastcgi" else iter(lambda: sock.recv(65536), b"")
    head = b""
    while b"\r\n\r\n" not in head:
        piece = next(pieces, b"")
        if not piece:
            raise SoakError("no head came")
        head += piece
    head, _, first = head.partition(b"\r\n\r\n")
    left = int(wire.header(head, "Content-Length")) - len(first)
    yield first
    while left > 0:
        piece = next(pieces, b"")
        if not piece:
            raise SoakError(f"the answer is cut short by {left} bytes")
        left -= len(piece)
        yield piece


def _records(sock: socket.socket) -> Iterator[bytes]:
    reader = wire.RecordReader(sock)
    while (record := reader.record()).type != wire.END:
        if record.type == wire.STDOUT and record.content:
            yield record.content


SCENARIOS = (
    Scenario(
        "L13",
        "Large bodies",
        large,
        note="The other end is Python, and shares the processors with the server: rates are for comparison.",
    ),
)

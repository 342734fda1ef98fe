"""The web server's end of one connection: plays the steps of a trial, and collects what comes, within limits."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Iterable
from struct import pack
from time import monotonic, sleep
from typing import Callable

from gateways.addresses import Address, connect
from gateways.conform.case import HALF_CLOSE, LEAVE, PAUSE, RESET, Await, Drip, Flood, Step
from gateways.conform.seen import Seen

#: Bytes of an answer that are kept: far above what any case is answered with.
_MOST = 4 << 20
#: Seconds between the pieces of a drip: enough for a backend to read each by itself, mostly.
_BETWEEN = 0.0005
#: How long an application may take to start and to read, seconds; with less it is no other case, only a milder one.
_PAUSE = 0.1
#: How long a backend may take nothing of a flood until it counts as one that has stopped reading, seconds.
_STALL = 1.0

Reader = Callable[[bytes, bool], Seen]


def play(address: Address, steps: Iterable[Step], read: Reader, timeout: float) -> Seen:
    """Play ``steps`` on a new connection and return what came, which ``read`` takes apart.

    ``timeout``, in seconds, is how long the backend may be silent; all in all it has twice as long. Raises
    ``ConnectError`` when it cannot be reached.
    """
    with connect(address, timeout) as sock:
        sock.setblocking(False)
        peer = _Peer(sock, read, timeout)
        for step in steps:
            peer.do(step)
        return peer.finish()


class _Peer:
    def __init__(self, sock: socket.socket, read: Reader, timeout: float) -> None:
        self._sock = sock
        self._read = read
        self._timeout = timeout
        self._deadline = monotonic() + 2 * timeout
        self._received = bytearray()
        self._end = ""
        self._flooded = ""
        self._poll = select.poll()

    def do(self, step: Step) -> None:
        if isinstance(step, bytes):
            self._send(step)
        elif isinstance(step, Drip):
            for start in range(0, len(step.data), step.size):
                self._send(step.data[start : start + step.size])
                sleep(_BETWEEN)
        elif isinstance(step, Flood):
            self._flood(step)
        elif isinstance(step, Await):
            self._receive_until(lambda: self._enough(step))
        elif step is HALF_CLOSE:
            with contextlib.suppress(OSError):  # it has closed meanwhile
                self._sock.shutdown(socket.SHUT_WR)
        elif step is RESET:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
            self._end = self._end or "left"
        elif step is PAUSE:
            sleep(_PAUSE)
        elif step is LEAVE:
            self._end = self._end or "left"

    def finish(self) -> Seen:
        self._receive_until(lambda: False)
        seen = self._read(bytes(self._received), self._end in ("closed", "reset"))
        seen.end = self._end
        seen.flood = self._flooded
        return seen

    def _enough(self, step: Await) -> bool:
        seen = self._read(bytes(self._received), False)
        whole = sum(answer.whole for answer in seen.answers)
        return bool(seen.trouble) or (whole >= step.count and len(seen.notes) >= step.notes)

    def _send(self, data: bytes) -> None:
        """Send all of it while reading what comes; what the backend does not want is not sent."""
        view = memoryview(data)
        while view and not self._end and self._wait(select.POLLIN | select.POLLOUT):
            try:
                view = view[self._sock.send(view) :]
            except BlockingIOError:
                continue
            except OSError:  # it reads no further, and may have answered nevertheless
                return

    def _flood(self, step: Flood) -> None:
        self._flooded = "stopped"
        for _ in range(step.times):
            view = memoryview(step.data)
            while view:
                self._poll.register(self._sock, select.POLLOUT)
                if not self._poll.poll(min(_STALL, self._timeout) * 1000) or monotonic() > self._deadline:
                    return
                try:
                    view = view[self._sock.send(view) :]
                except BlockingIOError:
                    continue
                except OSError:
                    self._flooded = "refused"
                    return
        self._flooded = "taken"

    def _receive_until(self, condition: Callable[[], bool]) -> None:
        while not self._end and not condition():
            self._wait(select.POLLIN)

    def _wait(self, events: int) -> bool:
        """Wait, and receive what is there; true when the connection can be written to."""
        left = min(self._timeout, self._deadline - monotonic())
        self._poll.register(self._sock, events)
        found = self._poll.poll(left * 1000) if left > 0 else []
        if not found:
            self._end = "open"
            return False
        if found[0][1] & ~select.POLLOUT:
            self._receive()
        return bool(found[0][1] & select.POLLOUT)

    def _receive(self) -> None:
        try:
            data = self._sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            self._end = "reset"
            return
        if not data:
            self._end = "closed"
        elif len(self._received) < _MOST:
            self._received += data

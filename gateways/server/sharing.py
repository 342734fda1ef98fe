"""A connection that several threads use at the same time: who reads, who writes, and when nobody can any more.

Each direction of the socket is one thread's at a time. Who reads is settled by a claim: it is the leader as long as no
other needs something. Writers wait for each other, and each writes whole records.
"""

from __future__ import annotations

import select
from threading import Condition, Lock
from typing import TYPE_CHECKING

from gateways.server.connection import Connection
from gateways.server.wire import SEND, queued_bytes

if TYPE_CHECKING:
    import socket

    from gateways.adapters.interface import ServerConnection
    from gateways.server.worker import Server

#: Bytes of our own answers (GET_VALUES, refusals) that wait for a peer that does not read; then it is not worth more.
MAX_OUTGOING = 65536


class SharedConnection(Connection):
    """What threads share. How records are told apart is multiplex.py's: ``_receive`` and ``_has_room``.

    ``_lock`` (of ``_changed``) guards who reads; ``_writing`` is the socket's other direction, and is never waited for
    by one who holds ``_lock``. ``lost`` says why no request can go on.
    """

    __slots__ = ("_changed", "_ended", "_lock", "_reading", "_server", "_writing", "lost")

    def share(self, server: Server, protocol: ServerConnection, sock: socket.socket, peer: str) -> None:
        """Get ready to be served."""
        self.open(server, protocol, sock, peer)
        self._server = server
        self._lock = Lock()
        self._changed = Condition(self._lock)
        self._writing = Lock()
        self._reading = False  # some thread is about to receive
        self._ended = False  # the peer will send nothing more
        self.lost = ""

    @property
    def service(self) -> Server:
        """The server, which requests need as well."""
        return self._server

    def close(self) -> None:
        """Close the socket; requests in hand find out."""
        with self._lock:
            self.lost = self.lost or "the connection was closed"
            self._changed.notify_all()
        super().close()

    def _receive(self) -> None:
        """Receive once, and hand out what has come. The caller has the claim."""
        raise NotImplementedError

    def _has_room(self) -> bool:
        """Say whether more may be read. The caller holds the lock."""
        raise NotImplementedError

    # Reading

    def _claim(self) -> bool:
        """Be the one that reads; false when another is."""
        with self._lock:
            if self._reading or self.fd < 0 or self._lingering:
                return False
            self._reading = True
            return True

    def _watch(self) -> None:
        """Let the poller report what comes, if that may be read."""
        if self._has_room() and not (self._ended or self.lost):
            self._server.watch(self)
        else:
            self._server.unwatch(self)

    # Writing

    def send_held(self, data: bytes) -> None:
        """Send whole records when nobody else sends: now, or when whoever does is through. Does not wait."""
        with self._lock:
            self.protocol.outgoing.append(data)
        self._flush_held()

    def _flush_held(self) -> None:
        """Send what the protocol itself answers, between the records of requests."""
        while self.protocol.outgoing:
            if not self._writing.acquire(blocking=False):
                # Whoever writes sees to it afterwards, unless that may be never.
                if sum(map(len, list(self.protocol.outgoing))) > MAX_OUTGOING:
                    self._lose("the web server does not read")
                return
            try:
                with self._lock:
                    data = b"".join(self.protocol.outgoing)
                    self.protocol.outgoing.clear()
                if data and not self.lost:
                    self._send_now(data)
            finally:
                self._writing.release()

    def _send_now(self, data: bytes) -> None:
        try:
            sent = self.sock.send(data, SEND)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(f"the response could not be sent: {error.strerror}")
            return
        if sent < len(data):
            self._lose("the web server does not read")

    def _wait_for_room(self) -> None:
        """Wait until the socket takes more, and read meanwhile if nobody else does: the peer may wait for that."""
        poll = select.poll()
        while True:
            ahead = self._claim_ahead()
            poll.register(self.fd, select.POLLOUT | (select.POLLIN if ahead else 0))
            queued = queued_bytes(self.fd)
            ready = poll.poll(self._server.write_timeout * 1000)
            if ahead:
                if ready and ready[0][1] & select.POLLIN:
                    self._receive()
                self._yield_claim_ahead()
            if self.lost:
                raise self._cut_off(self.lost)
            if not ready:
                if queued_bytes(self.fd) < queued:
                    continue
                raise self._cut_off(f"the web server took no byte for {self._server.write_timeout:g} s")
            if ready[0][1] & ~select.POLLIN:
                return

    def _claim_ahead(self) -> bool:
        """Be the one that reads, for as long as this thread waits to write."""
        with self._lock:
            if self._reading or self._ended or not self._has_room():
                return False
            self._reading = True
            self._server.unwatch(self)
            return True

    def _yield_claim_ahead(self) -> None:
        with self._lock:
            self._reading = False
            self._watch()
            self._changed.notify_all()

    def _lose(self, reason: str, broken: bool = True) -> None:
        """No request of this connection can go on; ``broken``: nor is anything left for the peer."""
        with self._lock:
            self.lost = self.lost or reason
            if broken:
                self._broken = True
                self._over = self.lost
            self._changed.notify_all()

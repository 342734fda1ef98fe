"""One request of a connection that carries several at a time: what ``Connection`` is to a request that has one alone.

It is served by ``Serving`` as every other. Only where that would use the socket it goes through the connection
(multiplex.py), which it shares with other threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.errors import ClientDisconnected, ProtocolError
from gateways.server.serving import Serving

if TYPE_CHECKING:
    from gateways.adapters.events import Request
    from gateways.adapters.fastcgi import ServerConnection
    from gateways.server.multiplex import Multiplexed


class Stream(Serving):
    """A request in hand, and its place on the ``connection`` that it shares.

    ``inbox`` is the input that has come and was not asked for yet, and ``given_up`` is true after ABORT_REQUEST; both
    belong to whoever holds the connection's lock. ``started`` is true once a thread serves it.
    """

    __slots__ = ("_connection", "_fastcgi", "_request", "given_up", "id", "inbox", "started")

    def __init__(
        self, connection: Multiplexed, request_id: int, protocol: ServerConnection, request: Request | ProtocolError
    ) -> None:
        super().__init__()
        self._connection = connection
        self._fastcgi = protocol
        self._request = request
        self.keep = protocol.keep
        self.id = request_id
        self.inbox = bytearray()
        self.given_up = False
        self.started = False
        # What ``open`` does for a connection with a socket.
        self.open(connection.service, protocol, connection.sock, connection.peer)

    def run(self) -> None:
        """Serve the request, and tell the connection."""
        if not self._connection.start(self):
            return
        if isinstance(self._request, ProtocolError):
            self._answer(self._request)
        else:
            self._serve(self._request)
        self.close()

    def close(self) -> None:
        """Leave the connection; where the answer is not complete, it has to be closed."""
        self._service.forget(self)  # type: ignore[arg-type]
        self._connection.leave(self, broken=not self.answered)

    @property
    def answered(self) -> bool:
        """True when the end of the answer has been framed."""
        return not self._fastcgi.in_hand

    # Where Serving and Exchange use the socket

    def _check_open(self) -> None:
        if self.given_up and not self._over:
            self._given_up = True
            self._over = "the web server gave the request up"
        if self._connection.lost and not self._over:
            self._broken = True
            self._over = self._connection.lost
        super()._check_open()

    def _read_more(self) -> None:
        data = self._connection.input_for(self)
        if data:
            self.protocol.receive_data(data)
            return
        self._check_open()
        raise self._lost(self._connection.no_input)

    def _send(self, data: bytes) -> None:
        self._send_parts([data])

    def _send_parts(self, parts: list[bytes | memoryview]) -> None:
        try:
            self._connection.send(self, parts)
        except ClientDisconnected as error:
            raise self._cut_off(str(error)) from None

    def _end_sending(self) -> None:
        pass  # others have their answers to send; END_REQUEST is what the peer waits for

    def send_outgoing(self) -> None:
        """Send nothing: what concerns no request is sent by the connection."""
        self.protocol.outgoing.clear()

    def send_file(self, file: int, offset: int, count: int) -> bool:
        """Decline: records of other requests have to come in between (``Transport``)."""
        return False

    def abort(self) -> None:
        """Break the response off (``Transport``): the connection is closed when the other requests are answered."""
        if not self._given_up:
            self._broken = True
            if not self._cut:
                self._connection.send_held(self.protocol.encode_abort())

"""``wsgi.input`` of a client that waits for ``100 Continue``: what eventlet's has besides PEP 3333."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateways.core.headers import capitalize, check_headers
from gateways.core.input import Input

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateways.server.exchange import Exchange

_STATUS = "HTTP/1.1 100 Continue\r\n"


class ContinuingInput(Input):
    """The body of a request that is still to be sent: it is asked for by the first read, as ever."""

    __slots__ = ("_exchange", "_protocol")

    def __init__(self, exchange: Exchange, length: int | None, protocol: Any) -> None:
        super().__init__(exchange.receive, length)
        self._exchange = exchange
        self._protocol = protocol

    def set_hundred_continue_response_headers(
        self, headers: Iterable[tuple[str, str]], capitalize_response_headers: bool = False
    ) -> None:
        """Send these header fields with ``100 Continue``; without effect once it has left.

        With ``capitalize_response_headers`` their names are written as eventlet does.
        Raises ``TypeError`` and ``ValueError`` for what is no header field (PEP 3333).
        """
        checked, _ = check_headers(list(headers))
        lines = [f"{capitalize(name) if capitalize_response_headers else name}: {value}\r\n" for name, value in checked]
        self._protocol.interim = "".join([_STATUS, *lines, "\r\n"]).encode("latin-1")

    def send_hundred_continue_response(self) -> None:
        """Send it now, before the first read. Raises ``ClientDisconnected``."""
        self._protocol.invite()
        self._exchange.send_outgoing()


def make_input(exchange: Exchange, length: int | None) -> Input:
    """Return ``wsgi.input`` for a request with an Expect field."""
    protocol = exchange.protocol
    if hasattr(protocol, "interim"):
        return ContinuingInput(exchange, length, protocol)
    return Input(exchange.receive, length)

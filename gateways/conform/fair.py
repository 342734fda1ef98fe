"""A fair request in each protocol: one GET and one POST with a short body, as the sans-I/O clients encode them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Callable

from gateways.client.transports import TRANSPORTS

if TYPE_CHECKING:
    from gateways.conform.case import Fair

_BODY = b"hello"


def _requests(protocol: str) -> Callable[[Fair], list[bytes]]:
    def encode(fair: Fair) -> list[bytes]:
        return [_encode(protocol, fair, fair.get(), b""), _encode(protocol, fair, fair.post(len(_BODY)), _BODY)]

    return encode


def _encode(protocol: str, fair: Fair, variables: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes:
    connection = TRANSPORTS[protocol]()
    if protocol == "ajp" and fair.secret is not None:
        variables = [*variables, (b"AJP_SECRET", fair.secret)]
    data = connection.start(variables)
    if body:
        data += connection.send_body(body)
    return data + connection.end_body()


#: By protocol: what makes the two requests.
REQUESTS: dict[str, Callable[[Fair], list[bytes]]] = {protocol: _requests(protocol) for protocol in TRANSPORTS}

"""FastCGI's management records (section 4), which concern no request: what is answered to them."""

from __future__ import annotations

from gateways.adapters.fastcgi import records as fcgi
from gateways.errors import ProtocolError


def answer(kind: int, content: bytes, max_requests: int, multiplexes: bool = False) -> bytes:
    """Return the answer to a record with request id 0. Raises ``ProtocolError`` for one that nobody may send us."""
    if kind == fcgi.GET_VALUES:
        return fcgi.record(fcgi.GET_VALUES_RESULT, 0, _values(content, max_requests, multiplexes))
    if kind == 0 or kind > fcgi.UNKNOWN_TYPE:
        return fcgi.record(fcgi.UNKNOWN_TYPE, 0, fcgi.UNKNOWN_BODY.pack(kind))
    raise ProtocolError(f"FastCGI record type {kind} with request id 0")


def _values(content: bytes, max_requests: int, multiplexes: bool) -> bytes:
    """GET_VALUES, section 4.1: unknown names are left out of the answer."""
    number = b"%d" % max_requests
    known = {b"FCGI_MAX_CONNS": number, b"FCGI_MAX_REQS": number, b"FCGI_MPXS_CONNS": b"%d" % multiplexes}
    try:
        asked = dict(fcgi.decode_pairs(content))
    except ProtocolError as error:
        raise ProtocolError(f"in GET_VALUES: {error}") from None  # no request, so no status to answer with
    return fcgi.encode_pairs([(name, known[name]) for name in asked if name in known])

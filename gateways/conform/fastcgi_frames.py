"""FastCGI records for the cases: as they should be, cut and padded otherwise, and with whatever is wrong in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.adapters.fastcgi import records as fcgi

if TYPE_CHECKING:
    from gateways.conform.case import Pairs

#: A variable that no application may see.
EVIL = (b"EVIL", b"1")


def cut(kind: int, id: int, data: bytes, size: int, padding: int = 0, reserved: int = 0) -> bytes:
    """Frame ``data`` in records of ``size`` bytes, and the empty one that ends the stream."""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(raw(kind, id, piece, padding, reserved) for piece in [*pieces, b""])


def raw(kind: int, id: int, content: bytes = b"", padding: int = 0, reserved: int = 0) -> bytes:
    """Frame one record, with nothing added and nothing checked."""
    head = bytes((fcgi.VERSION, kind, id >> 8, id & 0xFF, len(content) >> 8, len(content) & 0xFF, padding, reserved))
    return head + content + bytes(padding)


def start(params: Pairs, *, id: int = 1, keep: bool = False, role: int = fcgi.RESPONDER) -> bytes:
    """Frame a request without its STDIN."""
    return fcgi.begin_request(id, role, keep) + cut(fcgi.PARAMS, id, fcgi.encode_pairs(params), fcgi.MAX_CONTENT)


def request(params: Pairs, body: bytes = b"", *, id: int = 1, keep: bool = False) -> bytes:
    """Frame a whole request."""
    return start(params, id=id, keep=keep) + stdin(body, id)


def stdin(body: bytes, id: int = 1) -> bytes:
    """Frame a body and its end."""
    return cut(fcgi.STDIN, id, body, fcgi.MAX_CONTENT)


def block(data: bytes, body: bytes = b"hello") -> bytes:
    """Frame a request whose PARAMS stream is ``data``."""
    return fcgi.begin_request(1) + cut(fcgi.PARAMS, 1, data, fcgi.MAX_CONTENT) + stdin(body)

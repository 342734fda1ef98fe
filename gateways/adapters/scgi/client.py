"""SCGI (protocol of 2008-06-23), the web server's side, without I/O: a request out as bytes, the answer in as events.

The interface is that of the FastCGI ``ClientConnection``. A response has no frame: it ends with the connection, so
that only a Content-Length can tell whether all of it came.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateways.adapters.incoming import OneResponse


def encode_headers(variables: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Encode the headers of a request as a netstring: ``CONTENT_LENGTH`` first, then ``SCGI``, then the rest.

    Without a ``CONTENT_LENGTH`` it is 0. Raises ``ValueError`` for what section 3 forbids: a NUL byte, a name that is
    empty or there twice, a ``CONTENT_LENGTH`` that is not a number.
    """
    headers: dict[bytes, bytes] = {b"CONTENT_LENGTH": b"0", b"SCGI": b"1"}
    seen = {b"SCGI"}
    for name, value in variables:
        if not name or b"\0" in name or b"\0" in value:
            raise ValueError(f"an SCGI header needs a name, and holds no NUL byte: {name[:60]!r}")
        if name in seen:
            raise ValueError(f"an SCGI header cannot be given twice or be named SCGI: {name[:60]!r}")
        seen.add(name)
        headers[name] = value
    if not headers[b"CONTENT_LENGTH"].isdigit():
        raise ValueError(f"SCGI needs a number as CONTENT_LENGTH, not {headers[b'CONTENT_LENGTH'][:60]!r}")
    block = b"".join([name + b"\0" + value + b"\0" for name, value in headers.items()])
    return b"%d:%b," % (len(block), block)


class ClientConnection(OneResponse):
    """One connection to an SCGI application, which is one request (section 2: it closes after each response)."""

    name = "SCGI"

    def start(self, variables: Iterable[tuple[bytes, bytes]], keep: bool = False) -> bytes:
        """Encode the request's headers. ``keep`` is not possible, and ignored."""
        return encode_headers(variables)

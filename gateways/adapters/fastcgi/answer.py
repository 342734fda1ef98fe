"""FastCGI 1.0: how an application's answer is framed."""

from __future__ import annotations

from gateways.adapters.cgihead import encode_head
from gateways.adapters.fastcgi import records as fcgi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateways.core.types import Headers


class Answer:
    """Frames the answer of the request in hand, whose id is ``_request_id`` (0: there is none)."""

    __slots__ = ("_request_id", "_role")

    def __init__(self) -> None:
        self._request_id = 0
        self._role = 0

    def complete(self, app_status: int = 0) -> bytes:
        """End the request in hand (section 5.5)."""
        raise NotImplementedError

    def encode_head(self, status: str, headers: Headers, block: bytes, end: bool) -> bytes:
        """Frame the response's head and first block; with ``end`` also the end of the request.

        The head is in one record with the block as far as it fits: HAProxy 2.6.12 dies of a head in parts.
        """
        return self.encode_body(encode_head(status, headers, self._role == fcgi.AUTHORIZER) + block, end)

    def encode_body(self, block: bytes, end: bool) -> bytes:
        """Frame a block of the response; with ``end`` also the end of the request."""
        data = fcgi.stream(fcgi.STDOUT, self._request_id, block)
        return data + self.complete() if end else data

    def gather_head(self, status: str, headers: Headers, view: memoryview, end: bool) -> list[bytes | memoryview]:
        """``encode_head`` for a large block: pieces for one gathered write, without a copy of the block."""
        head = encode_head(status, headers, self._role == fcgi.AUTHORIZER)
        if len(head) > fcgi.MAX_ALIGNED_CONTENT:
            return [self.encode_body(head, False), *self.gather_body(view, end)]
        return self.gather_body(view, end, head)

    def gather_body(self, view: memoryview, end: bool, head: bytes = b"") -> list[bytes | memoryview]:
        """``encode_body`` for a large block, behind a ``head`` if there is one."""
        parts = fcgi.stream_parts(fcgi.STDOUT, self._request_id, head, view)
        if end:
            parts.append(self.complete())
        return parts

    def frame_file(self, count: int) -> Iterator[tuple[bytes, int]]:
        """Frame ``count`` bytes of a file: what goes before each piece, and the length of the piece."""
        while count:
            length = min(count, fcgi.MAX_ALIGNED_CONTENT)
            yield fcgi.HEADER.pack(fcgi.VERSION, fcgi.STDOUT, self._request_id, length, 0), length
            count -= length

    def encode_abort(self) -> bytes:
        """Frame the sign that the response breaks off; the connection is to be closed after it.

        A close without END_REQUEST should be enough. But nginx takes it for the end of a response that it does not
        buffer, and a client that was promised more bytes waits for ever. A record that only web servers send is an
        error to nginx (1.22); Apache and lighttpd (2.4, 1.4.69) skip it and go by the close.
        """
        return fcgi.record(fcgi.ABORT_REQUEST, self._request_id) if self._request_id else b""

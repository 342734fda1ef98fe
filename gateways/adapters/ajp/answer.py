"""AJP13: how an application's answer is framed."""

from __future__ import annotations

from gateways.adapters.ajp import packets as ajp
from gateways.errors import HeadTooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateways.core.types import Headers

_CODES = {
    name.lower().decode(): 0xA000 + code for code, name in enumerate(ajp.RESPONSE_HEADERS, 1) if name != b"Status"
}
#: "Do not wait for more": Apache passes on what it has. Without it, Apache would collect a stream.
FLUSH = ajp.packet(ajp.FROM_APPLICATION, bytes((ajp.SEND_BODY_CHUNK, 0, 0, 0)))
#: The end of a response: the connection goes on, or is closed.
_END = {reuse: ajp.packet(ajp.FROM_APPLICATION, bytes((ajp.END_RESPONSE, reuse))) for reuse in (False, True)}


def _chunk_head(length: int) -> bytes:
    """Return what is before a piece of a response body; a NUL is behind it."""
    return b"AB%c%c\x03%c%c" % (*divmod(length + 4, 256), *divmod(length, 256))


def encode_head(status: str, headers: Headers, packet_size: int = ajp.PACKET_SIZE) -> bytes:
    """Encode SEND_HEADERS. Raises ``HeadTooLarge`` for what does not fit into a packet, which cannot be continued.

    lighttpd 1.4.69 takes the first name for the number of headers. A coded one is a large number then, and so one goes
    first; the order of headers means something only where they have the same name (RFC 9110, section 5.3).
    """
    code = int(status[:3])
    size = 9 + len(status) + sum([len(name) + len(value) + 6 for name, value in headers])
    first: list[bytes] = []
    others: list[bytes] = []
    if size <= ajp.NULL:
        for name, value in headers:
            coded = _CODES.get(name.lower())
            text = ajp.string(value.encode("latin-1"))
            if coded:
                first.append(ajp.integer(coded) + text)
            else:
                others.append(ajp.string(name.encode("latin-1")) + text)
        if not first:
            others.sort(key=lambda item: item[:2], reverse=True)  # by the length of the name
        head = bytes((ajp.SEND_HEADERS,)) + ajp.integer(code) + ajp.string(status[4:].encode("latin-1"))
        payload = b"".join([head, ajp.integer(len(headers)), *first, *others])
        size = len(payload)
        if size <= packet_size - ajp.HEADER_SIZE:
            return ajp.packet(ajp.FROM_APPLICATION, payload)
    raise HeadTooLarge(
        f"status and headers of the response take {size} bytes, and AJP13 has room for "
        f"{packet_size - ajp.HEADER_SIZE}; send fewer or shorter ones, or raise ajp_packet_size at both ends"
    )


class Answer:
    """Frames the answer of the request in hand."""

    __slots__ = ("_packet_size",)

    def __init__(self, packet_size: int) -> None:
        self._packet_size = packet_size

    def _close_request(self) -> bool:
        """Let go of the request in hand; true when the connection can take another."""
        raise NotImplementedError

    def encode_head(self, status: str, headers: Headers, block: bytes, end: bool) -> bytes:
        """Frame the response's head and first block. Raises ``HeadTooLarge``; then nothing was sent."""
        head = encode_head(status, headers, self._packet_size)
        return head + self.encode_body(block, end) if block or end else head

    def encode_body(self, block: bytes, end: bool) -> bytes:
        """Frame a block of the response, and its end or the wish to pass it on now."""
        return b"".join(self.gather_body(memoryview(block), end))

    def gather_head(self, status: str, headers: Headers, view: memoryview, end: bool) -> list[bytes | memoryview]:
        """``encode_head`` for a large block: pieces for one gathered write, without a copy of the block."""
        return [encode_head(status, headers, self._packet_size), *self.gather_body(view, end)]

    def gather_body(self, view: memoryview, end: bool) -> list[bytes | memoryview]:
        """``encode_body`` for a large block."""
        parts: list[bytes | memoryview] = []
        most = self._packet_size - ajp.AROUND_CHUNK
        for start in range(0, len(view), most):
            piece = view[start : start + most]
            head = _chunk_head(len(piece))
            parts += (b"\0" + head if start else head, piece)
        if parts:
            parts.append(b"\0")
        parts.append(self.complete() if end else FLUSH)
        return parts

    def frame_file(self, count: int) -> Iterator[tuple[bytes, int]]:
        """Frame ``count`` bytes of a file: what goes before each piece, and the length of the piece."""
        before = b""
        while count:
            length = min(count, self._packet_size - ajp.AROUND_CHUNK)
            yield before + _chunk_head(length), length
            before = b"\0"
            count -= length
        if before:
            yield before, 0

    def encode_errors(self, text: bytes) -> bytes:
        """Return nothing: AJP13 has no error stream."""
        return b""

    def encode_abort(self) -> bytes:
        """Return nothing: a connection that closes without END_RESPONSE says it."""
        return b""

    def complete(self, app_status: int = 0) -> bytes:
        """End the request in hand."""
        return _END[self._close_request()]

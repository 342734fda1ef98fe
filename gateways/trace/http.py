"""Decode HTTP/1.x as it passes: heads, and bodies by their framing. Sections are those of RFC 9112."""

from __future__ import annotations

from gateways.adapters.http.head import check_line
from gateways.errors import ProtocolError
from gateways.trace.items import MAX_HEAD, Item, Pairs

_MAX_CHUNK_LINE = 1024
#: Requests of a connection whose responses are due; where there are more, no response is followed any further.
_MOST_DUE = 1000
#: What has to be known of a method: whether it is HEAD or CONNECT.
_METHOD = 8


class _Half:
    """One direction: a head, then a body, then the next head."""

    def __init__(self, response: bool) -> None:
        self._response = response
        self._buffer = bytearray()
        self._state = "head"
        self._left = 0  # bytes of the body, or of the chunk
        self._shown = False
        self.failed = ""
        #: How the responses that are due have to be read: requests put their method here.
        self.methods: list[bytes] = []

    @property
    def idle(self) -> bool:
        return self._state == "head" and not self._buffer

    @property
    def is_tunnel(self) -> bool:
        return self._state == "tunnel"

    def tunnel(self) -> None:
        """Take what comes from now on for bytes of another protocol."""
        self._state = "tunnel"

    def feed(self, data: bytes) -> list[Item]:
        if self.failed:
            return [Item("bytes", size=len(data))]
        self._buffer += data
        items: list[Item] = []
        while self._buffer and self._step(items):
            pass
        return [*items, *self._failure()]

    def _failure(self) -> list[Item]:
        """Say why this direction cannot be followed any further."""
        if not self.failed:
            return []
        item = Item("bytes", size=len(self._buffer), wrong=self.failed)
        self._buffer.clear()
        return [item]

    def _step(self, items: list[Item]) -> bool:
        """Take one thing off the buffer; false when more bytes are needed."""
        if self._state == "head":
            return self._take_head(items)
        if self._state == "chunk size":
            return self._take_chunk_size(items)
        if self._state == "trailer":
            return self._take_trailer(items)
        return self._take_body(items)

    def _take_head(self, items: list[Item]) -> bool:
        while self._buffer[:2] == b"\r\n" and not self._response:
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            bare = self._buffer.find(b"\n\n")
            if bare >= 0:
                self.failed = "bare line feeds end the head (2.2)"
            elif len(self._buffer) > MAX_HEAD:
                self.failed = f"a head of more than {MAX_HEAD} bytes"
            return False
        block = bytes(self._buffer[: end + 4])
        del self._buffer[: end + 4]
        items.append(self._head(block))
        return True

    def _head(self, block: bytes) -> Item:
        first, *lines = block[:-4].split(b"\r\n")
        pairs: Pairs = [(name, value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in lines)]
        item = Item("response" if self._response else "request", pairs=pairs)
        item.facts.append(first.decode("latin-1"))
        try:
            if not self._response:
                check_line(first + b"\r\n", first=True)
            for line in lines:
                check_line(line + b"\r\n", first=False)
        except ProtocolError as error:
            item.wrong = f"{error} (3, 5)"
        self._frame(first, pairs, item)
        return item

    def _frame(self, first: bytes, pairs: Pairs, item: Item) -> None:
        """Find out how long the body is (section 6.3)."""
        fields: dict[bytes, list[bytes]] = {}
        for name, value in pairs:
            fields.setdefault(name.strip().lower(), []).append(value)
        lengths, codings = fields.get(b"content-length", []), fields.get(b"transfer-encoding", [])
        if lengths and codings:
            item.wrong = "both Content-Length and Transfer-Encoding (6.1)"
        elif len(set(lengths)) > 1 or not all(value.isdigit() and len(value) < 19 for value in lengths):
            item.wrong = "Content-Length is not one number (6.3)"
        self._shown = False
        if self._response:
            self._frame_response(first, bool(codings), lengths)
            item.ends = self._state == "head" and first[9:10] != b"1"
            return
        if first.endswith(b" HTTP/1.1") and len(fields.get(b"host", [])) != 1:
            item.wrong = item.wrong or "not one Host (3.2)"
        self._begin_body(bool(codings), lengths, to_the_end=False)

    def _frame_response(self, first: bytes, chunked: bool, lengths: list[bytes]) -> None:
        status = first[9:12]
        if status[:1] == b"1" and status != b"101":
            return  # another head follows
        method = self.methods.pop(0) if self.methods else b""
        if status == b"101" or (method == b"CONNECT" and status[:1] == b"2"):
            self.tunnel()
        elif method == b"HEAD" or status in (b"204", b"304"):
            self._state = "head"
        else:
            self._begin_body(chunked, lengths, to_the_end=True)

    def _begin_body(self, chunked: bool, lengths: list[bytes], to_the_end: bool) -> None:
        if chunked:
            self._state = "chunk size"
        elif lengths and lengths[0].isdigit():
            self._left = int(lengths[0][:18])
            self._state = "body" if self._left else "head"
        else:
            self._state = "to the end" if to_the_end else "head"

    def _take_body(self, items: list[Item]) -> bool:
        bounded = self._state in ("body", "chunk")
        data = bytes(self._buffer[: self._left] if bounded else self._buffer)
        del self._buffer[: len(data)]
        item = Item("body", size=len(data), start=None if self._shown else data)
        self._shown = True
        items.append(item)
        if bounded:
            self._left -= len(data)
            if not self._left:
                item.ends = self._response and self._state == "body"
                self._state = "head" if self._state == "body" else "chunk size"
        return True

    def _take_chunk_size(self, items: list[Item]) -> bool:
        if self._buffer[:2] == b"\r\n" and self._shown:
            del self._buffer[:2]  # the end of the chunk before
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_CHUNK_LINE:
                self.failed = f"a chunk size of more than {_MAX_CHUNK_LINE} bytes (7.1)"
            return False
        line = bytes(self._buffer[:end])
        digits = line.partition(b";")[0].strip()
        if not digits or digits.strip(b"0123456789abcdefABCDEF") or len(digits) > 15:
            self.failed = f"no chunk size: {line[:40]!r} (7.1)"
            return False
        del self._buffer[: end + 2]
        self._left = int(digits, 16)
        self._state = "chunk" if self._left else "trailer"
        return True

    def _take_trailer(self, items: list[Item]) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                self.failed = f"a trailer of more than {MAX_HEAD} bytes (7.1.2)"
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if line:
            name, _, value = line.partition(b":")
            items.append(Item("trailer", pairs=[(name, value.strip())]))
        else:
            items.append(Item("end of the body", ends=self._response))
            self._state = "head"
        return True

    def end(self) -> list[Item]:
        if self.failed or self._state in ("to the end", "tunnel"):
            return [Item("end of the body", ends=True)] if self._state == "to the end" and not self.failed else []
        if self._buffer or self._state != "head":
            return [Item("end", wrong="ends inside the head" if self._state == "head" else "ends inside the body (8)")]
        return []


class HTTPDecoder:
    """One connection."""

    def __init__(self) -> None:
        self._requests = _Half(response=False)
        self._responses = _Half(response=True)

    @property
    def idle(self) -> bool:
        """True between requests. Where a direction is not followed, nobody knows what is in hand."""
        if self._requests.failed or self._responses.failed:
            return False
        return self._requests.idle and self._responses.idle and not self._responses.methods

    def to_backend(self, data: bytes) -> list[Item]:
        """Take bytes of the client."""
        items = self._requests.feed(data)
        if self._responses.failed:
            return items
        requests = [item for item in items if item.what == "request"]
        self._responses.methods += [item.facts[0].partition(" ")[0][:_METHOD].encode("latin-1") for item in requests]
        if len(self._responses.methods) > _MOST_DUE:
            self._responses.methods.clear()
            self._responses.failed = f"more than {_MOST_DUE} requests wait for their responses"
            items.append(Item("not followed", [self._responses.failed]))
        return items

    def from_backend(self, data: bytes) -> list[Item]:
        """Take bytes of the server."""
        items = self._responses.feed(data)
        if self._responses.is_tunnel:
            self._requests.tunnel()
        return items

    def ended(self, backend: bool) -> list[Item]:
        """Say what breaks off when a side ends."""
        if not backend:
            return self._requests.end()
        items = self._responses.end()
        if self._responses.methods and not items:
            items.append(Item("end", wrong="no response"))
        return items

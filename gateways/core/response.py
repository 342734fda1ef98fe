"""``start_response`` and what follows from it: Content-Length accounting, blocks, the end (PEP 3333)."""

from __future__ import annotations

from gateways.core.filewrapper import FileWrapper
from gateways.core.headers import check_headers, check_status
from gateways.errors import ClientDisconnected, HeadTooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Callable

    from gateways.core.types import ExcInfo, Headers, Transport

#: Blocks of a list are joined into one write up to this many bytes; above it copying costs more than a second write.
MAX_JOIN = 262144
#: A smaller file is read and sent with the head in one write.
MIN_FILE = 65536


class Response:
    """One response: the ``start_response`` callable, and the way of its blocks to the transport.

    After the request, ``status``, ``headers``, ``body_bytes`` (sent, without headers), ``aborted`` and ``failure`` (why
    the client did not get it) tell what happened, for the logs.
    """

    __slots__ = (
        *("_bodyless", "_head_only", "_length", "_overrun", "_transport", "_warn"),
        *("aborted", "body_bytes", "ended", "failure", "headers", "sent", "status"),
    )

    def __init__(self, transport: Transport, head_only: bool, warn: Callable[[str], None]) -> None:
        self._transport = transport
        self._head_only = head_only
        self._warn = warn
        self._bodyless = head_only
        self._length: int | None = None
        self._overrun = False
        self.status = ""
        self.headers: Headers = []
        self.sent = False
        self.ended = False
        self.aborted = False
        self.failure = ""
        self.body_bytes = 0

    def start(self, status: str, headers: Headers, exc_info: ExcInfo | None = None) -> Callable[[bytes], None]:
        """``start_response`` (PEP 3333). Returns ``write``.

        A second call needs ``exc_info``, which is raised again when the headers have left already. Raises
        ``AssertionError``, ``TypeError`` or ``ValueError`` for what PEP 3333 forbids; then nothing has changed.
        """
        if exc_info:
            try:
                if self.sent and exc_info[1] is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no cycle through the frame (PEP 3333)
        elif self.status:
            raise AssertionError("start_response was called a second time without exc_info (PEP 3333)")
        if self.sent:
            raise AssertionError("start_response was called when its headers had left already (PEP 3333)")
        checked, length = check_headers(headers)
        status = self.status = check_status(status)
        if length is not None and status[:4] == "204 ":  # RFC 9110, section 8.6: there is none in a 204
            checked = [item for item in checked if item[0].lower() != "content-length"]
            length = None
        self.headers = checked
        self._length = length
        self._bodyless = self._head_only or status[:4] in ("204 ", "304 ")
        return self.write

    def restore(self, status: str, headers: Headers, length: int | None) -> None:
        """Take over what a fast path has checked: a list of its own, and its Content-Length."""
        self.status = status
        self.headers = headers
        self._length = length

    def write(self, block: bytes) -> None:
        """The ``write`` callable: send one block now, headers before the first (PEP 3333).

        Raises ``TypeError`` unless ``block`` is ``bytes``, ``ValueError`` past the announced Content-Length, and
        ``ClientDisconnected`` once the response was broken off.
        """
        if self.aborted:
            raise ClientDisconnected("the response was broken off")
        self._put(block)
        if self._overrun:
            raise ValueError(self._too_long())

    def send(self, result: Iterable[bytes]) -> None:
        """Send all blocks of what the application returned, and complete the response."""
        kind = type(result)
        if kind is list or kind is tuple:
            self._send_whole(result)  # type: ignore[arg-type]
            return
        if kind is FileWrapper and self._send_file(result):  # type: ignore[arg-type]
            return
        single = _has_one_block(result)
        for block in result:
            if single and isinstance(block, bytes):
                self._announce(len(block))
            self._put(block)
            if self.ended and (self._overrun or self._bodyless):
                break  # nothing more can be sent, and an endless application would never know
        self._finish()

    def _send_whole(self, blocks: list[bytes]) -> None:
        """Send a list: all blocks are there, so their length is known and they leave together (PEP 3333)."""
        for block in blocks:
            if not isinstance(block, bytes):
                raise TypeError(f"a response block must be bytes, not {type(block).__name__}")
        total = len(blocks[0]) if len(blocks) == 1 else sum(map(len, blocks))
        self._announce(total)
        if self._length == total and 0 < total <= MAX_JOIN and not (self.sent or self._bodyless):
            self._send(blocks[0] if len(blocks) == 1 else b"".join(blocks), True)
            return
        if self._length is not None and total < self._length and not (self.sent or self._bodyless):
            raise ValueError(self._too_short(total))
        if total and len(blocks) > 1 and total <= MAX_JOIN:
            blocks = [b"".join(blocks)]
        for block in blocks:
            self._put(block)
        self._finish()

    def _send_file(self, wrapper: FileWrapper) -> bool:
        """Let the transport send a file without reading it; false when it cannot, or when it is not worth it."""
        send_file = getattr(self._transport, "send_file", None)
        found = wrapper.find_file() if send_file is not None and self.status and not self._bodyless else None
        if send_file is None or found is None:
            return False
        fd, position, size = found
        count = size if self._length is None else min(size, self._length - self.body_bytes)
        if count < MIN_FILE:
            return False
        if not self.sent:
            self._send(b"", False)
        try:
            if not send_file(fd, position, count):
                return False
        except ClientDisconnected:
            self.ended = self.aborted = True
            raise
        self.body_bytes += count
        self._overrun = count < size
        self._finish()
        return True

    def _put(self, block: bytes) -> None:
        """Send one block, cut at Content-Length."""
        if not isinstance(block, bytes):
            raise TypeError(f"a response block must be bytes, not {type(block).__name__}")
        if not self.status:
            raise AssertionError("the application sent a block before it called start_response (PEP 3333)")
        if not block:
            return
        if self._bodyless:
            if not self.ended:
                self._send(b"", True)
            return
        end = False
        if self._length is not None:
            left = self._length - self.body_bytes
            if len(block) > left:
                self._overrun = True
                block = block[:left]
            # With Content-Length reached, the end goes out in the same write as the last block.
            end = len(block) == left
        if not self.ended:
            self._send(block, end)

    def _finish(self) -> None:
        """Complete the response: headers if none left yet, and the end. A body shorter than announced is aborted."""
        if not self.status:
            raise AssertionError("the application returned without calling start_response (PEP 3333)")
        if self._overrun:
            self._warn(f"{self._too_long()}; the rest is dropped")
        if self.ended:
            return
        self._announce(0)
        if self._length is not None and self.body_bytes < self._length and not self._bodyless:
            message = self._too_short(self.body_bytes)
            if not self.sent:
                raise ValueError(message)
            self._warn(f"{message}; the response is broken off")
            self.abort()
            return
        self._send(b"", True)

    def abort(self) -> None:
        """Break the response off, unless it is complete."""
        if not self.ended:
            self.ended = self.aborted = True
            self._transport.abort()

    def reset(self) -> bool:
        """Forget an application's status and headers, to answer with an error instead; false when they have left."""
        if self.sent:
            return False
        self.status = ""
        return True

    def _send(self, block: bytes, end: bool) -> None:
        try:
            if self.sent:
                self._transport.send_body(block, end)
            else:
                self.sent = True
                self._transport.send_head(self.status, self.headers, block, end)
        except ClientDisconnected:
            self.ended = self.aborted = True
            raise
        except HeadTooLarge:
            self.sent = False
            raise
        self.body_bytes += len(block)
        if end:
            self.ended = True

    def _announce(self, length: int) -> None:
        """Add the computed Content-Length, where one can be computed ("Handling the Content-Length Header").

        A 204 has none, and of a 304 or an empty answer to HEAD nobody knows how long the body would have been.
        """
        if self._length is not None or self.sent or self.status[:4] in ("", "204 ", "304 "):
            return
        if length or not self._head_only:
            self._length = length
            self.headers.append(("Content-Length", str(length)))

    def _too_long(self) -> str:
        return f"the application sent more body than its Content-Length of {self._length}"

    def _too_short(self, total: int) -> str:
        return f"the application sent {total} bytes of body where its Content-Length is {self._length}"


def _has_one_block(result: Iterable[bytes]) -> bool:
    """Say whether ``len(result)`` is known to be 1; a proxy may have a length in name only."""
    try:
        return len(result) == 1  # type: ignore[arg-type]
    except (TypeError, AttributeError, NotImplementedError):
        return False


def error_body(status: str, message: str) -> tuple[Headers, bytes]:
    """The short page that answers for the gateway itself: headers and body. Nothing of the request is repeated."""
    body = f"{status}\n\n{message}\n".encode("utf-8", "backslashreplace")
    headers: Any = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
    return headers, body

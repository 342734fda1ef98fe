"""The answer of a backend: status and headers at once, the body as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Callable, NoReturn

from gateways.adapters.cgiresponse import End, HeadParser, ResponseHead, Stderr
from gateways.client.link import Link
from gateways.errors import ProtocolError, TruncatedResponse

#: How much error text a response keeps. All of it goes to ``on_stderr``.
MAX_STDERR = 65536

_BAD_GATEWAY = "502 Bad Gateway"
# END_REQUEST of a request that was never served (FastCGI 1.0, section 5.5).
_REFUSALS = {
    1: ("it takes one request at a time on a connection (CANT_MPX_CONN)", _BAD_GATEWAY),
    2: ("it is overloaded", "503 Service Unavailable"),
    3: ("it does not serve the role Responder (UNKNOWN_ROLE)", _BAD_GATEWAY),
}


class Response:
    """One response. Read the body to its end, or ``close``: as a context manager it closes itself.

    ``status``, ``reason`` and ``headers`` are there from the start; ``content_length`` in bytes is None when the
    backend gave none. ``stderr`` is what it wrote for the error log so far, at most 64 KiB of it. ``app_status`` is
    None until the end, then FastCGI's appStatus, or 0.
    """

    def __init__(
        self,
        link: Link,
        method: str,
        timeout: float,
        release: Callable[[bool], None],
        on_stderr: Callable[[bytes], None] | None = None,
    ) -> None:
        self._link = link
        self._timeout = timeout
        self._at_end = [release]
        self._on_stderr = on_stderr
        self._stderr = bytearray()
        self._received = 0
        self._closed = False
        self._parser = HeadParser()
        self.app_status: int | None = None
        self._started = False
        head = self._receive_head()
        self._started = True
        self.status = head.status
        self.reason = head.reason
        self.headers = head.headers
        self.content_length = head.content_length
        #: False where HTTP has no body (RFC 9110, section 6.4.1); what a backend sends there is dropped.
        self.has_body = method != "HEAD" and head.status not in (204, 304)
        self._rest = self._parser.rest

    @property
    def stderr(self) -> bytes:
        """What the backend wrote for the error log so far (FCGI_STDERR)."""
        return bytes(self._stderr)

    def header(self, name: str) -> str | None:
        """Return the value of a header, the first if it is repeated; None when it is not there."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)

    def iter_body(self) -> Iterator[bytes]:
        """Yield the body, block by block, as it arrives.

        Raises ``TruncatedResponse`` when the backend goes before the end, ``ProtocolError`` when it sends more than its
        Content-Length (after yielding that much), ``BackendTimeout`` when it is silent for too long.
        """
        while block := self._next_block():
            yield block

    def read(self) -> bytes:
        """Return the (rest of the) body. Raises what ``iter_body`` does."""
        return b"".join(self.iter_body())

    def close(self) -> None:
        """End the request; before its end, the backend sees the connection go."""
        self._leave(False)

    def at_end(self, function: Callable[[bool], None]) -> None:
        """Have ``function`` called when the response is over, with True when it was read to its end."""
        self._at_end.append(function)

    def __enter__(self) -> Response:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _receive_head(self) -> ResponseHead:
        while True:
            data = self._receive()
            if data is None:
                self._fail(self._parser.end())
            try:
                head = self._parser.feed(data)
            except ProtocolError as error:
                self._fail(error)
            if head is not None:
                return head

    def _next_block(self) -> bytes:
        """Return the next block of the body, or ``b""`` at its end."""
        while not self._closed:
            if self._rest:
                block: bytes | None = self._rest
                self._rest = b""
            else:
                block = self._receive()
            if block is None:
                self._finish()
            elif self.has_body:
                block = self._measure(block)
                if block:
                    return block
        return b""

    def _measure(self, block: bytes) -> bytes:
        """Hold the body against its Content-Length; what is above it waits for the next call to be refused."""
        if self.content_length is None:
            return block
        left = self.content_length - self._received
        if not left:
            self._fail(ProtocolError(f"more body than the Content-Length of {self.content_length}", _BAD_GATEWAY))
        self._rest = block[left:]
        self._received += len(block[:left])
        return block[:left]

    def _receive(self) -> bytes | None:
        """Return the next piece of the backend's output, or None at its end."""
        try:
            while True:
                event = self._link.next_event(self._timeout)
                if isinstance(event, Stderr):
                    self._take_stderr(event.data)
                elif isinstance(event, End):
                    self._check_end(event)
                    self.app_status = event.app_status
                    return None
                else:
                    return event.data
        except TruncatedResponse:
            self.close()
            if self._complete():
                return None  # all bytes of it are here; only the end of the conversation is missing
            raise
        except BaseException:
            self.close()
            raise

    def _check_end(self, event: End) -> None:
        if event.protocol_status:
            unknown = (f"with the protocol status {event.protocol_status}", _BAD_GATEWAY)
            why, status = _REFUSALS.get(event.protocol_status, unknown)
            raise ProtocolError(f"{self._link.peer}: the backend refused the request: {why}", status)

    def _finish(self) -> None:
        """The backend has ended its response; the connection can go to the next request."""
        if self.has_body and self.content_length is not None and self._received < self.content_length:
            self._fail(
                TruncatedResponse(
                    f"the backend sent {self._received} bytes of the {self.content_length} it announced", _BAD_GATEWAY
                )
            )
        self._leave(True)

    def _leave(self, complete: bool) -> None:
        if not self._closed:
            self._closed = True
            for function in self._at_end:
                function(complete)

    def _complete(self) -> bool:
        """True when Content-Length says that the whole body has come."""
        return self._started and self.has_body and self.content_length == self._received

    def _take_stderr(self, data: bytes) -> None:
        self._stderr += data[: MAX_STDERR - len(self._stderr)]
        if self._on_stderr is not None:
            self._on_stderr(data)

    def _fail(self, error: ProtocolError) -> NoReturn:
        self.close()
        raise self._link.named(error)

"""One request: what a2wsgi passes on between the serving thread and the loop, made complete on both sides.

a2wsgi carries each message from one side to the other and waits for it there, so that neither body is ever kept. What
it leaves open is done here: the application gets to know when the client leaves, one that ends in the middle of its
response does not leave the thread waiting, a body may come in pieces and without a length, and what the application
does after its response keeps no thread.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

from gateways.core.headers import HOP_BY_HOP
from gateways.errors import ClientDisconnected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateways.core.types import Environ

    Message = dict[str, Any]
    Receive = Callable[[], Any]
    Send = Callable[[Message], Any]

#: Where a2wsgi, which knows ``environ`` only, has us found again.
KEY = "gateways.exchange"
#: Where the server puts the descriptor of the connection (server/serving.py).
DESCRIPTOR = "gateways.descriptor"
#: And how to have a wait for the body end when a descriptor is readable (server/wire.py).
INTERRUPT_BY = "gateways.interrupt_by"
#: What stands for the length of a body whose end only the transport knows.
_ENDLESS = 1 << 62
_DROPPED = frozenset(name.encode() for name in HOP_BY_HOP)


class Exchange:
    """The response as an iterable for the serving thread; ``run`` is the request in the loop."""

    def __init__(self, application: Any, scope: Message, loop: asyncio.AbstractEventLoop, log: Any) -> None:
        self._application = application
        self._scope = scope
        self._loop = loop
        self._log = log
        self._environ: Environ = scope["wsgi_environ"]
        self.fd: int = self._environ.get(DESCRIPTOR, -1)
        self._blocks: Iterator[bytes] = iter(())
        self._interrupt = Interrupt(self._environ.get(INTERRUPT_BY))
        # Of the loop, where they are made: Python 3.9 asks for that
        self._left: asyncio.Event  # the client has left, or the response is out
        self._order: asyncio.Lock
        self._reading: asyncio.Task[Any] | None = None
        self._body_ended = False
        self._started = False
        # Of both: written by one side before the other is told of it
        self._failure: BaseException | None = None
        self._running = False
        self._complete = False
        self._over = False
        self._closed = False
        self._interrupted = False  # the piece that a2wsgi brings is none

    # In the serving thread

    def begin(self, middleware: Any, start_response: Any) -> Exchange:
        """Hand the request to a2wsgi, with as much of ``environ`` as it needs: it works without its own scope."""
        length = self._environ.get("CONTENT_LENGTH") or str(_ENDLESS)
        environ = {
            "REQUEST_METHOD": "GET",
            "SERVER_NAME": "",
            "SERVER_PORT": "0",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": length,
            "wsgi.input": self,
            KEY: self,
        }
        self._endless = int(length) >= _ENDLESS
        self._blocks = iter(middleware(environ, start_response))
        return self

    def read(self, size: int) -> bytes:
        """Return what is here of the body, at most ``size`` bytes; wait only when there is nothing."""
        body = self._environ["wsgi.input"]
        self._interrupt.prepare()
        try:
            data: bytes = getattr(body, "read1", body.read)(size)
        except InterruptedError:
            self._interrupted = True
            return b""
        return data

    def __iter__(self) -> Exchange:
        return self

    def __next__(self) -> bytes:
        if self._complete and self._over:
            raise StopIteration
        try:
            block = next(self._blocks)
        except BaseException:
            if self._failure is not None:
                raise self._failure from None
            raise
        if self._failure is not None:
            raise self._failure
        if self._complete:
            self._over = True  # a2wsgi would wait now until the application has returned
        return block

    def close(self) -> None:
        """The response is out, or nobody wants it any more."""
        self.fd = -1
        self._closed = True
        self._interrupt.close()
        try:
            self._loop.call_soon_threadsafe(self.leave)
        except RuntimeError:
            pass  # the loop has ended before
        close = getattr(self._blocks, "close", None)
        if close is not None:
            close()

    # In the loop

    def leave(self) -> None:
        """The client has left, or the response is out."""
        if self._running:
            self._left.set()

    async def run(self, receive: Receive, send: Send) -> None:
        """Call the application. Raises ``RuntimeError`` when it has failed: then a2wsgi lets go of the thread."""
        self._receive, self._send = receive, send
        self._left, self._order = asyncio.Event(), asyncio.Lock()
        self._running = True
        try:
            await self._application(self._scope, self.receive, self.send)
            if not self._complete:
                raise RuntimeError("the ASGI application returned without completing its response")
        except GeneratorExit:
            raise
        except BaseException as error:  # a BaseExceptionGroup, too, of which nobody else would tell
            self._fail(error)
        finally:
            if self._reading is not None:
                self._reading.cancel()
                self._interrupt()
        if self._failure is not None and not self._closed:
            raise RuntimeError("the thread knows why")  # not the failure: SystemExit would end the loop

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            error = ClientDisconnected("the request was cancelled, because the server stops")
        if self._complete:
            if not isinstance(error, ClientDisconnected):
                self._log(f"an ASGI application failed after its response: {type(error).__name__}: {error}", error)
        elif self._left.is_set():
            self._failure = ClientDisconnected("the client has left")
        else:
            self._failure = error

    async def receive(self) -> Message:
        """What the application receives: pieces of the body, then, when there is an end, ``http.disconnect``."""
        while not (self._body_ended or self._left.is_set()):
            # A call that is given up, which frameworks do to ask for a disconnect, must not lose a piece.
            if self._reading is None:
                self._reading = self._loop.create_task(self._receive())
            reading = self._reading
            await self._first_of(reading)
            if reading is self._reading and reading.done():
                if not self._interrupted:
                    return self._take_piece()
                self._reading, self._interrupted = None, False
        await self._left.wait()
        return {"type": "http.disconnect"}

    def _take_piece(self) -> Message:
        assert self._reading is not None
        message: Message = self._reading.result()
        self._reading = None
        if message["type"] != "http.request":
            self._left.set()
            return message
        if message["more_body"] and not message["body"]:
            if not self._endless:  # it broke off
                self._left.set()
                return {"type": "http.disconnect"}
            message = {**message, "more_body": False}
        self._body_ended = not message["more_body"]
        return message

    async def send(self, message: Message) -> None:
        """What the application sends with. Raises ``ClientDisconnected``, an ``OSError``, when the client has left."""
        async with self._order:
            kind = message["type"]
            if self._complete:
                raise RuntimeError(f"{kind} after the end of the response")
            if self._left.is_set():
                raise ClientDisconnected("the client has left")
            if kind == "http.response.start":
                if self._started:
                    raise RuntimeError("http.response.start for the second time")
                self._started = True
                # ASGI wants Transfer-Encoding ignored, and what an application says of its connection is for no one.
                headers = [item for item in message.get("headers", ()) if item[0].strip().lower() not in _DROPPED]
                message = {**message, "headers": headers}
            elif kind != "http.response.body":
                raise RuntimeError(f"{kind!r} is no message of an HTTP response")
            elif not self._started:
                raise RuntimeError("http.response.body before http.response.start")
            else:
                self._complete = not message.get("more_body", False)
            if self._reading is not None and not self._reading.done():
                self._interrupt()  # the thread waits for the body, and is to send now
            sending = self._loop.create_task(self._send(message))
            try:
                await self._first_of(sending)
            finally:
                gone = not sending.done()
                sending.cancel()
            if gone and not self._complete:
                raise ClientDisconnected("the client has left")

    async def _first_of(self, task: asyncio.Task[Any]) -> None:
        """Wait for ``task``, or for the end of the exchange."""
        left = self._loop.create_task(self._left.wait())
        try:
            await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()


class Interrupt:
    """Ends the wait of the serving thread for more of a body. Called in the loop, the rest is for that thread.

    ``interrupt_by`` is what the connection takes a descriptor with, None where there is no such thing.
    """

    def __init__(self, interrupt_by: Callable[[int], object] | None) -> None:
        self._interrupt_by = interrupt_by
        self._lock = threading.Lock()  # the pipe is not to be closed, and its number used again, before it is written
        self._pipe: tuple[int, int] | None = None
        self._early = False

    def prepare(self) -> None:
        """A wait may follow."""
        if self._pipe is None and self._interrupt_by is not None:
            try:
                ends = os.pipe()
            except OSError:
                return  # out of descriptors: it is served all the same
            os.set_blocking(ends[1], False)
            self._interrupt_by(ends[0])
            with self._lock:
                self._pipe = ends
                early = self._early
            if early:
                self()

    def __call__(self) -> None:
        """End the wait, or the next one where there is none."""
        with self._lock:
            if self._pipe is None:
                self._early = True  # the thread is on its way to the first one
                return
            try:
                os.write(self._pipe[1], b"i")
            except BlockingIOError:
                pass  # enough of them

    def close(self) -> None:
        """The request is over."""
        with self._lock:
            ends, self._pipe = self._pipe, None
        if ends is not None and self._interrupt_by is not None:
            self._interrupt_by(-1)
            for end in ends:
                os.close(end)
        self._interrupt_by = None

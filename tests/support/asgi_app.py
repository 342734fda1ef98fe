"""A handwritten ASGI application, without a framework: what it is asked for by path, what it has seen in ``Seen``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

from gateways.asgi import Bridge
from tests.support.serving import PATIENCE, RecordingLog, Served, serving


class Grouped(BaseException):
    """What a BaseExceptionGroup is, which Python 3.9 does not have: no Exception."""


class Application:
    """``events`` is what has happened, as words. ``startup`` and ``shutdown`` are what its lifespan answers with."""

    def __init__(self, startup: str = "complete", shutdown: str = "complete") -> None:
        self.events: list[str] = []
        self.scopes: list[dict[str, Any]] = []
        self.pieces: list[bytes] = []
        self.startup, self.shutdown = startup, shutdown
        self.go_on = threading.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        self.scopes.append(scope)
        name = scope["path"].rpartition("/")[2] or "hello"
        await getattr(self, f"_{name}", self._hello)(scope, receive, send)

    async def _live(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if self.startup == "unknown":
            raise AssertionError("only http")
        assert (await receive())["type"] == "lifespan.startup"
        self.events.append("startup")
        if self.startup == "returns":
            return
        scope["state"]["database"] = "open"
        await send({"type": f"lifespan.startup.{self.startup}", "message": "Traceback:\n  no such database"})
        if self.startup == "failed":
            return
        assert (await receive())["type"] == "lifespan.shutdown"
        if self.shutdown == "never":
            await asyncio.sleep(3600)
        self.events.append("shutdown")
        await send({"type": f"lifespan.shutdown.{self.shutdown}", "message": "still open"})

    async def _hello(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await answer(send, b"hello")

    async def _state(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await answer(send, json.dumps([os.getpid(), scope.get("state")]).encode())

    async def _hold(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """The same, and stay until the client leaves."""
        state = json.dumps([os.getpid(), scope.get("state")]).encode()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": state, "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _echo(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Send each piece of the body back as it comes."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.events.append("disconnect")
                return
            self.pieces.append(message["body"])
            more = message["more_body"]
            await send({"type": "http.response.body", "body": message["body"], "more_body": True})
        await send({"type": "http.response.body"})

    async def _stream(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Send for ever, until somebody says that it is in vain."""
        await send({"type": "http.response.start", "status": 200})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"piece\n" * 100, "more_body": True})
                await asyncio.sleep(0.005)
        except OSError as error:
            self.events.append("broken")
            self.events.append((await receive())["type"])
            raise error

    async def _wait(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Wait for the client to leave, with nothing to say to it."""
        await receive()
        self.events.append("waiting")
        self.events.append((await receive())["type"])

    async def _background(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await answer(send, b"soon")
        self.events.append((await receive())["type"])
        while not self.go_on.is_set():
            await asyncio.sleep(0.005)
        self.events.append("done")

    async def _asking(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Ask for a disconnect and give up at once, as Starlette does, and lose nothing of the body by that."""
        for _ in range(3):
            with contextlib.suppress(asyncio.TimeoutError):
                self.pieces.append((await asyncio.wait_for(receive(), 0.001))["body"])
        while b"".join(self.pieces) != b"whole":
            self.pieces.append((await receive())["body"])
        await answer(send, b"".join(self.pieces))

    async def _early(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        raise ValueError("too early")

    async def _late(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("too late")

    async def _after(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await answer(send, b"whole")
        raise ValueError("after all")

    async def _exit(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        raise SystemExit(3)

    async def _nothing(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        pass

    async def _half(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})

    async def _headless(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.body", "body": b"no head"})

    async def _twice(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await answer(send, b"once")
        await answer(send, b"twice")

    async def _group(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        raise Grouped("several at once")

    async def _interrupt(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        raise KeyboardInterrupt("by nobody")

    async def _listening(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer while a task asks for more of the body, as Starlette does to notice a disconnect; then what it got."""

        async def listen() -> None:
            while (message := await receive())["type"] != "http.disconnect":
                self.pieces.append(message["body"])
                if not message["more_body"]:
                    break

        listening = asyncio.ensure_future(listen())
        while not self.pieces:
            await asyncio.sleep(0.002)
        if scope["query_string"] == b"fail":
            listening.cancel()
            raise ValueError("while it listens")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one", b"two", b"three"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if scope["query_string"] == b"whole":
            await listening
        await send({"type": "http.response.body", "body": b"-".join(self.pieces)})
        listening.cancel()

    async def _hop(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Say what is for a server of its own to say."""
        headers = [(b"Connection", b"keep-alive"), (b"transfer-encoding", b"chunked"), (b"Keep-Alive ", b"timeout=5")]
        headers += [(b"x-own", b"stays"), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hop"})

    async def _odd(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-split", b"a\r\nb: c")]})
        await send({"type": "http.response.body", "body": b"never"})


async def answer(send: Any, body: bytes) -> None:
    """Send a short response."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def bridged(application: Any, log: RecordingLog | None = None) -> Iterator[Bridge]:
    """A started bridge, which is stopped at the end."""
    log = log or RecordingLog()
    bridge = Bridge(application, log.error, log.exception)
    bridge.start()
    try:
        yield bridge
    finally:
        bridge.stop(PATIENCE)


@contextlib.contextmanager
def serving_asgi(application: Any, protocol: str = "fastcgi", **settings: Any) -> Iterator[tuple[Served, RecordingLog]]:
    """A server of an ASGI application, and the log of its bridge."""
    log = RecordingLog()
    with bridged(application, log) as bridge, serving(bridge, protocol, interface="asgi", **settings) as served:
        yield served, log


application = Application()

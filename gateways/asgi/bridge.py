"""The WSGI application that is made of an ASGI application, and the event loop that it runs in.

The loop has a thread of its own, which a fork would not take along: ``start`` is for the process that serves.
"""

from __future__ import annotations

import asyncio
import importlib
import select
import threading
import time
from typing import TYPE_CHECKING, Any

from gateways.asgi.exchange import KEY, Exchange
from gateways.asgi.lifespan import Lifespan
from gateways.asgi.scope import build_scope
from gateways.errors import BootError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from gateways.core.types import Environ

#: How often to look whether a client has left for whom nothing is being sent, seconds.
LOOK_INTERVAL = 1.0
#: What a server has for the shutdown of an application when its own time is used up already, seconds.
LEAST_PATIENCE = 1.0
#: How late the loop may be with it, seconds: code of the application that does not wait can hold it.
LATENESS = 1.0
#: At most so often a line in the log says that there are no WebSockets, seconds: browsers try again and again.
_COMPLAINT_INTERVAL = 60.0
_NO_WEBSOCKET = b"WebSockets are not served here.\n"


class Bridge:
    """A WSGI application. ``start`` comes before the first request, ``stop`` after the last one.

    ``log(text)`` takes lines for the error log, ``log_exception(text, error)`` errors with a traceback. Raises
    ``ConfigError`` where a2wsgi is not installed.
    """

    def __init__(
        self,
        application: Any,
        log: Callable[[str], object],
        log_exception: Callable[[str, BaseException], object],
    ) -> None:
        self._application = application
        self._log = log
        self._log_exception = log_exception
        self._middleware_type = import_a2wsgi().ASGIMiddleware
        self._middleware: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._over = False  # the loop may end
        self._requests: dict[Exchange, Any] = {}
        self._complained_at = -_COMPLAINT_INTERVAL

    def start(self) -> None:
        """Start the loop, and the application (lifespan). Raises ``BootError`` when that says that it cannot."""
        loop = self._loop = asyncio.new_event_loop()
        self._over = False
        self._thread = threading.Thread(target=self._run_loop, args=(loop,), name="gateways-loop", daemon=True)
        self._thread.start()
        self._middleware = self._middleware_type(self._enter, loop=loop)
        try:
            self._call(self._begin()).result()
        except BootError:
            self.stop(0.0)
            raise

    def stop(self, seconds: float) -> None:
        """End the application (lifespan) and the loop, after ``seconds`` in any case."""
        if self._loop is None or self._thread is None:
            return
        loop, self._loop = self._loop, None
        future = asyncio.run_coroutine_threadsafe(self._end(seconds), loop)
        try:
            future.result(seconds + LEAST_PATIENCE + LATENESS)
        except Exception:  # the application holds the loop up with code that does not wait
            self._log(f"the application's loop did not end within {seconds:g} s")
            return
        self._over = True
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Serve one request (WSGI)."""
        if environ.get("HTTP_UPGRADE", "").lower() == "websocket":
            return self._refuse_websocket(environ, start_response)
        loop, lifespan = self._loop, self._lifespan
        if loop is None:
            raise RuntimeError("the application's loop has ended")
        scope = build_scope(environ, lifespan.state)
        exchange = Exchange(self._application, scope, loop, self._log_exception)
        return exchange.begin(self._middleware, start_response)

    def _call(self, coroutine: Any) -> Future[Any]:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def _refuse_websocket(self, environ: Environ, start_response: Any) -> list[bytes]:
        now = time.monotonic()
        if now - self._complained_at >= _COMPLAINT_INTERVAL:
            self._complained_at = now
            environ["wsgi.errors"].write(
                "gateways: a WebSocket was asked for and answered 501: none are served here; "
                "have the web server pass that path to an ASGI server that speaks HTTP\n"
            )
        start_response("501 Not Implemented", [("Content-Type", "text/plain")])
        return [_NO_WEBSOCKET]

    # In the loop

    def _run_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run the loop, also after a task of the application has ended it: all other requests wait for it."""
        asyncio.set_event_loop(loop)
        while not self._over:
            try:
                loop.run_forever()
            except BaseException as error:  # SystemExit and KeyboardInterrupt of a task, which asyncio passes on
                self._log_exception(f"{type(error).__name__} in the application's loop, which goes on", error)
            else:
                if not self._over:
                    self._log("the application has stopped its loop, which goes on")
        loop.close()

    async def _begin(self) -> None:
        self._lifespan = Lifespan(self._application, self._log)
        self._looking = asyncio.ensure_future(self._look_for_clients())
        await self._lifespan.start()

    async def _enter(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """What a2wsgi takes for the application."""
        exchange: Exchange = scope["wsgi_environ"][KEY]
        task = asyncio.current_task()
        self._requests[exchange] = task
        try:
            await exchange.run(receive, send)
        finally:
            del self._requests[exchange]

    async def _look_for_clients(self) -> None:
        """Notice when a web server has closed a connection on which nothing is being sent.

        A peer that has ended its own side only still waits for the response. On TCP both look the same until something
        is sent; a Unix socket tells them apart.
        """
        while True:
            await asyncio.sleep(LOOK_INTERVAL)
            watched = {exchange.fd: exchange for exchange in self._requests if exchange.fd >= 0}
            if watched:
                poll = select.poll()
                for fd in watched:
                    poll.register(fd, 0)  # errors and the end of the connection are told in any case
                for fd, _ in poll.poll(0):
                    watched[fd].leave()

    async def _end(self, seconds: float) -> None:
        """Wait for what still runs, such as background tasks, then for the shutdown; cancel what is left."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        self._looking.cancel()
        lifespan = self._lifespan
        requests = set(self._requests.values())
        if requests:
            await asyncio.wait(requests, timeout=max(0.0, deadline - loop.time()))
        if lifespan.state is not None:
            try:
                await asyncio.wait_for(lifespan.stop(), max(LEAST_PATIENCE / 2, deadline - loop.time()))
            except asyncio.TimeoutError:
                self._log(f"the application's shutdown (lifespan) was not over after {seconds:g} s")
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=LEAST_PATIENCE / 2)
        await loop.shutdown_asyncgens()


def import_a2wsgi() -> Any:
    """Return the package. Raises ``ConfigError`` where it is not installed."""
    try:
        return importlib.import_module("a2wsgi")
    except ModuleNotFoundError as error:
        if error.name != "a2wsgi":
            raise ConfigError(f"interface asgi: a2wsgi cannot be imported: {error}") from None
        raise ConfigError("interface asgi needs a2wsgi: pip install 'gateways[asgi]'") from None

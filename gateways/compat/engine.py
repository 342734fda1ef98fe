"""Serve a gateway of flup's names by this project's engine, in the calling thread and its helpers."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from gateways.addresses import Address
from gateways.compat.laxity import LaxStart, blocks
from gateways.compat.loops import ServerLoop, overridden
from gateways.server.errorlog import ErrorLog
from gateways.server.listeners import Listener
from gateways.server.opening import open_access_log
from gateways.server.peers import PeerFilter, parse_clients, reached_by_others
from gateways.server.worker import Server
from gateways.settings import Settings

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from gateways.compat.gateway import Gateway
    from gateways.core.types import Environ
    from gateways.server.signals import Before

#: Requests at a time where the program sets no limit: flup has none then. Threads start when they are needed.
THREADS = 100
_MOST_THREADS = 10_000


class Served:
    """The application that the engine calls, for a gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._plain = gateway._is_plain()
        self.__name__ = application_name(gateway.application)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        gateway = self._gateway
        refusal = gateway._refusal(environ)
        if refusal:
            environ["wsgi.errors"].write(f"gateways: {refusal}\n")
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"This request is not served here. The error log says why.\n"]
        gateway._complete(environ)
        gateway._note(environ)
        if self._plain:
            return blocks(gateway.application(environ, LaxStart(start_response)))  # type: ignore[no-any-return]
        gateway._converse(environ, start_response, False)
        return ()


class Engine(Server):
    """A server in a program that has more to do: its signals are the program's, and it may not be broken off."""

    def __init__(self, gateway: Gateway, period: float, *given: Any, **keywords: Any) -> None:
        super().__init__(*given, **keywords)
        self._owner: Any = gateway
        self._period = period
        self._has_periodic = isinstance(gateway, ServerLoop) and overridden(gateway, ServerLoop, "_mainloopPeriodic")

    def _install_signals(self) -> Before:
        """Obey USR1 where a web server has started this; the others are the gateway's."""
        if not self._spawned:
            return []
        return [(signal.SIGUSR1, signal.signal(signal.SIGUSR1, lambda number, frame: self.stop()))]

    def _break_off(self) -> None:
        """Let the threads be: they end with the program, or with what they are doing."""

    def _timeout(self) -> float | None:
        timeout = super()._timeout()
        if not self._has_periodic:
            return timeout
        return self._period if timeout is None else min(timeout, self._period)

    def _housekeeping(self) -> None:
        super()._housekeeping()
        if self._has_periodic:
            self._owner._mainloopPeriodic()


class _Peers(PeerFilter):
    """Asks the program who may connect."""

    __slots__ = ("_ask",)

    def __init__(self, ask: Callable[[Any], bool]) -> None:
        self._ask = ask

    def allows(self, peer: object) -> bool:
        """Say whether a peer may connect."""
        return bool(self._ask(peer))


def serve(gateway: Any, sock: socket.socket, period: float) -> None:
    """Serve until the gateway is told to stop, and requests in hand are finished."""
    with ExitStack() as stack:
        settings = read_settings(gateway, **thread_setting(gateway))
        error_log = ErrorLog(settings.error_log, settings.log_level)
        stack.callback(error_log.close)
        access_log = open_access_log(settings, gateway._spawned, error_log, stack)
        listener = lend(gateway, sock, error_log)
        stack.callback(listener.close)
        server = Engine(
            *(gateway, period, Served(gateway), [listener], settings, error_log, access_log),
            spawned=gateway._spawned,
        )
        gateway._serve_with(server)
        server.run()


def read_settings(gateway: Gateway, **given: Any) -> Settings:
    """Return the settings; what the program does not say, GATEWAYS_* variables may. Raises ``ConfigError``."""
    if gateway._shows_errors():
        given["debug"] = True
    if "GATEWAYS_ACCESS_LOG" not in os.environ:
        given["access_log"] = "off"  # flup has none
    mount = gateway._mount()
    if mount is not None:
        given["script_name"] = mount
    if gateway._multiplexed:
        given["fcgi_multiplex"] = THREADS
    return Settings.load(keywords=given)


def thread_setting(gateway: Any) -> dict[str, int]:
    """Return the setting that says how many requests are served at a time."""
    return program_threads(gateway) or ({} if "GATEWAYS_THREADS" in os.environ else {"threads": THREADS})


def program_threads(gateway: Any) -> dict[str, int]:
    """Return the same, where the program itself sets a limit."""
    pool = gateway._threadPool
    if pool is None or not gateway.multithreaded:
        return {"threads": 1}
    if pool._maxThreads < sys.maxsize:
        return {"threads": max(1, min(int(pool._maxThreads), _MOST_THREADS))}
    return {}


def lend(gateway: Gateway, sock: socket.socket, error_log: ErrorLog) -> Listener:
    """Return a listener on a descriptor of its own: a ``Server`` closes what it has listened on."""
    lent = sock.dup()
    lent.setblocking(False)
    listener = Listener(lent, gateway.protocol, address_of(lent, gateway._spawned), gateway._spawned)
    listener.file = gateway._socketFile
    allowed = gateway._allowed()
    if overridden(gateway, gateway.usual, "_isClientAllowed"):  # the program itself wants to say who may connect
        listener.peers = _Peers(gateway._isClientAllowed)
    elif isinstance(lent.getsockname(), tuple):
        if allowed is not None:
            listener.peers = PeerFilter(parse_clients(allowed, "allowedServers"))
        elif reached_by_others(lent):
            error_log.warning(
                f"{gateway.protocol} on {listener.address}: whoever can connect controls the application; "
                + ("set FCGI_WEB_SERVER_ADDRS" if gateway.protocol == "fastcgi" else "give allowedServers")
                + " to the addresses of your web servers"
            )
    return listener


def address_of(sock: socket.socket, spawned: bool) -> Address:
    """Return where a socket listens, for messages."""
    name = sock.getsockname()
    if spawned:
        return Address("fd", number=0)
    if isinstance(name, tuple):
        return Address("tcp", host=name[0], port=name[1])
    if isinstance(name, bytes):
        return Address("abstract", name=name[1:].decode("utf-8", "replace"))
    return Address("unix", path=name)


def application_name(application: Any) -> str:
    """Return what messages call an application."""
    return str(getattr(application, "__name__", type(application).__name__))

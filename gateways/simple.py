"""``make_server``: HTTP in one process, for programs that call ``wsgiref.simple_server.make_server``."""

from __future__ import annotations

import os
import signal
import socket
import threading
from types import FunctionType
from typing import TYPE_CHECKING, Any

from gateways.addresses import Address
from gateways.config.checks import check_settings
from gateways.errors import BindError, ConfigError
from gateways.server.accesslog import AccessLog
from gateways.server.errorlog import ErrorLog
from gateways.server.listeners import Listener, open_listeners
from gateways.server.opening import equip, listening_settings
from gateways.server.worker import Server
from gateways.settings import Settings
from gateways.settings.serving import LIMITS, LOGS, TIMEOUTS, Serving

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateways.adapters.speedups import Link
    from gateways.core.types import Application, Environ
    from gateways.server.connection import Connection
    from gateways.server.signals import Before

#: Modules whose classes a program may name, and what its own may set.
_LIBRARY = frozenset(("wsgiref", "http", "socketserver", "builtins"))
_HARMLESS = frozenset(("daemon_threads", "address_family", "allow_reuse_address", "request_queue_size"))
#: Settings that are obeyed, beside all limits, timeouts and logs.
_OBEYED = (
    *("allowed_clients", "backlog", "certfile", "keyfile", "forwarded_allow_ips", "forwarded_headers"),
    *("proxy_protocol", "max_http_version", "threads", "script_name", "environ", "debug", "posthooks"),
    *("minimum_chunk_size", "capitalize_response_headers"),
)
#: Requests at once where a program asks for threads in the way of ``socketserver``.
_THREADS = 8


class _AddressError(BindError, OSError):
    """What a caller of wsgiref expects: programs that try the next port catch ``OSError`` and look at ``errno``."""


def make_server(
    host: str,
    port: int,
    app: Application,
    server_class: type | None = None,
    handler_class: type | None = None,
    **settings: Any,
) -> SimpleServer:
    """Return a server for ``app`` that listens on ``host`` and ``port`` (0: any free one) and speaks HTTP/1.1.

    ``host`` is a name, an IP address, or empty for all of IPv4. One request at a time is served, as with ``wsgiref``,
    or 8 when ``server_class`` is one with ``socketserver.ThreadingMixIn``, or as many as ``threads`` says. The other
    ``settings`` are those of ``serve()`` about requests, limits, timeouts, logs, TLS and proxies; GATEWAYS_* variables
    count where a keyword is not given.

    Raises ``BindError``, which is an ``OSError`` here, and ``ConfigError`` for a wrong setting, one that only
    ``serve()`` obeys, a missing package, and a class that has code of its own, which nobody would call.
    """
    _check_class("server_class", server_class, "use settings instead")
    _check_class("handler_class", handler_class, 'to be silent, give access_log="off"')
    for name in settings:
        if name in Settings.settings and name not in _obeyed():
            raise ConfigError(f"{name}: make_server does not do that; gateways.serve does")
    if server_class is not None and any(base.__name__ == "ThreadingMixIn" for base in server_class.__mro__):
        settings.setdefault("threads", _THREADS)
    loaded = Settings.load(keywords={"threads": 1, "posthooks": True, **settings})
    for finding in check_settings(loaded, several=False):
        if finding.fatal and finding.setting in _obeyed():
            raise ConfigError(f"{loaded.label(finding.setting)}: {finding.text}")
    family = getattr(server_class, "address_family", socket.AF_INET)
    return SimpleServer((_resolve(host, family), port), app, loaded, host)


def _obeyed() -> frozenset[str]:
    """Return the settings that have to do with requests, and not with processes."""
    groups = [name for name, item in vars(Serving).items() if getattr(item, "group", "") in (LIMITS, TIMEOUTS, LOGS)]
    return frozenset((*groups, *_OBEYED))


def _check_class(argument: str, given: type | None, instead: str) -> None:
    """Refuse a class of the program's own that does more than to join those of the standard library."""
    for base in given.__mro__ if given is not None else ():
        own = [name for name, value in vars(base).items() if _is_own(name, value)]
        if own and base.__module__.partition(".")[0] not in _LIBRARY:
            called = f"{base.__qualname__}.{own[0]}"
            raise ConfigError(f"{argument}: nobody here would call {called}, as this is not wsgiref; {instead}")


def _is_own(name: str, value: object) -> bool:
    """Say whether an attribute of a class is one that would have to be obeyed."""
    if name.startswith("__"):  # the rest of these Python itself sets
        return isinstance(value, FunctionType) and not name.startswith("__annotate")
    return name not in _HARMLESS


class _Loop(Server):
    """A server in a program that has more to do: it may not be broken off."""

    def _break_off(self) -> None:
        """Let the threads be: they end with the program, or with what they are doing."""


class _Once(_Loop):
    """A server for one connection, and one request on it.

    ``signal`` is the number of a signal that has come meanwhile, 0 for none: the program gets it once more, afterwards.
    """

    signal = 0

    def _admit(self, listener: Listener, sock: socket.socket, address: object) -> None:
        self._acceptor.suspend()
        super()._admit(listener, sock, address)

    def _keeps_nothing(self) -> bool:
        return True

    def end(self, connection: Link, sent: int = 0) -> None:
        super().end(connection, sent)
        self.stop()

    def forget(self, connection: Connection) -> None:
        super().forget(connection)
        self.stop()

    def _install_signals(self) -> Before:
        before: Before = []
        own = os.getpid()

        def note(number: int, frame: object) -> None:
            for known, handler in before:  # the next one has its usual effect, in the middle of the application as well
                signal.signal(known, handler)
            if os.getpid() != own:  # in a process that the application has forked off
                signal.raise_signal(number)
                return
            self.signal = number
            self.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before.append((number, signal.signal(number, note)))
        return before


class SimpleServer:
    """A server as ``wsgiref`` has it: ``serve_forever``, ``handle_request``, ``shutdown`` and ``server_close``.

    ``socket``, ``server_address``, ``server_name`` and ``server_port`` say where it listens. Connections are accepted
    by the system from the beginning, and served while one of the first two runs.
    """

    def __init__(
        self, address: tuple[str, int], application: Application | None, settings: Settings, name: str = ""
    ) -> None:
        self._application = application
        self._settings = settings
        found = Address("tcp", host=address[0], port=address[1])
        try:
            [self._listener] = open_listeners("http", found, **listening_settings(settings))
        except BindError as error:
            raise _address_error(str(error), error.errno) from None
        try:
            equip([self._listener], settings)
        except BaseException:
            self._listener.close()
            raise
        self.socket = self._listener.sock
        self.server_address: tuple[str, int] = self.socket.getsockname()[:2]
        self.server_name, self.server_port = name or self.server_address[0], self.server_address[1]
        self._lock = threading.Lock()  # guards the next two
        self._server: Server | None = None
        self._told = False  # by ``shutdown``, while nothing ran
        self._stopped = threading.Event()
        self._stopped.set()

    def get_app(self) -> Application | None:
        """Return the application."""
        return self._application

    def set_app(self, application: Application) -> None:
        """Serve another application from now on."""
        self._application = application

    def fileno(self) -> int:
        """Return the descriptor of the listening socket."""
        return self.socket.fileno()

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Serve until ``shutdown``, or in the main thread until SIGTERM or SIGINT; requests in hand are finished.

        A ``shutdown`` that came before counts. With ``threads``, requests that take longer than ``graceful_timeout``
        are left to their threads.
        """
        self._run(_Loop)

    def handle_request(self) -> None:
        """Wait for a connection, serve one request of it, and close it; all others wait for the next call.

        A signal that comes meanwhile has its effect afterwards: SIGINT raises ``KeyboardInterrupt``.
        """
        server = self._run(_Once)
        if isinstance(server, _Once) and server.signal:
            signal.raise_signal(server.signal)

    def _call(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if self._application is None:
            raise RuntimeError("set_app was not called")
        return self._application(environ, start_response)

    def _run(self, kind: type[Server]) -> Server | None:
        """Serve as ``kind`` does, and return what has served; None when it was told not to."""
        settings = self._settings
        error_log = ErrorLog(settings.error_log, settings.log_level)
        access_log = None
        try:
            if settings.access_log is not None:
                access_log = AccessLog(settings.access_log, settings.access_log_format, error_log)
            with self._lock:
                if self._told and kind is _Loop:
                    return None
                server = self._server = kind(self._call, [self._lend()], settings, error_log, access_log)
                self._stopped.clear()
            server.run()
            return server
        finally:
            with self._lock:
                self._server = None
                self._told = self._told and kind is not _Loop
                self._stopped.set()
            for log in (access_log, error_log):
                if log is not None:
                    log.close()

    def _lend(self) -> Listener:
        """Return the listener, on a descriptor of its own: a ``Server`` closes what it has listened on."""
        own = self._listener
        lent = Listener(own.sock.dup(), own.protocol, own.address, True, peers=own.peers)
        lent.sock.setblocking(False)
        lent.tls, lent.proxies = own.tls, own.proxies
        return lent

    def shutdown(self) -> None:
        """Have ``serve_forever`` return, and wait until it has; to be called in another thread.

        When nothing is running, the next ``serve_forever`` returns at once.
        """
        with self._lock:
            if self._server is None:
                self._told = True
            else:
                self._server.stop()
        self._stopped.wait()

    def server_close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def __enter__(self) -> SimpleServer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.server_close()


def _resolve(host: str, family: int) -> str:
    """Return one IP address: what there is of ``server_address`` is one."""
    if ":" in host:
        return host
    try:
        if family == socket.AF_INET6:
            return str(socket.getaddrinfo(host, None, family)[0][4][0]) if host else "::"
        return socket.gethostbyname(host)  # 0.0.0.0 for ""
    except OSError as error:
        text = f"cannot listen on {host}: the host is unknown ({error.strerror})"
        raise _address_error(text, error.errno) from None


def _address_error(text: str, number: int | None) -> _AddressError:
    error = _AddressError(text)
    error.errno = number
    return error

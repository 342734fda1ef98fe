"""What FastCGI, SCGI and AJP servers of flup's names share: the application, and how the engine serves it."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from gateways.compat.loops import overridden
from gateways.errors import ConfigError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from gateways.core.types import Environ
    from gateways.server.unixsockets import SocketFile


class Gateway:
    """An application and how it is to be served. The classes of flup are below this one.

    ``protocol`` is the engine's name of what is spoken, ``connections`` the classes that the engine stands for: with
    one that a program has derived from them it has to serve itself.
    """

    protocol = ""
    connections: tuple[type, ...] = ()
    #: The class whose methods are the usual ones; set in each of the three.
    usual: Any
    #: The kind of ``ServerLoop`` that a complete server is; set in each.
    loop: Any
    _connectionClass: Any

    debug: Any
    application: Any
    environ: Any

    # Not every server has these; programs set them, too.
    _jobClass: Any = None
    _jobArgs: Any = ()
    _threadPool: Any = None
    _umask: int | None = None
    _multiplexed = False

    def _set_up(self, given: dict[str, Any]) -> None:
        """Become a server by ``loop``. ``given`` is what ``__init__`` was given: its ``locals()``.

        What is for this class to say is dropped from ``kw``, as flup does.
        """
        named = {**given, **self.loop.concurrency}
        del named["self"]
        timeout = named.pop("timeout", None)
        own = ("multithreaded", "multiprocess", "jobClass", "jobArgs")
        more = {name: value for name, value in named.pop("kw").items() if name not in own}
        self.usual.__init__(self, named.pop("application"), **named)
        self.loop.__init__(self, jobClass=self._connectionClass, jobArgs=(self, timeout), **more)

    def _adopt(
        self, application: Any, environ: Any, multithreaded: bool, multiprocess: bool, debug: Any, address: Any
    ) -> None:
        self.application = application
        self.environ = {} if environ is None else environ
        self.multithreaded = multithreaded
        self.multiprocess = multiprocess
        self.debug = debug
        self._bindAddress = address
        self._appLock = threading.Lock()
        #: The file of a Unix socket that was bound here, and whether a web server gave the socket.
        self._socketFile: SocketFile | None = None
        self._spawned = False

    def _is_for_engine(self) -> bool:
        return self._jobClass in self.connections

    @property
    def _timeout(self) -> float | None:
        """Seconds for a request."""
        timeout: float | None = self._jobArgs[1] if len(self._jobArgs) > 1 else None
        return timeout

    def _is_plain(self) -> bool:
        """Say whether nothing of a request's way is the program's own, so that no request object is needed."""
        return not (self._timeout or overridden(self, self.usual, "handler", "error"))

    def _shows_errors(self) -> bool:
        """Say whether tracebacks are for the client. Some programs give words."""
        if isinstance(self.debug, str):
            from gateways.compat.words import SWITCH

            return {**SWITCH, "": False, "none": False}.get(self.debug.lower(), True)
        return bool(self.debug)

    def _mount(self) -> str | None:
        """Return where the application is, None where the request says so."""
        script_name = self.environ.get("SCRIPT_NAME") if hasattr(self.environ, "get") else None
        return script_name if isinstance(script_name, str) else None

    def _complete(self, environ: Environ) -> None:
        """Make the engine's environ one of flup's: what the program has added, and what it says of itself."""
        environ["wsgi.multithread"] = bool(self.multithreaded)
        environ["wsgi.multiprocess"] = bool(self.multiprocess)
        self._extend(environ)

    def _extend(self, environ: Environ) -> None:
        environ.update(self.environ)
        if overridden(self, self.usual, "_sanitizeEnv"):
            self._sanitizeEnv(environ)

    def _sanitizeEnv(self, environ: Environ) -> None:
        raise NotImplementedError

    def _refusal(self, environ: Environ) -> str:
        """Return why a request is not served, "" where it is."""
        return ""

    def _converse(self, environ: Environ, start_response: Callable[..., Any], cgi: bool) -> None:
        """Answer by a request object, its ``handler`` and its ``error``."""
        raise NotImplementedError

    def _note(self, environ: Environ) -> None:
        """Log a request."""

    def _allowed(self) -> Iterable[str] | None:
        """Return the addresses that may connect by TCP, None for all."""
        return None

    def _isClientAllowed(self, addr: Any) -> bool:
        """Say whether a peer may connect; to be overridden."""
        return address_in(addr, self._allowed())

    def _cleanupSocket(self, sock: socket.socket) -> None:
        """Close the listening socket; one that a web server gave is there again for a program that begins anew."""
        if self._socketFile is not None:
            self._socketFile.remove()
            self._socketFile = None
        if self._spawned:
            os.dup2(sock.fileno(), 0)
        sock.close()

    def _serve(self) -> bool:
        """Serve as ``run`` of a complete server does.

        That is until SIGHUP, SIGINT, SIGTERM or the program ends it; returns whether it was SIGHUP.

        Requests in hand are finished. A CGI script serves its request by FastCGI's servers, and exits. Raises
        ``ConfigError`` and ``BindFailed``, an ``OSError``.
        """
        sock = self._setupSocket()
        try:
            return bool(self.loop.run(self, sock))
        finally:
            self._cleanupSocket(sock)

    def _setupSocket(self) -> socket.socket:
        """Listen where the program said. Raises ``BindFailed`` and ``ConfigError``."""
        if "GATEWAYS_RESIDENT" in os.environ:  # requests come by the socket of gateways-cgi
            raise ConfigError("under gateways-cgi a server has no bindAddress of its own: leave it out, with FastCGI")
        from gateways.compat.binding import bind

        sock, self._socketFile = bind(self._bindAddress, self._umask)
        self._spawned = False
        return sock


def web_server_addresses() -> list[str] | None:
    """Return what FCGI_WEB_SERVER_ADDRS says (FastCGI 1.0, section 3.2), None where it says nothing."""
    if "FCGI_WEB_SERVER_ADDRS" not in os.environ:
        return None
    from gateways.server.peers import web_servers

    return web_servers(os.environ)


def address_in(address: Any, allowed: Iterable[str] | None) -> bool:
    """Say whether a peer is one of the addresses or networks in ``allowed``. Over a Unix socket everybody is."""
    if allowed is None or not isinstance(address, tuple):
        return True
    from gateways.server.peers import PeerFilter, parse_clients

    return PeerFilter(parse_clients(allowed, "allowedServers")).allows(address)

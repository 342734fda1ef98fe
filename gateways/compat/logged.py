"""What flup's SCGI and AJP servers share, and its FastCGI servers do not: loggers, allowed servers, how they start."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from gateways.compat.binding import BindFailed
from gateways.compat.flup.server import NoDefault
from gateways.compat.gateway import Gateway
from gateways.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateways.core.types import Environ


class LoggedGateway(Gateway):
    """A server with a logger, which only some servers may use: ``_allowedServers``, addresses or None for all."""

    scriptName: Any
    logger: logging.Logger
    _allowedServers: list[str] | None

    def _allow(self, servers: Any) -> None:
        if servers is NoDefault:
            servers = ["127.0.0.1"]
        self._allowedServers = [servers] if isinstance(servers, str) else servers

    def _allowed(self) -> Iterable[str] | None:
        return self._allowedServers

    def _isClientAllowed(self, addr: Any) -> bool:
        allowed = super()._isClientAllowed(addr)
        if not allowed:
            self.logger.warning("Server connection from %s disallowed", addr[0])
        return allowed

    def _note(self, environ: Environ) -> None:
        if self.logger.isEnabledFor(logging.INFO):
            path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "") or environ.get("REQUEST_URI", "")
            self.logger.info("%s %s", escape(environ["REQUEST_METHOD"]), escape(path))

    def _serve(self) -> bool:
        """Serve as ``run`` of a complete server does.

        That is until SIGHUP, SIGINT, SIGTERM or the program ends it; returns whether it was SIGHUP.

        False, too, where the address cannot be listened on; the log says why.
        """
        name = type(self).__name__
        self.logger.info("%s starting up", name)
        try:
            reload = super()._serve()
        except BindFailed as error:
            self.logger.error("Failed to bind socket (%s), exiting", error)
            return False
        self.logger.info("%s shutting down%s", name, " (reload requested)" if reload else "")
        return reload

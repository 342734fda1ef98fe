"""What the connections and requests of flup's SCGI and AJP servers share: who fails, and where that is said."""

from __future__ import annotations

import logging
import time
import traceback
from typing import TYPE_CHECKING, Any

from gateways.compat import waiting
from gateways.compat.alarms import TimeoutException
from gateways.errors import ClientDisconnected
from gateways.escaping import escape

if TYPE_CHECKING:
    import socket
    from types import FrameType


class ProtocolError(Exception):
    """The peer does not speak the protocol."""


class Logged:
    """Has a logger, which is told when a request takes too long."""

    logger_name = ""

    def __init__(self) -> None:
        self.logger = logging.getLogger(self.logger_name)

    def timeout_handler(self, signum: int, frame: FrameType | None) -> None:
        """Say where the request was when its time was over, and end it."""
        self.logger.error("Timeout Exceeded\n%s", "".join(traceback.format_stack(frame)))
        raise TimeoutException


class LoggedConnection(Logged):
    """One connection from a web server: for programs that derive from it, instead of the engine."""

    def __init__(self, sock: socket.socket, addr: Any, server: Any, timeout: float | None) -> None:
        super().__init__()
        sock.settimeout(waiting.SILENCE)
        self._sock = sock
        self._addr = addr
        self.server = server
        self._timeout = timeout

    def run(self) -> None:
        """Serve what is asked for, and close the connection."""
        try:
            self._converse()
        except (EOFError, KeyboardInterrupt):
            pass
        except ProtocolError as error:
            self.logger.error("Protocol error '%s'", error)
        except (Exception, SystemExit):  # in the middle of an answer: for the log, and not for the server
            self.logger.exception("Exception caught in Connection")
        finally:
            self._sock.close()

    def _converse(self) -> None:
        self.processInput()

    def processInput(self) -> None:
        """Receive something and do what it asks for."""
        raise NotImplementedError


class LoggedRequest(Logged):
    """One request."""

    _conn: Any
    environ: dict[str, Any]

    def run(self) -> None:
        """Have the server's ``handler`` answer.

        What it raises is logged, and the server's ``error`` answers; half of an answer is broken off instead, by
        raising it again.
        """
        started = time.monotonic()
        try:
            self._conn.server.handler(self)
        except ClientDisconnected:
            raise
        except BaseException:  # SystemExit too: sys.exit() in a handler must not take the server along
            if self._has_begun():
                raise
            self.logger.exception("Exception caught from handler")
            self._conn.server.error(self)
        self._end()
        environ = self.environ
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "") or environ.get("REQUEST_URI", "")
        method = escape(str(environ.get("REQUEST_METHOD")))
        self.logger.debug("%s %s done (%.3f secs)", method, escape(path), time.monotonic() - started)

    def _has_begun(self) -> bool:
        """Say whether something of the answer has left."""
        raise NotImplementedError

    def _end(self) -> None:
        """Say that the answer is complete, where that is said."""

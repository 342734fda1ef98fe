"""The request that flup gives to ``handler`` and ``error``, for programs that replace one of them."""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

from gateways.compat.alarms import TimeoutException, alarm
from gateways.compat.fastcgi.records import FCGI_REQUEST_COMPLETE, FCGI_RESPONDER, FCGI_STDERR, FCGI_STDOUT
from gateways.compat.fastcgi.streams import OutputStream, StdoutWrapper
from gateways.errors import ClientDisconnected

if TYPE_CHECKING:
    from types import FrameType


class Request:
    """One request.

    ``params`` are its CGI variables, ``stdin`` and ``data`` what can be read, ``stdout`` and ``stderr`` where to write.
    Set by whoever makes it: ``requestId``, ``role``, ``flags``, ``aborted``.
    """

    requestId: int
    role: int
    flags: int
    aborted: bool

    def __init__(self, conn: Any, inputStreamClass: Any, timeout: float | None) -> None:
        self._conn = conn
        self._timeout = timeout
        self.server: Any = conn.server
        self.params: dict[str, Any] = {}
        self.stdin: Any = inputStreamClass(conn)
        self.stdout: Any = OutputStream(conn, self, FCGI_STDOUT)
        self.stderr: Any = OutputStream(conn, self, FCGI_STDERR, buffered=True)
        self.data: Any = inputStreamClass(conn)

    def timeout_handler(self, signum: int, frame: FrameType | None) -> None:
        """Say where the request was when its time was over, and end it."""
        self.stderr.write("Timeout Exceeded\n" + "".join(traceback.format_stack(frame)))
        self.stderr.flush()
        raise TimeoutException

    def run(self) -> None:
        """Have the server's ``handler`` answer, and end the request.

        What it raises goes to ``stderr``, and the server's ``error`` answers; half of an answer is broken off instead,
        by raising it again.
        """
        try:
            with alarm(self._timeout, self.timeout_handler):
                protocol_status, app_status = self.server.handler(self)
        except ClientDisconnected:
            raise
        except BaseException:  # SystemExit too: sys.exit() in a handler must not take the server along
            if self.stdout.dataWritten:
                raise
            traceback.print_exc(file=self.stderr)
            self.stderr.flush()
            self.server.error(self)
            protocol_status, app_status = FCGI_REQUEST_COMPLETE, 0
        self._flush()
        self._end(app_status, protocol_status)

    def _end(self, appStatus: int = 0, protocolStatus: int = FCGI_REQUEST_COMPLETE) -> None:
        self._conn.end_request(self, appStatus, protocolStatus)

    def _flush(self) -> None:
        self.stdout.close()
        self.stderr.close()


class CGIRequest(Request):
    """The request of a CGI script, from its environment and its standard streams."""

    def __init__(self, server: Any) -> None:
        self.requestId = 1
        self.role = FCGI_RESPONDER
        self.flags = 0
        self.aborted = False
        self.server = server
        self.params = dict(os.environ)
        self.stdin = getattr(sys.stdin, "buffer", sys.stdin)
        self.stdout = StdoutWrapper(sys.stdout)
        self.stderr = sys.stderr
        self.data = io.BytesIO()
        self._timeout = 0
        self._conn = None

    def _end(self, appStatus: int = 0, protocolStatus: int = FCGI_REQUEST_COMPLETE) -> None:
        if self._conn is not None:  # the engine has the standard streams
            super()._end(appStatus, protocolStatus)
            return
        self.stdout.flush()
        sys.exit(appStatus)

    def _flush(self) -> None:
        self.stdout.flush()
        self.stderr.flush()

"""A small web server in front of a FastCGI, SCGI, uwsgi or AJP13 backend. For development: no TLS, no files, no cache.

    front = Front("127.0.0.1:8000", "fastcgi", "unix:/run/app.sock")
    print(front.url)
    front.serve_forever()       until another thread, or a signal handler, calls front.shutdown()

Each connection has a thread (session.py); this one accepts them.
"""

from __future__ import annotations

import errno
import selectors
import socket
import sys
import time
from threading import Lock, Thread, current_thread
from types import TracebackType
from typing import TextIO

from gateways.addresses import parse_address
from gateways.client import Client
from gateways.errors import BindError, ConfigError
from gateways.front.log import Log
from gateways.front.session import Session

__all__ = ["Front"]

#: A browser opens six. More is an accident, and is answered with 503.
MAX_CONNECTIONS = 200
#: What accept() raises when the machine is short of something; and how long to wait then, in seconds.
_SHORTAGES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_PAUSE = 0.1

_REASONS = {
    errno.EADDRINUSE: "another program listens there; stop it, or choose another port",
    errno.EACCES: "no permission; ports below 1024 are for root, choose a higher one",
    errno.EADDRNOTAVAIL: "this machine has no such address; use 127.0.0.1, or one of its own",
}

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 22\r\nConnection: close\r\n\r\n"
    b"too many connections.\n"
)


class Front:
    """Listens for HTTP/1.1 at ``http`` ("host:port"; port 0 chooses one) and passes requests to ``backend``.

    ``protocol`` is one of client.transports, ``backend`` an ADDR. Requests below ``script_name`` are passed with it as
    SCRIPT_NAME, others answered 404. ``quiet`` leaves out the access lines of requests that went well; ``log`` is where
    lines go, by default stderr. Seconds: ``timeout`` is for the silence of the backend (504), ``graceful_timeout`` for
    requests in hand after ``shutdown``, the others for the client. ``max_body`` is in bytes (413), ``secret``
    that of an AJP13 backend.

    The socket listens when this returns. Raises ``BindError`` when it cannot, ``ConfigError`` for a wrong address.
    """

    def __init__(
        self,
        http: str,
        protocol: str,
        backend: str,
        *,
        script_name: str = "",
        quiet: bool = False,
        log: TextIO | None = None,
        timeout: float = 60.0,
        header_timeout: float = 15.0,
        body_timeout: float = 60.0,
        write_timeout: float = 60.0,
        keepalive_timeout: float = 75.0,
        graceful_timeout: float = 10.0,
        max_body: int = 1 << 30,
        secret: str | None = None,
    ) -> None:
        self.script_name = script_name.rstrip("/")
        self.header_timeout = header_timeout
        self.body_timeout = body_timeout
        self.write_timeout = write_timeout
        self.keepalive_timeout = keepalive_timeout
        self.graceful_timeout = graceful_timeout
        self.max_body = max_body
        self.stopping = False
        self.log = Log(log or sys.stderr, quiet)
        self.client = Client(protocol, backend, timeout=timeout, on_stderr=self.log.backend, secret=secret)
        self._sessions: dict[Thread, Session] = {}
        self._lock = Lock()
        self._listener = _listen(http)
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._wake_sender.setblocking(False)
        #: Where it listens: host and port.
        self.address: tuple[str, int] = self._listener.getsockname()[:2]

    @property
    def url(self) -> str:
        """The URL of the application, for a person to open."""
        host, port = self.address
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"http://{f'[{host}]' if ':' in host else host}:{port}{self.script_name}/"

    def serve_forever(self) -> None:
        """Accept and serve until ``shutdown``; then let requests in hand end, for at most ``graceful_timeout``."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake_receiver, selectors.EVENT_READ)
            while not self.stopping:
                selector.select()
                self._accept()
        self._listener.close()
        self._finish_sessions()
        self.close()

    def shutdown(self) -> None:
        """Make ``serve_forever`` return. Does not wait for it, and may be called from a signal handler."""
        self.stopping = True
        try:
            self._wake_sender.send(b"\0")
        except OSError:  # full of earlier calls, or closed
            pass

    def close(self) -> None:
        """Close what a front that does not serve (any more) holds."""
        self._listener.close()
        self._wake_receiver.close()
        self._wake_sender.close()
        self.client.close()

    def __enter__(self) -> Front:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        try:
            sock, remote = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in _SHORTAGES:
                self.log.line(f"cannot accept a connection: {error.strerror}")
                time.sleep(_PAUSE)
            return  # anything else is the fault of one client that has gone again
        if len(self._sessions) >= MAX_CONNECTIONS:
            _turn_away(sock)
            return
        session = Session(self, sock, remote[:2])
        thread = Thread(target=self._run, args=(session,), name=f"front {remote[0]}:{remote[1]}", daemon=True)
        with self._lock:
            self._sessions[thread] = session
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left for us
            with self._lock:
                del self._sessions[thread]
            _turn_away(sock)

    def _run(self, session: Session) -> None:
        try:
            session.run()
        finally:
            with self._lock:
                del self._sessions[current_thread()]

    def _finish_sessions(self) -> None:
        deadline = time.monotonic() + self.graceful_timeout
        with self._lock:
            sessions = dict(self._sessions)
        for session in sessions.values():
            if session.idle:
                session.wake()
        for thread in sessions:
            thread.join(max(0.0, deadline - time.monotonic()))


def _listen(http: str) -> socket.socket:
    address = parse_address(http)
    if address.kind != "tcp":
        raise ConfigError(f"cannot serve HTTP on {http}: give host:port, such as 127.0.0.1:8000")
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        sock = socket.create_server((address.host, address.port), family=family, backlog=128)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0) or error.strerror
        raise BindError(f"cannot listen on {address}: {reason}") from None
    sock.setblocking(False)
    return sock


def _turn_away(sock: socket.socket) -> None:
    with sock:
        sock.setblocking(False)
        try:
            sock.send(_BUSY)
        except OSError:
            pass

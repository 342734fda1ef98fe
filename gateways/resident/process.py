"""The server of a resident process: one that a web server started, except that it ends when nobody needs it."""

from __future__ import annotations

import os
import resource
import socket
import sys
import time
from typing import TYPE_CHECKING

from gateways.adapters.fastcgi import records as fcgi
from gateways.declared import Layer
from gateways.errors import ConfigError
from gateways.resident import comments, notes, place, streams
from gateways.resident.starting import MAX_LOG, SOCKET, failures_name
from gateways.server.launch import launch
from gateways.server.privileges import differing
from gateways.server.respawning import SpawnedServer, look_at_files
from gateways.server.unixsockets import SocketFile
from gateways.settings import Settings
from gateways.settings.listening import LISTENERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from threading import Lock
    from typing import Any

    from gateways.adapters.speedups import Link
    from gateways.core.types import Application, Environ
    from gateways.server.listeners import Listener

#: Seconds without a request, unless idle_timeout says otherwise.
IDLE = 300.0
#: An empty record, which says nothing and is not nothing.
_TAKEN = fcgi.record(fcgi.STDERR, 1)
#: The share of the processor time it may use (RLIMIT_CPU) after which it ends, before the system kills it.
_SHARE = 0.8
#: Names in comments that are for whoever starts the process.
_STARTING = frozenset(("resident_max", "resident_pass"))


class OwnSocket(socket.socket):
    """A listening Unix socket that takes connections of this user, and of root, alone.

    A word says at once that a connection was taken: one in the backlog of a process that dies may be tried once more.
    """

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection. Raises ``PermissionError`` for a stranger's."""
        sock, address = super().accept()
        user = place.peer(sock)
        if user not in (None, 0, os.geteuid()):
            sock.close()
            raise PermissionError(1, f"user {user} may not connect")
        try:
            sock.send(_TAKEN)
        except OSError:
            pass  # it has gone: nobody minds
        return sock, address


class ResidentServer(SpawnedServer):
    """A ``SpawnedServer`` on the socket that ``gateways-cgi`` has bound, which ends when it is idle for too long."""

    #: SCRIPT_NAME is what a web server says to a CGI script.
    trust_script = True

    def __init__(
        self,
        application: Application,
        listeners: Sequence[Listener],
        settings: Settings,
        *given: Any,
        look: Callable[[], str] | None = None,
        **keywords: Any,
    ) -> None:
        self._path = os.environ.pop(SOCKET)
        for listener in listeners:
            listener.sock = OwnSocket(fileno=listener.sock.detach())
        self._file: SocketFile | None = None
        try:
            self._file = SocketFile(self._path)
        except OSError:
            pass  # removed already: it serves those who have connected, and ends
        self._listening = list(listeners)
        self._files = look or look_at_files(settings)
        super().__init__(application, listeners, settings, *given, look=self._look_after_itself, **keywords)
        for listener in listeners:
            listener.fast_path = None  # it would accept by itself, whoever comes
        self._idle_timeout = settings.idle_timeout if "idle_timeout" in settings.given else IDLE
        self._idle_since = time.monotonic()
        self._seen = 0
        self._note = notes.own(self._path, sys.argv[0])

    def begin(self, connection: Link, environ: Environ | None = None) -> None:
        """The application is about to run for this connection, and what it prints belongs to the request."""
        super().begin(connection, environ)
        if environ is not None and "wsgi.errors" in environ:
            streams.begin(environ["wsgi.errors"])

    def end(self, connection: Link, sent: int = 0) -> None:
        """The application has finished for this connection."""
        streams.end()
        super().end(connection, sent)

    def _look_after_itself(self) -> str:
        """Once a second: return why to begin anew, and end where there is another reason."""
        served = self._board.served
        now = time.monotonic()
        if served != self._seen or self._connections:
            self._seen, self._idle_since = served, now
            self._note.write(served)
        _empty_log()
        reason = self._why_end(now)
        if reason and not self.stopping:
            self.error_log.notice(f"{reason}; ending")
            self.stop()
        return self._files() if self._files is not None and not self.stopping else ""

    def _why_end(self, now: float) -> str:
        if self._file is None or not self._file.is_ours():
            return f"{self._path} is not there any more"  # nobody can come
        if now - self._idle_since >= self._idle_timeout:
            return f"no request for {self._idle_timeout:g} s (idle_timeout)"
        limit, _ = resource.getrlimit(resource.RLIMIT_CPU)
        if limit != resource.RLIM_INFINITY and time.process_time() > limit * _SHARE:
            return f"{time.process_time():.0f} s of processor time used, and {limit} s are allowed"
        return ""

    def _close_down(self, gate: Lock) -> None:
        """Take the socket away first, unless it is kept for the next program: who comes later starts a process."""
        if not self._becomes_another:
            for listener in self._listening:
                listener.inherited, listener.file = False, self._file  # so what waits in the backlog is served
            self._file = None
            self._note.remove()
            try:
                os.unlink(failures_name(self._path))
            except OSError:
                pass
        super()._close_down(gate)


def serve_resident(application: Application | str, keywords: Mapping[str, Any]) -> None:
    """Serve ``application`` as the process that stays for the script; ``keywords`` are those of ``run``.

    Raises what ``launch`` does, and ``SystemExit`` as ``serve`` does.
    """
    code = launch(application, resident_settings(keywords), spawned_server=ResidentServer)
    if code:
        raise SystemExit(code)


def resident_settings(keywords: Mapping[str, Any]) -> Settings:
    """Return the settings: of comments in the script, of variables, and of ``keywords``, which win.

    Raises ``ConfigError``, also for ``workers``, as there is one process without a master, and for a ``user`` or
    ``group`` that is another: whoever comes from the web server comes as the user that has started this process.
    """
    script = sys.argv[0]
    written = {name: value for name, value in comments.read(script).items() if name not in _STARTING}
    variables, ignored = Settings.variables(os.environ)
    settings = Settings.from_layers(
        [
            Layer(f"{script}: setting", str, written),
            variables,
            Layer("keyword", str, {**keywords, **dict.fromkeys(LISTENERS, ()), "fastcgi": ("fd:0",)}),
        ],
        ignored,
    )
    if settings.workers:
        raise ConfigError(f"{settings.label('workers')}: a resident process is one; set threads")
    name = differing(settings)
    if name:
        raise ConfigError(f"{settings.label(name)}: a resident process serves as the user who runs the CGI script")
    return settings


def _empty_log() -> None:
    """Keep the log from filling the disk; a process that prints a lot has its end at least."""
    try:
        if os.fstat(2).st_size > MAX_LOG:
            os.ftruncate(2, 0)
    except OSError:
        pass

"""``serve`` and ``run``: what a script calls, and what ``gateways serve`` comes down to."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from gateways.addresses import parse_address
from gateways.errors import BootError, ConfigError
from gateways.loader import LazyApplication, load
from gateways.server.errorlog import ErrorLog
from gateways.server.listeners import Listener, open_listeners
from gateways.server.spawned import Start, complete_standard_streams, detect
from gateways.server.worker import Server
from gateways.settings import Settings

if TYPE_CHECKING:
    from gateways.core.types import Application
    from gateways.server.accesslog import AccessLog


def serve(application: Application | str, **settings: Any) -> None:
    """Serve ``application``, a WSGI callable or ``"module:attribute"``, until a signal ends it.

    The keywords are the settings, such as ``fastcgi="unix:/run/app.sock"`` or ``threads=4``; GATEWAYS_* variables count
    where a keyword is not given. Raises ``ConfigError``, ``BootError`` and ``BindError``, and ``SystemExit(1)`` when
    ``graceful_timeout`` passed with requests in hand.
    """
    code = serve_settings(application, Settings.load(keywords=settings))
    if code:
        raise SystemExit(code)


def run(application: Application | str, **settings: Any) -> None:
    """Serve ``application`` in the way this process was started for: CGI, FastCGI, SCGI, or a person at a terminal.

    Facts decide (see ``server.spawned``): a listening socket on standard input or from systemd means FastCGI, or what
    GATEWAYS_PROTOCOL says; GATEWAY_INTERFACE means CGI. At a terminal the application is served at
    http://127.0.0.1:8000/. The keywords are settings, as for ``serve``. Name the application (``"module:attribute"``)
    where a failing import is to be answered with 500.
    """
    start = detect(os.environ)
    loaded = Settings.load(keywords=settings)
    if start.kind == "cgi":
        from gateways.adapters.cgi import run_with_cgi

        run_with_cgi(application, script_name=loaded.script_name, environ=loaded.environ, debug=loaded.debug)
    elif start.kind == "terminal" and not (loaded.fastcgi or loaded.scgi):
        _run_for_a_person(application, loaded, start)
    else:
        if start.kind != "terminal":
            settings[start.protocol] = start.addresses
        serve(application, **settings)


def serve_settings(application: Application | str, settings: Settings) -> int:
    """Open logs and sockets, load the application, serve; return the exit code of ``Server.run``."""
    complete_standard_streams()
    error_log = ErrorLog(settings.error_log, settings.log_level)
    if settings.chdir is not None:
        _change_directory(settings.chdir)
    for path in reversed(settings.python_path):
        sys.path.insert(0, os.path.abspath(path))
    listeners = _listen(settings)
    try:
        inherited = all(listener.inherited for listener in listeners)
        spawned = any(listener.address.kind == "fd" for listener in listeners)
        loaded = _load(application, settings, inherited, error_log)
        server = Server(loaded, listeners, settings, error_log, _access_log(settings, spawned), spawned)
        for listener in listeners:
            error_log.notice(f"serving {listener.protocol} on {listener.address} with {settings.threads} threads")
        code = server.run()
        error_log.notice("stopped")
        return code
    finally:
        for listener in listeners:
            listener.close()


def _listen(settings: Settings) -> list[Listener]:
    listeners: list[Listener] = []
    try:
        for protocol in ("fastcgi", "scgi"):
            for text in getattr(settings, protocol):
                listeners += open_listeners(
                    protocol,
                    parse_address(text),
                    backlog=settings.backlog,
                    socket_mode=settings.socket_mode,
                    socket_owner=settings.socket_owner,
                    socket_group=settings.socket_group,
                    allowed_clients=settings.allowed_clients,
                )
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    if not listeners:
        raise ConfigError("nothing to listen on: give --fastcgi ADDR or --scgi ADDR, such as unix:/run/app.sock")
    return listeners


def _load(application: Application | str, settings: Settings, inherited: bool, error_log: ErrorLog) -> Application:
    """Load what is named; by ``on_boot_error`` a failure ends the process or is answered, request by request."""
    if not isinstance(application, str):
        return application
    try:
        return load(application)
    except BootError as error:
        if settings.on_boot_error == "exit" or (settings.on_boot_error == "auto" and not inherited):
            raise
        error_log.exception("answering 500 until the application can be loaded", error)
        return LazyApplication(application)


def _access_log(settings: Settings, spawned: bool) -> AccessLog | None:
    # A web server that spawned us writes one itself, and takes what we write to standard output for errors.
    target = settings.access_log
    if target is None or (spawned and "access_log" not in settings.given):
        return None
    from gateways.server.accesslog import AccessLog

    return AccessLog(target, settings.access_log_format)


def _change_directory(path: str) -> None:
    try:
        os.chdir(path)
    except OSError as error:
        raise ConfigError(f"chdir {path!r}: {error.strerror}") from None


def _run_for_a_person(application: Application | str, settings: Settings, start: Start) -> None:
    """Serve HTTP on 127.0.0.1:8000: a FastCGI server in this process, and the embedded front before it."""
    from gateways.front import Front

    loaded = load(application) if isinstance(application, str) else application
    with tempfile.TemporaryDirectory(prefix="gateways-") as directory:
        address = f"unix:{directory}/app.sock"
        error_log = ErrorLog(settings.error_log, settings.log_level)
        server = Server(loaded, open_listeners("fastcgi", parse_address(address)), settings, error_log)
        front = Front("127.0.0.1:8000", "fastcgi", address, script_name=settings.script_name or "")
        threading.Thread(target=front.serve_forever, name="gateways-front", daemon=True).start()
        print(f"Not started by a web server ({start.reason}).", file=sys.stderr)
        print(f"Serving at {front.url} for development; Ctrl-C stops it.", file=sys.stderr)
        server.run()
        front.shutdown()

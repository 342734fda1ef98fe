"""From settings to a serving process: logs, application, sockets, and the server that runs until a signal ends it."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from gateways.addresses import parse_address
from gateways.errors import BootError, ConfigError
from gateways.loader import LazyApplication, load, prepare_imports
from gateways.server.accesslog import AccessLog
from gateways.server.errorlog import ErrorLog
from gateways.server.listeners import Listener, open_listeners
from gateways.server.spawned import complete_standard_streams, detect
from gateways.server.worker import Server

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateways.core.types import Application
    from gateways.settings import Settings

PROTOCOLS = ("fastcgi", "scgi")


def launch(application: Application | str, settings: Settings) -> int:
    """Serve ``application`` on the addresses of ``settings``, or else on the sockets this process was started with.

    Returns the exit code of ``Server.run``: 0 when all requests in hand were finished, 1 when ``graceful_timeout``
    passed first. Raises ``ConfigError``, ``BootError`` (by ``on_boot_error``) and ``BindError``.
    """
    complete_standard_streams()
    prepare_imports(settings.chdir, settings.python_path)  # first: chdir is where relative paths start, all of them
    with ExitStack() as stack:
        error_log = ErrorLog(settings.error_log, settings.log_level)
        stack.callback(error_log.close)
        if settings.ignored_variables:
            error_log.notice(f"no settings, ignored: {', '.join(settings.ignored_variables)}")
        listeners = _listen(_addresses(settings), settings, stack)
        spawned = any(listener.address.kind == "fd" for listener in listeners)
        handed_over = all(listener.inherited for listener in listeners)
        access_log = _open_access_log(settings, spawned, error_log, stack)
        name = application if isinstance(application, str) else getattr(application, "__name__", "an application")
        application = _load(application, settings, handed_over, error_log)
        server = Server(application, listeners, settings, error_log, access_log, spawned)
        for listener in listeners:
            error_log.notice(f"serving {listener.protocol} on {listener.address}: {name}, {_count(settings.threads)}")
        code = server.run()
        error_log.notice("stopped" if code == 0 else "stopped with requests in hand")
        return code


def _addresses(settings: Settings) -> list[tuple[str, str]]:
    """Return protocol and address of everything to listen on."""
    addresses = [(protocol, text) for protocol in PROTOCOLS for text in getattr(settings, protocol)]
    if addresses:
        return addresses
    start = detect(os.environ)
    if not start.addresses:
        raise ConfigError(
            f"nothing to listen on: give --fastcgi ADDR or --scgi ADDR, such as unix:/run/app.sock ({start.reason})"
        )
    return [(start.protocol, text) for text in start.addresses]


def _listen(addresses: Iterable[tuple[str, str]], settings: Settings, stack: ExitStack) -> list[Listener]:
    listeners: list[Listener] = []
    for protocol, text in addresses:
        opened = open_listeners(
            protocol,
            parse_address(text),
            backlog=settings.backlog,
            socket_mode=settings.socket_mode,
            socket_owner=settings.socket_owner,
            socket_group=settings.socket_group,
            allowed_clients=settings.allowed_clients,
        )
        for listener in opened:
            stack.callback(listener.close)
        listeners += opened
    return listeners


def _open_access_log(settings: Settings, spawned: bool, error_log: ErrorLog, stack: ExitStack) -> AccessLog | None:
    # A web server that started us writes one itself, and takes what we write to standard output for errors.
    if settings.access_log is None or (spawned and "access_log" not in settings.given):
        return None
    access_log = AccessLog(settings.access_log, settings.access_log_format, error_log)
    stack.callback(access_log.close)
    return access_log


def _load(application: Application | str, settings: Settings, handed_over: bool, error_log: ErrorLog) -> Application:
    """Load what is named. By ``on_boot_error`` a failure ends the process, or is answered request by request."""
    if not isinstance(application, str):
        return application
    try:
        return load(application)
    except BootError as error:
        cause = error.__cause__
        if settings.on_boot_error == "exit" or (settings.on_boot_error == "auto" and not handed_over):
            if cause is not None and (settings.error_log != "-" or settings.log_level == "debug"):
                error_log.exception(str(error), cause)  # on a terminal the one line that is to come says it
            raise
        if cause is not None:
            error_log.exception("the application cannot be loaded", cause)
        error_log.error(f"{error}; requests are answered with 500 until it can be loaded")
        return LazyApplication(application)


def _count(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"

"""From settings to what a server needs: its listeners, its access log, its application."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from gateways.addresses import parse_address
from gateways.core.handler import why_not
from gateways.declared import flag_of
from gateways.errors import BootError, ConfigError
from gateways.loader import LazyApplication, load
from gateways.server.accesslog import AccessLog
from gateways.server.listeners import Listener, open_listeners
from gateways.server.peers import TrustedProxies
from gateways.server.spawned import detect
from gateways.server.transports import TRANSPORTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import ExitStack

    from gateways.core.types import Application
    from gateways.server.errorlog import ErrorLog
    from gateways.settings import Settings


def addresses_of(settings: Settings) -> list[tuple[str, str]]:
    """Return protocol and address of everything that ``settings`` say to listen on."""
    return [(protocol, text) for protocol in TRANSPORTS for text in getattr(settings, protocol)]


def addresses_to_serve(settings: Settings) -> list[tuple[str, str]]:
    """Return those of ``settings``, or else those of the sockets this process was started with.

    Raises ``ConfigError`` when there is neither.
    """
    addresses = addresses_of(settings)
    if addresses:
        return addresses
    start = detect(os.environ)
    if not start.addresses:
        raise ConfigError(
            f"nothing to listen on: give {' ADDR or '.join(map(flag_of, TRANSPORTS))} ADDR, such as "
            f"--fastcgi unix:/run/app.sock ({start.reason})"
        )
    return [(start.protocol, text) for text in start.addresses]


def listen(addresses: Iterable[tuple[str, str]], settings: Settings, stack: ExitStack) -> list[Listener]:
    """Open the addresses; ``stack`` closes them. Raises ``BindError`` and ``ConfigError``."""
    listeners: list[Listener] = []
    for protocol, text in addresses:
        opened = open_listeners(protocol, parse_address(text), **listening_settings(settings))
        for listener in opened:
            stack.callback(listener.close)
        listeners += opened
    equip(listeners, settings)
    return listeners


def listening_settings(settings: Settings) -> dict[str, Any]:
    """Return the keywords of ``open_listeners`` and ``keep_listener`` that are settings."""
    names = ("backlog", "socket_mode", "socket_owner", "socket_group", "allowed_clients", "ajp_secret")
    return {name: getattr(settings, name) for name in names}


def equip(listeners: Iterable[Listener], settings: Settings) -> None:
    """Give those that clients connect to themselves what they need for TLS and the PROXY protocol.

    Raises ``ConfigError`` for a certificate that cannot be used.
    """
    direct = [listener for listener in listeners if TRANSPORTS[listener.protocol].addressed]
    if direct and settings.certfile is not None:
        from gateways.server.tls import Tls  # OpenSSL is for those who use it

        tls = Tls(settings.certfile, settings.keyfile)
        for listener in direct:
            listener.tls = tls
    if direct and settings.proxy_protocol:
        for listener in direct:
            listener.proxies = TrustedProxies(settings.forwarded_allow_ips)


def renew_certificates(listeners: Iterable[Listener], error_log: ErrorLog) -> None:
    """Read the certificates of listeners again; one that cannot be used is not, and the error log says why."""
    for tls in {id(listener.tls): listener.tls for listener in listeners}.values():
        if tls is not None:
            try:
                tls.renew()
            except ConfigError as error:
                error_log.error(f"{error}; the certificate from before is used on")


def open_access_log(settings: Settings, spawned: bool, error_log: ErrorLog, stack: ExitStack) -> AccessLog | None:
    """Open the access log, if there is to be one; ``stack`` closes it. Raises ``ConfigError``."""
    # A web server that started us writes one itself, and takes what we write to standard output for errors.
    if settings.access_log is None or (spawned and "access_log" not in settings.given):
        return None
    access_log = AccessLog(settings.access_log, settings.access_log_format, error_log)
    stack.callback(access_log.close)
    return access_log


def load_application(
    application: Application | str, settings: Settings, answer: bool, error_log: ErrorLog
) -> Application:
    """Load what is named. Where that fails, the error is raised, or with ``answer`` told to each request.

    The cause goes to ``error_log`` with its traceback, where the one line that is to come on a terminal is not enough.
    """
    interface = settings.interface
    if interface == "asgi":
        from gateways.asgi.bridge import import_a2wsgi  # asyncio is for those only who need it

        import_a2wsgi()
    if not isinstance(application, str):
        reason = why_not(application, interface)
        if reason:
            raise BootError(f"application {application_name(application)}: {reason}")
        return application
    try:
        return load(application, interface)
    except BootError as error:
        cause = error.__cause__
        if not answer:
            if cause is not None and (settings.error_log != "-" or settings.log_level == "debug"):
                error_log.exception(str(error), cause)
            raise
        if cause is not None:
            error_log.exception("the application cannot be loaded", cause)
        error_log.error(f"{error}; requests are answered with 500 until it can be loaded")
        return LazyApplication(application, interface)


def application_name(application: Application | str) -> str:
    """Return what messages call an application."""
    return application if isinstance(application, str) else getattr(application, "__name__", "an application")


def count(number: int, noun: str) -> str:
    """Write a number and what is counted: ``1 thread``, ``2 threads``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

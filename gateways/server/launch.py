"""From settings to a serving process: logs, application, sockets, and the server that runs until a signal ends it."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

from gateways.adapters.standardstreams import complete_standard_streams
from gateways.addresses import parse_address
from gateways.declared import HANDOVER
from gateways.errors import ConfigError
from gateways.hooks import Hooks, WorkerInfo
from gateways.loader import prepare_imports
from gateways.server import green
from gateways.server.errorlog import ErrorLog
from gateways.server.interface import Interface
from gateways.server.opening import (
    addresses_to_serve,
    application_name,
    count,
    listen,
    load_application,
    open_access_log,
)
from gateways.server.privileges import Privileges
from gateways.server.respawning import SpawnedServer
from gateways.server.routes import with_routes
from gateways.server.worker import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateways.core.types import Application
    from gateways.server.listeners import Listener
    from gateways.server.slot import Slot
    from gateways.settings import Settings


#: Nobody would take the place of a process that is alone, unless a web server started it.
_WITHOUT_EFFECT = frozenset({"max_requests", "max_requests_jitter", "max_memory", "restart_file", "renew_on"})


#: What was imported before may wait in the old way, and everything with it.
_LATE = (
    "worker gevent: the application was imported before gevent has replaced what waits; begin the script with "
    '"from gevent import monkey; monkey.patch_all()", or give the application by its name'
)


class Status(Protocol):
    """What shows what this process is doing: where the server writes it, and the application that reads it."""

    slot: Slot
    application: Application


def launch(
    application: Application | str,
    settings: Settings,
    notices: Sequence[str] = (),
    status: Callable[[str, Settings, Sequence[Listener]], Status] | None = None,
    spawned_server: type[SpawnedServer] | None = None,
) -> int:
    """Serve ``application`` on the addresses of ``settings``, or else on the sockets this process was started with.

    What needs root is opened first: the logs and the listeners. The application is loaded and served as ``user``.

    ``notices`` are lines for the error log. ``status`` is called with the name of the application when it is to be
    served behind a status path. ``spawned_server`` serves where a web server has started this process, instead
    of ``SpawnedServer``.

    Returns the exit code of ``Server.run``: 0 when all requests in hand were finished, 1 when ``graceful_timeout``
    passed first. Raises ``ConfigError``, ``BootError`` (by ``on_boot_error``) and
    ``BindError``.
    """
    if HANDOVER in os.environ:
        raise ConfigError("workers is 0 now, and a master cannot become a single server: stop it and start it anew")
    complete_standard_streams()
    # First, because all relative paths start in chdir.
    prepare_imports(settings.chdir, settings.python_path, settings.env)
    late = _replace_waits(settings) and not isinstance(application, str)
    addresses = addresses_to_serve(settings)
    # A web server hands over descriptor 0 (FastCGI 1.0, section 2.2); any other was named by whoever opened it.
    spawned = any(found.kind == "fd" and found.number == 0 for found in (parse_address(text) for _, text in addresses))
    privileges = Privileges.of(settings, spawned)  # before a file is made that would be root's
    with ExitStack() as stack:
        error_log = ErrorLog(settings.error_log, settings.log_level)
        stack.callback(error_log.close)
        for notice in notices:
            error_log.notice(notice)
        if late:
            error_log.warning(_LATE)
        if settings.ignored_variables:
            error_log.notice(f"no settings, ignored: {', '.join(settings.ignored_variables)}")
        listeners = listen(addresses, settings, stack)
        handed_over = all(listener.inherited for listener in listeners)
        access_log = open_access_log(settings, spawned, error_log, stack)
        privileges.drop()
        name = application_name(application)
        answer = settings.on_boot_error == "answer" or (settings.on_boot_error == "auto" and handed_over)
        hooks = Hooks.load(settings.hooks, error_log.error)
        hooks.boot(settings)
        application = load_application(application, settings, answer, error_log)
        worker = WorkerInfo("app", 1, 1, os.getpid(), False)  # the only one, which nobody forks
        hooks.post_fork(worker)
        shown = status(name, settings, listeners) if status is not None and settings.status is not None else None
        interface = Interface(settings, error_log)
        application = interface.adapt(application, answer)
        routed = with_routes(hooks.wrap(application), settings, shown.application if shown else None)
        given = (routed, listeners, settings, error_log, access_log)
        slot = shown.slot if shown else None
        kind = (spawned_server or SpawnedServer) if spawned else Server
        made = _make_server(kind, given, settings, not privileges.needed, slot)
        hooks.ready(worker)
        for listener in listeners:
            threads = count(settings.threads, "greenlet" if settings.worker == "gevent" else "thread")
            error_log.notice(f"serving {listener.spoken} on {listener.address}: {name}, {threads}")
        code = made.run()
        interface.end(made.stopped_at)
        hooks.exit(worker, made.retired or "stopped")
        if isinstance(made, SpawnedServer):
            made.begin_anew()
        error_log.notice("stopped" if code == 0 else "stopped with requests in hand")
        return code


def _replace_waits(settings: Settings) -> bool:
    """Obey the setting ``worker``; say whether something was replaced now."""
    if settings.worker != "gevent":
        return False
    green.refuse_what_cannot_be(settings)
    return green.patch()


def _make_server(kind: type[Server], given: Any, settings: Settings, may_renew: bool, slot: Slot | None) -> Server:
    if settings.worker == "gevent":
        kind = green.with_greenlets(kind)
    if issubclass(kind, SpawnedServer):
        # What has been opened as root cannot be opened again by the user that it has become.
        return kind(*given, slot=slot, may_renew=may_renew)
    for setting in sorted(_WITHOUT_EFFECT & settings.given):
        given[3].notice(f"{settings.label(setting)}: it has no effect without workers")
    return kind(*given, slot=slot)

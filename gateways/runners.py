"""``run`` and ``serve``: what a script calls.

A CGI script that calls ``run`` pays for what this module imports, so everything else is imported where it is needed.
"""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateways.core.types import Application
    from gateways.front import Front
    from gateways.settings import Settings

#: Where a person at a terminal finds the application. The next ports are tried when the first is taken.
_PORTS = range(8000, 8010)


def serve(application: Application | str, **settings: Any) -> None:
    """Serve ``application``, a WSGI callable or ``"module:attribute"``, until a signal ends it.

    The keywords are the settings, such as ``fastcgi="unix:/run/app.sock"`` or ``threads=4``; GATEWAYS_* variables count
    where a keyword is not given. With ``workers`` a master keeps so many processes: each loads the application for
    itself, so it has to be named. Signals are handled when this is the main thread. Raises ``ConfigError``,
    ``BootError`` and ``BindError``, and ``SystemExit(1)`` when ``graceful_timeout`` passed with requests in hand.
    """
    from gateways.server.launch import launch
    from gateways.settings import Settings

    loaded = Settings.load(keywords=settings)
    status = None
    if loaded.status is not None:
        from gateways.manager.single import Single

        status = Single
    code = _manage(application, loaded) if loaded.workers else launch(application, loaded, status=status)
    if code:
        raise SystemExit(code)


def _manage(application: Application | str, settings: Settings) -> int:
    from gateways.config import Plan, PoolPlan
    from gateways.errors import ConfigError
    from gateways.manager.launching import launch_plan
    from gateways.server import green

    if settings.worker == "gevent":
        green.refuse_what_cannot_be(settings)
    if not isinstance(application, str):
        raise ConfigError(
            'workers need the application by its name, as in serve("shop.wsgi:application", workers=4): each loads it '
            "for itself, and again after a reload"
        )
    return launch_plan(Plan(settings, (PoolPlan("app", application, settings),), None))


def run(application: Application | str, **settings: Any) -> None:
    """Serve ``application`` in the way this process was started for: CGI, FastCGI, …, or a person at a terminal.

    Facts decide (see ``server.spawned``): a listening socket on standard input or from systemd means FastCGI, or what
    GATEWAYS_PROTOCOL says; GATEWAY_INTERFACE means CGI. Without them it listens where ``fastcgi`` and its like say, or
    else serves HTTP on 127.0.0.1:8000 for the person who started it. The keywords are settings, as for ``serve``. Name
    the application (``"module:attribute"``) where a failing import is to be answered with 500.

    It is the last line of a script: every ``GatewayError`` becomes one line on standard error, and ``SystemExit`` with
    the error's ``exit_code``.
    """
    from gateways.errors import GatewayError

    try:
        _run(application, settings)
    except GatewayError as error:
        print(f"gateways: error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def _run(application: Application | str, keywords: dict[str, Any]) -> None:
    if _is_plainly_cgi():
        return _run_with_cgi(application, keywords)
    if "GATEWAYS_RESIDENT" in os.environ:
        from gateways.resident.process import serve_resident

        return serve_resident(application, keywords)
    from gateways.server.spawned import detect
    from gateways.settings import Settings
    from gateways.settings.listening import LISTENERS

    start = detect(os.environ)
    settings = Settings.load(keywords=keywords)
    if start.kind == "cgi":
        return _run_with_cgi(application, keywords)
    if start.addresses:
        listening = {**dict.fromkeys(LISTENERS, ()), start.protocol: start.addresses}
        return serve(application, **{**keywords, **listening})
    if any(getattr(settings, name) for name in LISTENERS):
        return serve(application, **keywords)
    code = _run_for_a_person(application, settings, start.reason)
    if code:
        raise SystemExit(code)
    return None


def _is_plainly_cgi() -> bool:
    """Say whether CGI is certain without a look at sockets, which takes longer than a small script."""
    if "GATEWAY_INTERFACE" not in os.environ or "LISTEN_FDS" in os.environ:
        return False
    try:
        return not stat.S_ISSOCK(os.fstat(0).st_mode)
    except OSError:
        return True  # no standard input at all


def _run_with_cgi(application: Application | str, keywords: dict[str, Any]) -> None:
    from gateways.adapters.cgi import run_with_cgi

    if not keywords and not any(name.startswith("GATEWAYS_") for name in os.environ):
        return run_with_cgi(application)
    from gateways.loader import prepare_imports
    from gateways.settings import Settings

    settings = Settings.load(keywords=keywords)
    prepare_imports(settings.chdir, settings.python_path, settings.env)
    return run_with_cgi(
        application,
        script_name=settings.script_name,
        environ=settings.environ,
        debug=settings.debugging,
        interface=settings.interface,
    )


def _run_for_a_person(application: Application | str, settings: Settings, reason: str) -> int:
    """Serve HTTP: a FastCGI server in this process, and the embedded front before it. Returns the exit code."""
    from tempfile import TemporaryDirectory
    from threading import Thread

    from gateways.adapters.standardstreams import complete_standard_streams
    from gateways.addresses import parse_address
    from gateways.loader import prepare_imports
    from gateways.server.errorlog import ErrorLog
    from gateways.server.interface import Interface
    from gateways.server.listeners import open_listeners
    from gateways.server.opening import load_application
    from gateways.server.privileges import Privileges
    from gateways.server.worker import Server

    complete_standard_streams()
    prepare_imports(settings.chdir, settings.python_path, settings.env)
    privileges = Privileges.of(settings, spawned=True)  # a person may try things as root, on the loopback
    with TemporaryDirectory(prefix="gateways-") as directory:  # private: mode 0700
        address = f"unix:{directory}/app.sock"
        with _open_front(address, settings) as front:
            if privileges.needed:
                os.chown(directory, privileges.uid, privileges.gid)
            privileges.drop()
            error_log = ErrorLog(settings.error_log, settings.log_level)
            interface = Interface(settings, error_log)
            application = interface.adapt(load_application(application, settings, False, error_log))
            server = Server(application, open_listeners("fastcgi", parse_address(address)), settings, error_log)
            thread = Thread(target=front.serve_forever, name="gateways-front", daemon=True)
            thread.start()
            print(f"gateways: no web server started this script: {reason}", file=sys.stderr)
            print(f"gateways: serving at {front.url} for development; Ctrl-C stops it", file=sys.stderr, flush=True)
            try:
                return server.run()
            finally:
                interface.end(server.stopped_at)
                front.shutdown()
                thread.join()
                error_log.close()


def _open_front(backend: str, settings: Settings) -> Front:
    from gateways.errors import BindError
    from gateways.front import Front

    script_name = settings.script_name or ""
    for port in _PORTS[:-1]:
        try:
            return Front(f"127.0.0.1:{port}", "fastcgi", backend, script_name=script_name)
        except BindError as error:
            print(f"gateways: {error}", file=sys.stderr)
    return Front(f"127.0.0.1:{_PORTS[-1]}", "fastcgi", backend, script_name=script_name)

"""Server runners for PasteDeploy: ``use = egg:flup#scgi_thread`` and its brothers, whose values are texts."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from gateways.compat.flup.server import NoDefault
from gateways.compat.words import number, switch, umask
from gateways.errors import ConfigError


def asbool(obj: Any) -> bool:
    """Return what a text means. Raises ``ValueError`` where it means neither."""
    return switch(obj.strip()) if isinstance(obj, str) else bool(obj)


def aslist(obj: Any, sep: str | None = None, strip: bool = True) -> list[Any]:
    """Return the words of a text, what a list or tuple holds, nothing for None, and else the one thing."""
    if isinstance(obj, str):
        words = obj.split(sep)
        return [word.strip() for word in words] if strip else words
    if isinstance(obj, (list, tuple)):
        return list(obj)
    return [] if obj is None else [obj]


def _run(module: str, given: dict[str, Any]) -> None:
    """Serve by ``module``. ``given`` is what a runner was given: its ``locals()``."""
    application = given.pop("wsgi_app")
    settings = given.pop("global_conf") or {}
    if given["debug"] is NoDefault:
        given["debug"] = settings.get("debug", False)
    host, port = given.pop("host"), given.pop("port")
    address = _fcgi_address(host, port, given.pop("socket")) if "socket" in given else (host, int(port))
    for name, value in list(given.items()):
        if value is None and name in _COUNTS:
            del given[name]
        elif isinstance(value, str) and name in _TEXTS:
            try:
                given[name] = _TEXTS[name](value)
            except ValueError as error:
                raise ConfigError(f"{name}: {error}") from None
    server = importlib.import_module(f"gateways.compat.flup.server.{module}").WSGIServer
    server(application, bindAddress=address, **given).run()


def _clients(allowed: str) -> list[str] | None:
    """Return the servers that may connect; for the word "none" all, which a text cannot say otherwise."""
    servers = allowed.split()
    return None if servers in ([], ["none"], ["None"]) else servers


def _fcgi_address(host: Any, port: Any, socket: Any) -> Any:
    if socket:
        if host is not None or port is not None:
            raise ConfigError("give socket, or host and port, and not both")
        return socket
    if host is None and port is None:
        return None
    if host is None or port is None:
        raise ConfigError("host and port belong together")
    return (host, int(port))


#: The server says itself how many, where nobody does.
_COUNTS = ("minSpare", "maxSpare", "maxThreads", "maxChildren", "maxRequests")
#: What reads the values that are not texts.
_TEXTS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(_COUNTS, number),
    **dict.fromkeys(("debug", "multiplexed"), asbool),
    "allowedServers": _clients,
    "umask": umask,
}


def run_ajp_thread(
    wsgi_app: Any,
    global_conf: Any,
    scriptName: str = "",
    host: str = "localhost",
    port: Any = "8009",
    allowedServers: Any = "127.0.0.1",
    debug: Any = NoDefault,
    minSpare: Any = None,
    maxSpare: Any = None,
    maxThreads: Any = None,
) -> None:
    """Serve by AJP13, with threads."""
    _run("ajp", locals())


def run_ajp_fork(
    wsgi_app: Any,
    global_conf: Any,
    scriptName: str = "",
    host: str = "localhost",
    port: Any = "8009",
    allowedServers: Any = "127.0.0.1",
    debug: Any = NoDefault,
    minSpare: Any = None,
    maxSpare: Any = None,
    maxChildren: Any = None,
    maxRequests: Any = None,
) -> None:
    """Serve by AJP13, with processes."""
    _run("ajp_fork", locals())


def run_fcgi_thread(
    wsgi_app: Any,
    global_conf: Any,
    host: str | None = None,
    port: Any = None,
    socket: str | None = None,
    umask: Any = None,
    multiplexed: Any = False,
    debug: Any = NoDefault,
    minSpare: Any = None,
    maxSpare: Any = None,
    maxThreads: Any = None,
) -> None:
    """Serve by FastCGI, with threads."""
    _run("fcgi", locals())


def run_fcgi_fork(
    wsgi_app: Any,
    global_conf: Any,
    host: str | None = None,
    port: Any = None,
    socket: str | None = None,
    umask: Any = None,
    multiplexed: Any = False,
    debug: Any = NoDefault,
    minSpare: Any = None,
    maxSpare: Any = None,
    maxChildren: Any = None,
    maxRequests: Any = None,
) -> None:
    """Serve by FastCGI, with processes."""
    _run("fcgi_fork", locals())


def run_scgi_thread(
    wsgi_app: Any,
    global_conf: Any,
    scriptName: Any = NoDefault,
    host: str = "localhost",
    port: Any = "4000",
    allowedServers: Any = "127.0.0.1",
    debug: Any = NoDefault,
    minSpare: Any = None,
    maxSpare: Any = None,
    maxThreads: Any = None,
) -> None:
    """Serve by SCGI, with threads."""
    _run("scgi", locals())


def run_scgi_fork(
    wsgi_app: Any,
    global_conf: Any,
    scriptName: Any = NoDefault,
    host: str = "localhost",
    port: Any = "4000",
    allowedServers: Any = "127.0.0.1",
    debug: Any = NoDefault,
    minSpare: Any = None,
    maxSpare: Any = None,
    maxChildren: Any = None,
    maxRequests: Any = None,
) -> None:
    """Serve by SCGI, with processes."""
    _run("scgi_fork", locals())

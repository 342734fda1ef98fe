"""Server runners for PasteDeploy: ``use = egg:flup#scgi_thread`` and its brothers, whose values are texts."""

from __future__ import annotations

import importlib
from typing import Any

from gateways.compat.flup.server import NoDefault
from gateways.errors import ConfigError

_TRUE = ("true", "yes", "on", "y", "t", "1")
_FALSE = ("false", "no", "off", "n", "f", "0")


def asbool(obj: Any) -> bool:
    """Return what a text means. Raises ``ValueError`` where it means neither."""
    if isinstance(obj, str):
        word = obj.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise ValueError(f"{obj!r} is neither true nor false")
    return bool(obj)


def aslist(obj: Any, sep: str | None = None, strip: bool = True) -> list[Any]:
    """Return the words of a text, what a list or tuple holds, nothing for None, and else the one thing."""
    if isinstance(obj, str):
        words = obj.split(sep)
        return [word.strip() for word in words] if strip else words
    if isinstance(obj, (list, tuple)):
        return list(obj)
    return [] if obj is None else [obj]


def _run(module: str, wsgi_app: Any, global_conf: Any, debug: Any, numbers: dict[str, Any], **given: Any) -> None:
    if debug is NoDefault:
        debug = (global_conf or {}).get("debug", False)
    counts = {name: int(value) for name, value in numbers.items() if value is not None}
    server = importlib.import_module(f"gateways.compat.flup.server.{module}").WSGIServer
    server(wsgi_app, debug=asbool(debug), **given, **counts).run()


def _clients(allowed: Any) -> list[Any] | None:
    """Return the servers that may connect; for the word "none" all, which a text cannot say otherwise."""
    servers = aslist(allowed)
    return None if allowed is None or servers in ([], ["none"], ["None"]) else servers


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


def _umask(text: Any) -> int | None:
    """Return a umask, which people write in octal, as 007; flup takes all of them for decimal."""
    if not isinstance(text, str):
        return text  # type: ignore[no-any-return]
    return int(text, 10 if {"8", "9"} & set(text) else 8)


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
    numbers = {"minSpare": minSpare, "maxSpare": maxSpare, "maxThreads": maxThreads}
    given = {"scriptName": scriptName, "bindAddress": (host, int(port)), "allowedServers": _clients(allowedServers)}
    _run("ajp", wsgi_app, global_conf, debug, numbers, **given)


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
    numbers = {"minSpare": minSpare, "maxSpare": maxSpare, "maxChildren": maxChildren, "maxRequests": maxRequests}
    given = {"scriptName": scriptName, "bindAddress": (host, int(port)), "allowedServers": _clients(allowedServers)}
    _run("ajp_fork", wsgi_app, global_conf, debug, numbers, **given)


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
    numbers = {"minSpare": minSpare, "maxSpare": maxSpare, "maxThreads": maxThreads}
    given = {"bindAddress": _fcgi_address(host, port, socket), "umask": _umask(umask)}
    _run("fcgi", wsgi_app, global_conf, debug, numbers, multiplexed=asbool(multiplexed), **given)


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
    numbers = {"minSpare": minSpare, "maxSpare": maxSpare, "maxChildren": maxChildren, "maxRequests": maxRequests}
    given = {"bindAddress": _fcgi_address(host, port, socket), "umask": _umask(umask)}
    _run("fcgi_fork", wsgi_app, global_conf, debug, numbers, multiplexed=asbool(multiplexed), **given)


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
    numbers = {"minSpare": minSpare, "maxSpare": maxSpare, "maxThreads": maxThreads}
    given = {"scriptName": scriptName, "bindAddress": (host, int(port)), "allowedServers": _clients(allowedServers)}
    _run("scgi", wsgi_app, global_conf, debug, numbers, **given)


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
    numbers = {"minSpare": minSpare, "maxSpare": maxSpare, "maxChildren": maxChildren, "maxRequests": maxRequests}
    given = {"scriptName": scriptName, "bindAddress": (host, int(port)), "allowedServers": _clients(allowedServers)}
    _run("scgi_fork", wsgi_app, global_conf, debug, numbers, **given)

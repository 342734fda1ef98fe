"""Server runners for PasteDeploy: ``use = egg:flup#scgi_thread`` and its brothers, whose values are texts."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from inspect import Parameter, Signature
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
    """Serve by ``module``. ``given`` is what a runner was given, under flup's names."""
    application = given.pop("wsgi_app")
    settings = given.pop("global_conf") or {}
    if given["debug"] is NoDefault:
        given["debug"] = settings.get("debug", False)
    host, port = given.pop("host"), given.pop("port")
    address = _fcgi_address(host, port, given.pop("socket")) if "socket" in given else (host, _port(port))
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
    return (host, _port(port))


def _port(port: Any) -> int:
    try:
        return number(str(port))
    except ValueError as error:
        raise ConfigError(f"port: {error}") from None


#: The server says itself how many, where nobody does.
_COUNTS = ("minSpare", "maxSpare", "maxThreads", "maxChildren", "maxRequests")
#: What reads the values that are not texts.
_TEXTS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(_COUNTS, number),
    **dict.fromkeys(("debug", "multiplexed"), asbool),
    "allowedServers": _clients,
    "umask": umask,
}


def _runner(name: str, module: str, parameters: dict[str, Any]) -> Callable[..., None]:
    """Return the function ``name``, with flup's signature, that serves by ``module``."""
    defaults = {"wsgi_app": Parameter.empty, "global_conf": Parameter.empty, **parameters}
    signature = Signature(
        [Parameter(key, Parameter.POSITIONAL_OR_KEYWORD, default=value) for key, value in defaults.items()]
    )

    def run(*args: Any, **keywords: Any) -> None:
        try:
            bound = signature.bind(*args, **keywords)
        except TypeError as error:
            raise TypeError(f"{name}(): {error}") from None
        bound.apply_defaults()
        _run(module, bound.arguments)

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"Serve by ``{module}.WSGIServer`` until a signal ends it. Raises ``ConfigError``."
    run.__signature__ = signature  # type: ignore[attr-defined]
    return run


_AJP = {"scriptName": "", "host": "localhost", "port": "8009", "allowedServers": "127.0.0.1", "debug": NoDefault}
_FCGI = {"host": None, "port": None, "socket": None, "umask": None, "multiplexed": False, "debug": NoDefault}
_SCGI = {**_AJP, "scriptName": NoDefault, "port": "4000"}
_THREADS = dict.fromkeys(("minSpare", "maxSpare", "maxThreads"))
_PROCESSES = dict.fromkeys(("minSpare", "maxSpare", "maxChildren", "maxRequests"))

run_ajp_thread = _runner("run_ajp_thread", "ajp", {**_AJP, **_THREADS})
run_ajp_fork = _runner("run_ajp_fork", "ajp_fork", {**_AJP, **_PROCESSES})
run_fcgi_thread = _runner("run_fcgi_thread", "fcgi", {**_FCGI, **_THREADS})
run_fcgi_fork = _runner("run_fcgi_fork", "fcgi_fork", {**_FCGI, **_PROCESSES})
run_scgi_thread = _runner("run_scgi_thread", "scgi", {**_SCGI, **_THREADS})
run_scgi_fork = _runner("run_scgi_fork", "scgi_fork", {**_SCGI, **_PROCESSES})

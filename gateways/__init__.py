"""Run one WSGI application behind any web server.

Nothing is imported until it is asked for: a CGI script pays for every module it imports, once per request.
"""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["__version__", "authorizer", "make_server", "run", "run_with_cgi", "serve"]

TYPE_CHECKING = False  # type checkers know the name; importing ``typing`` for it would cost a CGI script milliseconds
if TYPE_CHECKING:
    from gateways.adapters.cgi import run_with_cgi
    from gateways.roles import authorizer
    from gateways.runners import run, serve
    from gateways.simple import make_server


_HOMES = {
    "authorizer": "gateways.roles",
    "make_server": "gateways.simple",
    "run": "gateways.runners",
    "run_with_cgi": "gateways.adapters.cgi",
    "serve": "gateways.runners",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(__import__(_HOMES[name], fromlist=[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

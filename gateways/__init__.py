"""Run one WSGI application behind any web server.

Nothing is imported until it is asked for: a CGI script pays for every module it imports, once per request.
"""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["__version__", "run", "run_with_cgi", "serve"]

TYPE_CHECKING = False  # type checkers know the name; importing ``typing`` for it would cost a CGI script milliseconds
if TYPE_CHECKING:
    from gateways.adapters.cgi import run_with_cgi
    from gateways.runners import run, serve


def __getattr__(name: str) -> object:
    value: object
    if name == "run_with_cgi":
        from gateways.adapters.cgi import run_with_cgi as value
    elif name == "run":
        from gateways.runners import run as value
    elif name == "serve":
        from gateways.runners import serve as value
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

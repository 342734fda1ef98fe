"""Serve the one request of a CGI script, for a gateway of flup's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateways.adapters.cgi import run_with_cgi
from gateways.compat.laxity import LaxStart, blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateways.compat.gateway import Gateway
    from gateways.core.types import Environ


class Script:
    """The application of a CGI request."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        gateway = self._gateway
        gateway._extend(environ)
        if gateway._is_plain():
            return blocks(gateway.application(environ, LaxStart(start_response)))  # type: ignore[no-any-return]
        gateway._converse(environ, start_response, True)
        return ()


def serve_script(gateway: Gateway) -> None:
    """Serve the request. Raises ``SystemExit`` as ``run_with_cgi`` does."""
    run_with_cgi(Script(gateway), script_name=gateway._mount(), debug=gateway._shows_errors())

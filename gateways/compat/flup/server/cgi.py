"""``WSGIServer`` for CGI scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateways.adapters.cgi import run_with_cgi
from gateways.compat.laxity import LaxStart, blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateways.core.types import Environ

__all__ = ["WSGIServer"]


class WSGIServer:
    """Serves the one request of a CGI script."""

    def __init__(self, application: Any) -> None:
        self.application = application

    def run(self) -> None:
        """Serve the request. Raises ``SystemExit`` where it could not be answered to the end."""
        run_with_cgi(self._call)

    def _call(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        return blocks(self.application(environ, LaxStart(start_response)))  # type: ignore[no-any-return]

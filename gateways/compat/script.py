"""Serve a CGI script, for a gateway of flup's names: its one request, or as the process that stays for it."""

from __future__ import annotations

import os
import sys
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


def serve_script(gateway: Gateway, reason: str) -> None:
    """Serve the request; ``reason`` is why it is taken for CGI.

    Raises ``SystemExit`` as ``run_with_cgi`` does, and with 2 where there is no request: for a person at a terminal.
    """
    if "REQUEST_METHOD" not in os.environ:
        print(
            f"gateways: no FastCGI ({reason}), and no CGI (REQUEST_METHOD is not set): give the server a bindAddress, "
            "or let a web server start this program",
            file=sys.stderr,
        )
        raise SystemExit(2)
    run_with_cgi(Script(gateway), script_name=gateway._mount(), debug=gateway._shows_errors())


def serve_resident(gateway: Gateway) -> None:
    """Serve as the process that stays for a CGI script (resident/), until nobody needs it.

    Raises ``SystemExit`` as ``run`` does. What the program does not say, comments in the script and variables may.
    """
    from gateways.compat.engine import Served, program_threads
    from gateways.runners import run

    given: dict[str, Any] = program_threads(gateway)
    if gateway._shows_errors():
        given["debug"] = True
    mount = gateway._mount()
    if mount is not None:
        given["script_name"] = mount
    run(Served(gateway), **given)

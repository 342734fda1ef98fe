"""The transports that a listener can speak: one row each, and nothing else in this package knows them apart."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from gateways.adapters import ajp, fastcgi, scgi, uwsgi
from gateways.adapters.undecided import Undecided
from gateways.errors import ConfigError

if TYPE_CHECKING:
    from gateways.adapters.events import Limits
    from gateways.adapters.interface import ServerConnection


def _nothing() -> None:
    """Nothing but Python is needed."""


def _ajp(limits: Limits, threads: int) -> ServerConnection:
    return ajp.ServerConnection(limits, limits.secret, limits.packet_size, limits.last)


def _http(limits: Limits, threads: int, *more: Any) -> ServerConnection:
    from gateways.adapters.http.server import (
        ServerConnection,  # megabytes that only a process with such a listener spends
    )

    return ServerConnection(limits, *more)


def _require_h11() -> None:
    from gateways.adapters.http.head import require

    require()


def _prepare_http() -> None:
    """Import h11 where it is installed: the first client that speaks HTTP must not hold the others up."""
    with suppress(ConfigError):
        _require_h11()


class Transport(NamedTuple):
    """One transport of this server.

    ``make`` gives the parser of a new connection; its second argument is how many requests this process serves at
    once. ``delimited`` says that a body has an end of its own, so that its length may be left open. ``compiled`` says
    that the C part serves its usual requests. ``addressed``: the protocol itself does not say who its peers are, so
    ``make`` is given the ``Ends`` of the connection as well, and a function that says whether the server stops; there
    can be TLS below it, and proxies that tell who the client is.
    ``public``: what a peer can say, any client may, so that everybody may connect. ``require`` raises ``ConfigError``
    for a package that is not installed.
    """

    name: str
    make: Callable[..., ServerConnection]
    delimited: bool = False
    compiled: bool = False
    addressed: bool = False
    public: bool = False
    require: Callable[[], None] = _nothing


#: The setting of a port that takes any of the others: the first bytes of each connection decide (anyport.py).
ANY = "listen"

#: By the setting that opens a listener for it; the order is that in which listeners are opened.
TRANSPORTS: dict[str, Transport] = {
    "fastcgi": Transport("FastCGI", fastcgi.ServerConnection, delimited=True, compiled=True),
    "scgi": Transport("SCGI", lambda limits, threads: scgi.ServerConnection(limits), compiled=True),
    "uwsgi": Transport("uwsgi", lambda limits, threads: uwsgi.ServerConnection(limits), compiled=True),
    "ajp": Transport("AJP13", _ajp, delimited=True),
    "http": Transport("HTTP", _http, addressed=True, public=True, require=_require_h11),
    ANY: Transport(Undecided.name, lambda limits, threads: Undecided(limits), require=_prepare_http),
}

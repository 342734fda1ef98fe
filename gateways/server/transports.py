"""The transports that a listener can speak: one row each, and nothing else in this package knows them apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from gateways.adapters import ajp, fastcgi, scgi

if TYPE_CHECKING:
    from gateways.adapters.events import Limits
    from gateways.adapters.interface import ServerConnection


class Transport(NamedTuple):
    """One transport of this server.

    ``make`` gives the parser of a new connection; its second argument is how many requests this process serves at
    once. ``delimited`` says that a body has an end of its own, so that its length may be left open. ``compiled`` says
    that the C part serves its usual requests.
    """

    name: str
    make: Callable[[Limits, int], ServerConnection]
    delimited: bool = False
    compiled: bool = False


#: By the setting that opens a listener for it; the order is that in which listeners are opened.
TRANSPORTS: dict[str, Transport] = {
    "fastcgi": Transport("FastCGI", fastcgi.ServerConnection, delimited=True, compiled=True),
    "scgi": Transport("SCGI", lambda limits, threads: scgi.ServerConnection(limits), compiled=True),
    "ajp": Transport(
        "AJP13", lambda limits, threads: ajp.ServerConnection(limits, limits.secret, limits.packet_size), delimited=True
    ),
}

"""Environs of requests that may have come through a proxy: what it says of the client counts where it is trusted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gateways.adapters.forwarded import Forwarded
from gateways.core.environ import EnvironBuilder
from gateways.server.peers import TrustedProxies

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateways.core.types import Environ, Variables
    from gateways.server.transports import Transport
    from gateways.settings import Settings

#: A variable that says that the proxy does not know for whom it connects: whatever comes is the word of a stranger. No
#: environ has it, as its name is reserved.
UNTOLD = b"gateways.untold"
#: Another, which says that the peer came by a Unix socket. That there is no address does not say so.
BY_UNIX = b"gateways.by_unix"


class ForwardingBuilder(EnvironBuilder):
    """Makes environs of variables in which REMOTE_ADDR is the peer's address, or is empty beside ``BY_UNIX``."""

    def __init__(self, settings: Settings, **given: Any) -> None:
        super().__init__(**given)
        self._proxies = TrustedProxies(settings.forwarded_allow_ips)
        self._forwarded = Forwarded(self._proxies.trusts, settings.forwarded_headers)

    def build(self, variables: Variables) -> Environ:
        """Return the environ, with the client's address instead of the proxy's."""
        address, untold, by_unix = "", False, False
        for name, value in variables:
            if name == b"REMOTE_ADDR":
                address = value.decode("latin-1")
            elif name == UNTOLD:
                untold = True
            elif name == BY_UNIX:
                by_unix = True
        # Behind a PROXY header the address is the client's, on a Unix socket as well.
        trusted = self._proxies.trusts(address) if address else by_unix and self._proxies.trusts_unix
        return super().build(self._forwarded.apply(variables, trusted and not untold))


def builder_class(transport: Transport, settings: Settings) -> Callable[..., EnvironBuilder]:
    """Return what makes the builder of a transport: behind a web server, its own word counts and nothing else."""
    if transport.addressed and settings.forwarded_allow_ips:
        return partial(ForwardingBuilder, settings)
    return EnvironBuilder

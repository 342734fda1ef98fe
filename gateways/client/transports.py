"""The transports that the client speaks: one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.adapters.ajp.client import ClientConnection as AJPConnection
from gateways.adapters.fastcgi.client import ClientConnection as FastCGIConnection
from gateways.adapters.http.client import ClientConnection as HTTPConnection
from gateways.adapters.scgi.client import ClientConnection as SCGIConnection
from gateways.adapters.uwsgi.client import ClientConnection as UwsgiConnection

if TYPE_CHECKING:
    from gateways.adapters.interface import ClientConnection

#: By the name that the settings of a server have for it.
TRANSPORTS: dict[str, type[ClientConnection]] = {
    "fastcgi": FastCGIConnection,
    "scgi": SCGIConnection,
    "uwsgi": UwsgiConnection,
    "ajp": AJPConnection,
    "http": HTTPConnection,
}

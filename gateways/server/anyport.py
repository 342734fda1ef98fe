"""A port that takes any protocol (``listen``): the first bytes of each connection decide, by the table of transports.

They are looked at while they stay in the socket. Where the first look decides, as it nearly always does, the connection
goes on as one that was accepted on a port of its protocol would, in C where that is built: the look is all it costs.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, cast

from gateways.adapters.foreign import PREFIX
from gateways.adapters.undecided import Undecided
from gateways.errors import ConfigError, ProtocolError
from gateways.server.connection import Connection
from gateways.server.peers import reached_by_others
from gateways.server.transports import ANY, TRANSPORTS
from gateways.server.wire import NOW

if TYPE_CHECKING:
    from gateways.server.listeners import Listener

__all__ = ["ANY", "AnyConnection"]

#: The setting that names a transport, by what the transport calls itself.
_SETTINGS = {transport.name: setting for setting, transport in TRANSPORTS.items() if setting != ANY}


class AnyConnection(Connection):
    """A connection that is ``Undecided`` until it has said what it speaks, for ``header_timeout`` at most."""

    __slots__ = ("_address", "_listener")

    def __init__(self, listener: Listener, address: object) -> None:
        super().__init__()
        self._listener = listener
        self._address = address  # the peer's, as accept(2) gave it

    def read(self) -> None:
        """Read once: to find out what is spoken, and then as any connection. Called by the leading thread only."""
        protocol = self.protocol
        if self._lingering or not isinstance(protocol, Undecided):
            super().read()
            return
        try:
            more = self.sock.recv(PREFIX, NOW | socket.MSG_PEEK)
        except BlockingIOError:
            self.on_data(None)
            return
        except OSError:
            more = b""
        if not more:
            self.on_data(b"")
            return
        try:
            found = protocol.decide(more)
            setting = found and self._setting_of(found)
        except ProtocolError as error:
            self._refuse(error)
            return
        if setting:
            self._become(setting, protocol.held)
        else:
            # It has to be taken out of the socket, or the poller would report it for ever.
            protocol.receive_data(self.sock.recv(len(more), NOW))
            self.wait()

    def _setting_of(self, found: str) -> str:
        """Return the setting of a protocol. Raises ``ProtocolError`` when it is not served here."""
        setting = _SETTINGS.get(found)
        if setting is None:
            raise ProtocolError(f"this is {found}, which is not served")
        try:
            TRANSPORTS[setting].require()
        except ConfigError as error:
            raise ProtocolError(f"this is {found}: {error}") from None
        if setting == "ajp" and not self._service.ajp_secret and reached_by_others(self._listener.sock):
            raise ProtocolError(f"this is {found}, which is not served to other machines without a secret (ajp_secret)")
        return setting

    def _become(self, setting: str, held: bytes) -> None:
        """Go on as a connection of that protocol; ``held`` is what was taken out of the socket already."""
        sock = cast("socket.socket", self.sock)  # without TLS before it
        self.protocol = self._service.new_protocol(setting, sock, self._address)
        path = self._listener.fast_paths.get(setting)
        if path is not None:
            path.attach(self)
        if held:
            self.fresh = False  # nothing for the C part, which reads whole requests
            self.protocol.receive_data(held)
        self.on_readable()

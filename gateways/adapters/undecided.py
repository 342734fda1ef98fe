"""The start of a connection on a port that takes any protocol, without I/O: bytes are held until they say which."""

from __future__ import annotations

from gateways.adapters.foreign import PREFIX, recognise
from gateways.adapters.onerequest import OneRequest
from gateways.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateways.adapters.events import Request


class Undecided(OneRequest):
    """Stands where the parser of a protocol will be, and never gives a request.

    ``held`` are the bytes that were received; at most ``PREFIX`` are ever needed.
    """

    name = "any protocol"

    __slots__ = ()

    @property
    def held(self) -> bytes:
        """The bytes received so far."""
        return bytes(self._buffer)

    def decide(self, more: bytes) -> str | None:
        """Return the protocol that the bytes are of with ``more`` behind them; None when that is still open.

        Raises ``ProtocolError`` for what is none, which cannot be answered: in what form is not known.
        """
        data = bytes(self._buffer + more)[:PREFIX]
        found = recognise(data)
        if found == "":
            raise ProtocolError(f"the first bytes, {data!r}, are of no protocol that is known here")
        return found

    def _receive_headers(self) -> Request | None:
        """Wait: who reads decides."""
        return None

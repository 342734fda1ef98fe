"""A connected socket on which a header of the PROXY protocol comes first, used like one without."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Any

from gateways.adapters.proxyprotocol import ProxyReader
from gateways.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateways.adapters.proxyprotocol import Header

_NOW = socket.MSG_DONTWAIT


class ProxySocket:
    """``sock`` without its header, which ``tell`` gets. ``report`` gets a line of text when there is none.

    It is needed up to the header only: whoever is told can go on with ``sock`` once ``recv`` has returned or raised.
    """

    def __init__(self, sock: socket.socket, tell: Callable[[Header], None], report: Callable[[str], None]) -> None:
        self._sock = sock
        self._reader: ProxyReader | None = ProxyReader()
        self._tell = tell
        self._report = report
        self.family = sock.family

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what has come behind the header. Raises ``OSError`` as that of a socket."""
        reader = self._reader
        if reader is None or flags & socket.MSG_PEEK:
            return self._sock.recv(size, flags)
        data = self._sock.recv(size, _NOW)
        if not data:
            return b""
        reader.receive_data(data)
        try:
            header = reader.next_event()
        except ProtocolError as error:
            self._report(f"{error}; connection closed")
            raise ConnectionAbortedError(errno.ECONNABORTED, "no PROXY header") from None
        if header is not None:
            self._reader = None
            self._tell(header)
            if reader.rest:
                return reader.rest
        raise BlockingIOError(errno.EAGAIN, "nothing has come behind the PROXY header")

    @property
    def arriving(self) -> bool:
        """True from the first byte of the header to its last."""
        return self._reader is not None and self._reader.begun

    def send(self, data: bytes | memoryview, flags: int = 0) -> int:
        """As of a socket."""
        return self._sock.send(data, flags)

    def sendmsg(self, parts: Sequence[bytes | memoryview], ancillary: Any = (), flags: int = 0) -> int:
        """As of a socket."""
        return self._sock.sendmsg(parts, ancillary, flags)

    def setsockopt(self, level: int, option: int, value: bytes | int) -> None:
        """As of a socket."""
        self._sock.setsockopt(level, option, value)

    def shutdown(self, how: int) -> None:
        """As of a socket."""
        self._sock.shutdown(how)

    def close(self) -> None:
        """As of a socket."""
        self._sock.close()

"""``SCGIApp``: a WSGI application that asks an SCGI backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateways.compat.clients import Asking

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateways.core.types import Environ

__all__ = ["SCGIApp"]

__version__ = "$Revision$"


def encodeNetstring(s: bytes) -> bytes:
    """Return a netstring."""
    return b"%d:%s," % (len(s), s)


class SCGIApp(Asking):
    """Asks the backend at ``connect``, a path or a pair of host and port, or at ``host`` and ``port``.

    ``filterEnviron`` sends the usual variables only.
    """

    protocol = "scgi"

    def __init__(
        self, connect: Any = None, host: str | None = None, port: int | None = None, filterEnviron: bool = True
    ) -> None:
        if host is not None and port is None:
            raise AssertionError("host needs a port")
        if connect is None and host is None:
            raise AssertionError("give connect, or host and port")
        self._reach(connect, host, port, filterEnviron)

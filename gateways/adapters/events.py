"""What a transport's parser yields: a ``Request``, then pieces of its body as plain ``bytes``, or ``ABORTED``.

``b""`` is the end of the body, and None from ``next_event`` means that more bytes are needed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    from gateways.core.types import Variables

    Event = Union["Request", bytes, "Aborted", None]


class Request:
    """A request whose whole header block is in; its body may still be on the way.

    ``variables`` are the CGI variables in wire order. ``keep`` is true when the connection stays open afterwards,
    and may become false until the response has ended.
    """

    __slots__ = ("keep", "variables")

    def __init__(self, variables: Variables, keep: bool) -> None:
        self.variables = variables
        self.keep = keep


class Aborted:
    """The web server gave the request up (FastCGI 1.0, section 5.4)."""


ABORTED = Aborted()


class Limits:
    """What a header block may measure: ``size`` bytes in all and ``count`` variables.

    ``packet_size`` in bytes, and the ``secret`` that a peer has to know, are for AJP13.

    The defaults are far above what the web servers let through (nginx 4 x 8 KiB, Apache 100 x 8 KiB) and small enough
    to be held by each of thousands of connections.
    """

    __slots__ = ("count", "packet_size", "secret", "size")

    def __init__(self, size: int = 262144, count: int = 1000) -> None:
        self.size = size
        self.count = count
        self.packet_size = 8192
        self.secret = b""

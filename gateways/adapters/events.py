"""What a transport's parser yields: a ``Request``, then pieces of its body as plain ``bytes``, or ``ABORTED``.

``b""`` is the end of the body, and None from ``next_event`` means that more bytes are needed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Union

    from gateways.core.types import Variables

    Event = Union["Request", bytes, "Aborted", None]


class Request:
    """A request whose whole header block is in; its body may still be on the way.

    ``variables`` are the CGI variables in wire order. ``keep`` is true when the connection stays open afterwards; a
    protocol that decides it by the response makes it false until then. ``filters`` is true when a second stream follows
    the body, in the same way: the data of a FastCGI filter.
    """

    __slots__ = ("filters", "keep", "variables")

    def __init__(self, variables: Variables, keep: bool, filters: bool = False) -> None:
        self.variables = variables
        self.keep = keep
        self.filters = filters


class Aborted:
    """The web server gave the request up (FastCGI 1.0, section 5.4)."""


ABORTED = Aborted()


class Limits:
    """What a header block may measure: ``size`` bytes in all and ``count`` variables.

    Of HTTP also ``line``, bytes of the first line, and ``minor``, the newest version that is spoken: 1 or 0. Of AJP13
    ``packet_size`` in bytes, the ``secret`` that a peer has to know, and ``last``, which says whether a response is
    the last of its connection.

    The defaults are far above what the web servers let through (nginx 4 x 8 KiB, Apache 100 x 8 KiB) and small enough
    to be held by each of thousands of connections. A line of 16 KiB is twice what browsers and web servers let through.
    """

    __slots__ = ("count", "last", "line", "minor", "packet_size", "secret", "size")

    def __init__(self, size: int = 262144, count: int = 1000, line: int = 16384, minor: int = 1) -> None:
        self.size = size
        self.count = count
        self.line = line
        self.minor = minor
        self.packet_size = 8192
        self.secret = b""
        self.last: Callable[[], bool] = bool

"""The types the layers agree on. For type checkers only: nothing here is imported at run time.

A CGI script pays for every module it imports, once per request, so the core keeps ``typing`` and ``collections.abc``
out of its own imports.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Callable, Optional, Protocol, Union

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
#: CGI variables as they came, in wire order: bytes, because only ``core.environ`` decodes.
Variables = Sequence[tuple[bytes, bytes]]
ExcInfo = Union[tuple[type[BaseException], BaseException, Optional[TracebackType]], tuple[None, None, None]]
Application = Callable[[Environ, Any], Iterable[bytes]]


class Transport(Protocol):
    """What the core needs of a transport to answer one request.

    Every method may raise ``ClientDisconnected``; after that, and after ``end``, nothing more is sent. A transport may
    also have ``send_file(fd, position, count)``, which sends a part of a regular file and returns true, or false when
    it cannot, and nothing was sent.
    """

    def send_head(self, status: str, headers: Headers, block: bytes, end: bool) -> None:
        """Send the checked status and headers and the first block (may be empty) in one write.

        ``end`` says that the response is complete with it.
        """

    def send_body(self, block: bytes, end: bool) -> None:
        """Send one more block, now. An empty block with ``end`` completes the response."""

    def abort(self) -> None:
        """Break the response off in the way the peer sees as a failure: it must never look complete."""


class Readable(Protocol):
    """What ``wsgi.file_wrapper`` needs of a file; its ``close()`` is called when there is one."""

    def read(self, size: int, /) -> bytes: ...

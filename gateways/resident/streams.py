"""Standard output and error of a resident process: what a request prints goes to the error log of its web server.

A CGI script prints there by itself. In a process that stays, descriptors 1 and 2 belong to nobody's request, so
``sys.stdout`` and ``sys.stderr`` hand on to ``wsgi.errors`` what is written while a request is in hand.
"""

from __future__ import annotations

import io
import sys
import threading
from contextvars import ContextVar
from typing import Any

#: The ``wsgi.errors`` of the request in hand, and the thread or greenlet that serves it: contexts are copied, and a
#: record that another one sends could come to stand inside one of the response. A list, which is empty when the request
#: is over, for what the application has started and left running.
_request: ContextVar[list[tuple[Any, int]] | None] = ContextVar("request", default=None)


class RequestStream(io.TextIOBase):
    """A text stream that goes to the request in hand, or else to ``other``."""

    def __init__(self, other: Any) -> None:
        self._other = other

    encoding = "utf-8"
    errors = "backslashreplace"

    @property
    def buffer(self) -> Any:
        """The stream of bytes below; they belong to no request."""
        return self._other.buffer

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Write text."""
        errors = _errors()
        if errors is None:
            return int(self._other.write(text))
        errors.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written. That of a request leaves with it: its reader may be gone."""
        if _errors() is None:
            self._other.flush()

    def close(self) -> None:
        """Stay open: the next request prints, too."""

    def fileno(self) -> int:
        """The descriptor that children inherit."""
        return int(self._other.fileno())

    def isatty(self) -> bool:
        """It is none."""
        return False


def install() -> None:
    """Put the streams in their places. What is buffered nowhere else is complete in the log at once."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        stream.reconfigure(errors="backslashreplace", line_buffering=True)
        setattr(sys, name, RequestStream(stream))


def begin(errors: Any) -> None:
    """What is written from here on, in this thread or greenlet, belongs to the request with this ``wsgi.errors``."""
    _request.set([(errors, _here())])


def end() -> None:
    """The request is over; what its posthooks have written is handed on."""
    request = _request.get()
    if request:
        request[0][0].flush()
        request.clear()


def _errors() -> Any:
    """Return the ``wsgi.errors`` of the request that this thread or greenlet serves; None where there is none."""
    for errors, served_by in (_request.get() or ())[:1]:  # its own thread may end it in this moment
        if served_by == _here():
            return errors
    return None


def _here() -> int:
    return threading.get_ident()  # gevent has put that of greenlets there

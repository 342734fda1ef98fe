"""Standard output and error of a resident process: what a request prints goes to the error log of its web server.

A CGI script prints there by itself. In a process that stays, descriptors 1 and 2 belong to nobody's request, so
``sys.stdout`` and ``sys.stderr`` hand on to ``wsgi.errors`` what the thread of a request writes.
"""

from __future__ import annotations

import io
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gateways.core.types import Application, Environ


class _Current(threading.local):
    errors: Any = None


_current = _Current()


class RequestStream(io.TextIOBase):
    """A text stream that goes to the request of this thread, or else to ``other``."""

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
        target = _current.errors
        if target is None:
            return int(self._other.write(text))
        target.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written. That of a request leaves with it: its reader may be gone."""
        if _current.errors is None:
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


def attributed(application: Application) -> Application:
    """Return the application, with what it prints in the hands of its requests."""

    def call(environ: Environ, start_response: Any) -> Iterable[bytes]:
        errors = environ["wsgi.errors"]
        _current.errors = errors
        try:
            result = application(environ, start_response)
        finally:
            _current.errors = None
        return result if type(result) in (list, tuple) else _Attributed(result, errors)

    return call


class _Attributed:
    """An iterable response, each step of which belongs to its request."""

    def __init__(self, result: Iterable[bytes], errors: Any) -> None:
        self._result = result
        self._errors = errors

    def __iter__(self) -> Iterator[bytes]:
        _current.errors = self._errors
        try:
            blocks = iter(self._result)
        finally:
            _current.errors = None
        return _Steps(blocks, self._errors)

    def close(self) -> None:
        close = getattr(self._result, "close", None)
        if close is not None:
            _current.errors = self._errors
            try:
                close()
            finally:
                _current.errors = None


class _Steps:
    def __init__(self, blocks: Iterator[bytes], errors: Any) -> None:
        self._blocks = blocks
        self._errors = errors

    def __iter__(self) -> _Steps:
        return self

    def __next__(self) -> bytes:
        _current.errors = self._errors
        try:
            return next(self._blocks)
        finally:
            _current.errors = None

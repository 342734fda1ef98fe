"""The lines the front writes: one for each request, and what the backend says. Bytes of a peer are escaped in them."""

from __future__ import annotations

import re
from threading import Lock
from typing import TextIO

from gateways.escaping import escape, escape_lines

_UNSAFE = re.compile(r"[^\x20-\x7e]|[\\\"]")


class Log:
    """Whole lines to a text stream, from any thread. A stream that cannot be written to costs the line, no more."""

    def __init__(self, stream: TextIO, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._lock = Lock()

    def access(self, peer: str, request_line: str, status: int, sent: int, seconds: float, remark: str = "") -> None:
        """Write the line of one request; a quiet front does so only where there is something to remark.

        ``status`` is 0 when there was no answer, ``sent`` the size of its body in bytes.
        """
        if remark or not self._quiet:
            remark = f" ({escape(remark)})" if remark else ""
            self.line(f'{peer} "{_quotable(request_line)}" {status or "-"} {sent} {seconds * 1000:.0f}ms{remark}')

    def backend(self, data: bytes) -> None:
        """Write what the backend sent for the error log."""
        self.line(escape_lines(data).rstrip("\n"))

    def line(self, text: str) -> None:
        """Write ``text`` and a line end."""
        with self._lock:
            try:
                self._stream.write(text + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # ValueError: the stream has been closed
                pass


def _quotable(text: str) -> str:
    """Return latin-1 ``text`` as it can stand between quotation marks in a log line."""
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)

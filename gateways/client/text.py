"""Text that goes to a backend, and text that comes from one and is shown to a person."""

from __future__ import annotations

import re

# All controls but tab and line feed, with the line separators of Unicode: a terminal obeys some, a log reader others.
_CONTROL = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u2028\\u2029]")


def encode_text(what: str, text: str) -> bytes:
    """Encode text of PEP 3333. Raises ``ValueError`` that names ``what`` it is."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"{what} holds characters outside latin-1, which must be encoded first: {text!r}") from None


def printable(data: bytes) -> str:
    """Return error text of a backend as it can be shown: lines stay, other controls are escaped."""
    return escape_controls(data.decode("utf-8", "backslashreplace").replace("\r\n", "\n"))


def escape_controls(text: str) -> str:
    """Escape all controls in ``text`` but tab and line feed."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)

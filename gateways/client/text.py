"""Text that goes to a backend."""

from __future__ import annotations


def encode_text(what: str, text: str) -> bytes:
    """Encode text of PEP 3333. Raises ``ValueError`` that names ``what`` it is."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"{what} holds characters outside latin-1, which must be encoded first: {text!r}") from None

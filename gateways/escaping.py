"""Text of others in what people read: it must not steer a terminal, forge a record or hide part of one."""

from __future__ import annotations


def escape(text: str, keep: str = "") -> str:
    """Escape all that is not printable: controls, line ends of any script, marks that reverse the direction of text.

    The characters of ``keep`` stay as they are. A surrogate that stands for a byte which is no text becomes ``\\xff``.
    So does a character below U+0100: what was decoded as Latin-1, as PEP 3333 has it, stands for bytes as well.
    """
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() or c in keep else _escaped(c) for c in text])


def escape_lines(data: bytes) -> str:
    """Return text that a program wrote, several lines of it: line feeds and tabs stay, all else is escaped."""
    return escape(data.decode("utf-8", "surrogateescape").replace("\r\n", "\n"), keep="\n\t")


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")

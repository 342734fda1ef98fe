"""Name the protocol that a peer speaks by mistake, so that a log line can say which directive to change."""

from __future__ import annotations

_METHODS = (b"GET ", b"HEAD", b"POST", b"PUT ", b"DELE", b"OPTI", b"PATC", b"TRAC", b"CONN", b"PRI ", b"PROP")


def describe(data: bytes) -> str:
    """Return what ``data``, the first bytes of a connection, looks like (``"HTTP"``, ``"TLS"``, …), or ``""``."""
    start = bytes(data[:8])
    if start.startswith(_METHODS):
        return "HTTP"
    if start[:2] == b"\x16\x03":
        return "TLS"
    if start[:2] in (b"\x01\x01", b"\x01\x09"):  # BEGIN_REQUEST or GET_VALUES
        return "FastCGI"
    if start[:2] == b"\x12\x34":
        return "AJP13"
    if b":" in start and start.split(b":", 1)[0].isdigit():
        return "SCGI"
    if len(start) >= 4 and start[0] in (0, 30) and start[3] == 0 and start[1:3] != b"\0\0":
        return "uwsgi"
    return ""


def hint(data: bytes, spoken: str) -> str:
    """Return the end of a log line for a connection on a ``spoken`` port, or ``""`` when nothing can be said."""
    found = describe(data)
    if not found or found == spoken:
        return ""
    return f": this is {found} on a {spoken} address; make the web server pass {spoken} here"

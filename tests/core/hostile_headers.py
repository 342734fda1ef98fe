"""Status lines and headers that would split a header, a response or a log line, and who lets them through.

It uses no ``assert`` and no pytest: ``python -O`` runs it as well (see test_response.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from gateways.core.response import Response
from gateways.core.types import Headers
from tests.core.recording import Recorder

#: C0 controls and DEL, and characters whose low byte is CR or LF: a careless encoder makes those of them.
CONTROLS = [*map(chr, range(32)), "\x7f", "\u010a", "\u010d", "\u560a", "\u560d"]
#: No byte of latin-1.
FOREIGN = ["\u039a", "\u2028", "\U0001f600", "\udc80"]
#: No character of a token (RFC 9110, section 5.6.2).
SEPARATORS = [*' ()<>@,;:\\"/[]?={}', "\x80", "\x85", "\xa0", "\xe9"]


def splices(text: str, characters: list[str]) -> Iterator[str]:
    """Put each character at the start, in the middle and at the end of ``text``."""
    for character in characters:
        yield character + text
        yield text[:2] + character + text[2:]
        yield text + character


def hostile() -> Iterator[tuple[str, Headers]]:
    good: Headers = [("Content-Type", "text/plain"), ("X-Good", "1")]
    for status in splices("200 OK", CONTROLS + FOREIGN):
        yield status, good
    for name in splices("X-Name", CONTROLS + FOREIGN + SEPARATORS):
        yield "200 OK", [*good, (name, "value")]
    for value in splices("value", [character for character in CONTROLS if character != "\t"] + FOREIGN):
        yield "200 OK", [*good, ("X-Name", value)]
    yield "200 OK", [*good, ("", "value")]
    yield "200 OK", [*good, ("X-Name", "1\r\nSet-Cookie: session=stolen")]
    yield "200 OK\r\nSet-Cookie: session=stolen", good
    yield "200 OK", [*good, ("X\r\nSet-Cookie: session=stolen\r\nX", "1")]


def accepted(way: str) -> list[tuple[str, Headers]]:
    """Return what start_response takes of it: at its first call, or at a second one with exc_info."""
    taken = []
    error = ValueError("the application's")
    for status, headers in hostile():
        response = Response(Recorder(), False, lambda message: None)
        if way == "exc_info":
            response.start("500 Oops", [])
        before = response.status, response.headers
        try:
            response.start(status, headers, (ValueError, error, None) if way == "exc_info" else None)
        except ValueError:
            if (response.status, response.headers) == before:
                continue
        taken.append((status, headers))
    return taken

"""An application that says what it was asked: ``gateways conform`` checks more where it is what answers.

    gateways serve gateways.conform.echo:application --fastcgi :9000

The answer is text: a first line to know it by, the body, and a line for each variable of the request, all of them
percent-encoded, so that it is written in a few lines of any language (the reference page has it in PHP). A request with
the header ``X-Echo: early`` is answered without a look at its body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_LINE = b"gateways echo 1"


class Echo(NamedTuple):
    """What the application was given."""

    body: bytes
    variables: dict[bytes, bytes]


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer with the body and the variables of the request."""
    length = 0 if environ.get("HTTP_X_ECHO") == "early" else _length(environ)
    body = environ["wsgi.input"].read(length) if length else b""
    lines = [FIRST_LINE, b"body " + _quoted(body)]
    for name, value in environ.items():
        if type(value) is str:
            lines.append(b"var " + _quoted(_bytes(name)) + b" " + _quoted(_bytes(value)))
    text = b"\n".join(lines) + b"\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [text]


def parse(body: bytes) -> Echo | None:
    """Read the answer of the application; None for one of another."""
    first, *lines = body.split(b"\n")
    if first != FIRST_LINE or lines[-1:] != [b""]:
        return None
    seen = Echo(b"", {})
    for line in lines[:-1]:
        kind, _, rest = line.partition(b" ")
        name, _, value = rest.partition(b" ")
        if kind == b"body":
            seen = seen._replace(body=unquote_to_bytes(rest))
        elif kind == b"var":
            seen.variables[unquote_to_bytes(name)] = unquote_to_bytes(value)
    return seen


def _length(environ: dict[str, Any]) -> int:
    """Return how much to read: a server may leave it to the application not to read too far (PEP 3333)."""
    if environ.get("wsgi.input_terminated"):
        return -1
    try:
        return max(0, int(environ.get("CONTENT_LENGTH") or 0))
    except ValueError:
        return 0


def _quoted(data: bytes) -> bytes:
    return quote_from_bytes(data, safe="/").encode("ascii")


def _bytes(text: str) -> bytes:
    """Undo what PEP 3333 does to text; what is no latin-1 is no text of it, and is shown all the same."""
    return text.encode("latin-1", "backslashreplace")

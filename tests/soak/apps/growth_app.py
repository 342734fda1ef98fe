"""What L6 asks for: every way through the C part and out of it, by path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer in the way that the path names."""
    path = environ["PATH_INFO"]
    if path == "/raise":
        raise LookupError("asked for")
    if path == "/post":
        environ["wsgi.input"].read()
    headers = [("Content-Type", "text/plain"), ("X-Number", environ.get("HTTP_X_NUMBER", "-"))]
    write = start_response("200 OK", headers)
    if path == "/write":
        write(b"written")
    if path == "/log":
        environ["wsgi.errors"].write("a line\n")
    if path == "/cycle":
        environ["an.application.may.do.this"] = environ
    if path == "/keep":
        environ["and.this"] = start_response
    return _blocks() if path == "/iterate" else [b"one ", b"two"]


def _blocks() -> Iterator[bytes]:
    yield b"one"
    yield b"two"

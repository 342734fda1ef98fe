"""Answers with what it was asked, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Callable


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterator[bytes]:
    """Answer with the variables, one line each, an empty line and the body."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""  # flup's SCGI reads nothing as a str
    environ["wsgi.errors"].write(f"asked for {environ['PATH_INFO']}\n")
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Length", str(len(body)))])
    for name in sorted(environ):
        if name.isupper():
            yield f"{name}={environ[name]}\n".encode("latin-1")
    yield b"\n" + body

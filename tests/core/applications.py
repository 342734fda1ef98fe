"""Applications that use each part of PEP 3333 in a valid way; wsgiref.validate stands around every one.

``application`` chooses by the first segment of PATH_INFO. ``EXPECTED`` tells status and body of a GET.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

Environ = dict[str, Any]
TEXT = ("Content-Type", "text/plain")


def block(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    return [b"hello\n"]


def stream(environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [TEXT])
    return iter([b"one\n", b"", b"two\n"])


def lazy(environ: Environ, start_response: Any) -> Iterator[bytes]:
    """A generator function: start_response is called at the first next()."""
    start_response("200 OK", [TEXT])
    yield b""
    yield b"late "
    yield b"headers\n"


def write(environ: Environ, start_response: Any) -> Iterable[bytes]:
    send = start_response("200 OK", [TEXT])
    send(b"written, ")
    send(b"")
    return [b"then returned\n"]


def empty(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    return []


def no_content(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("204 No Content", [])
    return []


def not_modified(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("304 Not Modified", [("ETag", '"1"')])
    return []


def replaced(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Change one's mind before anything was sent."""
    start_response("200 OK", [TEXT, ("X-First", "1")])
    try:
        raise LookupError("no such page")
    except LookupError as error:
        start_response("404 Not Found", [TEXT], (LookupError, error, error.__traceback__))
    return [b"not here\n"]


def file(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](io.BytesIO(b"from a file\n"), 4)
    return wrapped


def echo(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Read the body in each of the ways there are."""
    body = environ["wsgi.input"]
    parts = [body.read(3), body.readline(), *body.readlines(1), *body, body.read(10)]
    start_response("200 OK", [TEXT, ("Content-Length", str(sum(map(len, parts))))])
    return parts


def log(environ: Environ, start_response: Any) -> Iterable[bytes]:
    environ["wsgi.errors"].write("logged\n")
    environ["wsgi.errors"].writelines(["by ", "lines\n"])
    environ["wsgi.errors"].flush()
    start_response("200 OK", [TEXT])
    return [b"see the log\n"]


ALL = {name: validator(globals()[name]) for name in (
    *("block", "stream", "lazy", "write", "empty", "no_content", "not_modified", "replaced", "file", "echo", "log"),
)}  # fmt: skip

EXPECTED = {
    "block": ("200 OK", b"hello\n"),
    "stream": ("200 OK", b"one\ntwo\n"),
    "lazy": ("200 OK", b"late headers\n"),
    "write": ("200 OK", b"written, then returned\n"),
    "empty": ("200 OK", b""),
    "no_content": ("204 No Content", b""),
    "not_modified": ("304 Not Modified", b""),
    "replaced": ("404 Not Found", b"not here\n"),
    "file": ("200 OK", b"from a file\n"),
    "echo": ("200 OK", b""),
    "log": ("200 OK", b"see the log\n"),
}


def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
    result: Iterable[bytes] = ALL[environ["PATH_INFO"].split("/")[1]](environ, start_response)
    return result

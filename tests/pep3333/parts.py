"""Applications of each form that PEP 3333 shows, and middleware of each kind it speaks of.

A middleware is an application to what is above it and a server to what is below, so ``wsgiref.validate`` stands on both
sides of every one. ``application`` chooses by the first segment of the path: ``/page``, ``/latin+shout/page``.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Callable
from wsgiref.validate import validator

Environ = dict[str, Any]
App = Callable[..., Iterable[bytes]]
TEXT = ("Content-Type", "text/plain")

#: What ``/steps`` waits for between its blocks, one release each; only a test in the same process has it.
STEP = threading.Semaphore(0)


# Applications


def page(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """A function that returns a list."""
    start_response("200 OK", [TEXT])
    return [b"the quick fox\n"]


class ClassPage:
    """The class is the application, and its instance the iterable of one response."""

    def __init__(self, environ: Environ, start_response: Any) -> None:
        self._start = start_response

    def __iter__(self) -> Iterator[bytes]:
        self._start("200 OK", [TEXT])
        yield b"from an "
        yield b"instance\n"


class Instance:
    """An object with ``__call__`` is one, too."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [TEXT, ("Content-Length", str(len(self._text)))])
        return iter([self._text])


def generator(environ: Environ, start_response: Any) -> Iterator[bytes]:
    """Nothing of it runs before the server takes the first block."""
    start_response("200 OK", [TEXT])
    for number in range(3):
        yield b"line %d\n" % number


def written(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """The old way, for interfaces that can only write."""
    write = start_response("200 OK", [TEXT])
    write(b"some ")
    write(b"is written\n")
    return [b"some is returned\n"]


def changed(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """It fails before anything has gone out, and says something else."""
    start_response("200 OK", [TEXT, ("X-First", "yes")])
    try:
        raise KeyError("missing")
    except KeyError:
        start_response("500 Oops", [TEXT], sys.exc_info())
    return [b"an error page\n"]


def too_late(environ: Environ, start_response: Any) -> Iterator[bytes]:
    """It fails when a part is out: start_response has to raise the error again, which ends the response."""
    start_response("200 OK", [TEXT])
    yield b"half of it\n"
    try:
        raise KeyError("in the middle")
    except KeyError:
        start_response("500 Oops", [TEXT], sys.exc_info())
    yield b"never seen\n"


def file(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """A file of the system, handed to the server's own wrapper."""
    source = tempfile.TemporaryFile()  # noqa: SIM115  the wrapper closes it
    source.write(b"0123456789" * 10_000)
    source.seek(5)
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](source, 8192)
    return wrapped


def likefile(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Something that only has read()."""
    start_response("200 OK", [TEXT])
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](io.BytesIO(b"as if from a file\n"))
    return wrapped


def echo(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """The body, read by lines."""
    lines = list(environ["wsgi.input"])
    start_response("200 OK", [TEXT])
    return lines


def where(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Where the application believes to be."""
    start_response("200 OK", [TEXT])
    return [f"{environ['SCRIPT_NAME']} | {environ['PATH_INFO']}".encode("latin-1")]


def steps(environ: Environ, start_response: Any) -> Iterator[bytes]:
    """One block for each release of ``STEP``."""
    start_response("200 OK", [TEXT])
    for number in range(3):
        yield b"step %d\n" % number
        STEP.acquire(timeout=60)


# Middleware


class Layer:
    """What is the same for all middleware: the iterable it returns closes the one below."""

    def __init__(self, inner: App) -> None:
        self.inner = inner

    def head(self, status: str, headers: list[tuple[str, str]]) -> tuple[str, list[tuple[str, str]]]:
        """Return status and headers as they go up."""
        return status, [pair for pair in headers if pair[0] != "Content-Length"]

    def block(self, block: bytes) -> bytes:
        """Return a block as it goes up: one for one, so that nothing is held back."""
        return block

    def environ(self, environ: Environ) -> Environ:
        """Return what the application below gets."""
        return environ

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            arguments = self.head(status, headers)
            write = start_response(*arguments, exc_info) if exc_info else start_response(*arguments)
            return lambda block: write(self.block(block))

        return Blocks(self, self.inner(self.environ(environ), start), environ["wsgi.errors"])


class Blocks:
    """The iterable of a ``Layer``. It says in the log when it is closed: once, from the outside to the inside."""

    def __init__(self, layer: Layer, inner: Iterable[bytes], errors: Any) -> None:
        self._layer = layer
        self._inner = inner
        self._next = iter(inner).__next__
        self._errors = errors

    def __iter__(self) -> Blocks:
        return self

    def __next__(self) -> bytes:
        return self._layer.block(self._next())

    def close(self) -> None:
        self._errors.write(f"closed {type(self._layer).__name__}\n")
        close = getattr(self._inner, "close", None)
        if close is not None:
            close()


class Latin(Layer):
    """Moves the first letter of each word to its end: the example that everybody knows."""

    def block(self, block: bytes) -> bytes:
        return re.sub(rb"\b([a-z])([a-z]+)", rb"\2\1ay", block)


class Shout(Layer):
    """Upper case, and a header more."""

    def head(self, status: str, headers: list[tuple[str, str]]) -> tuple[str, list[tuple[str, str]]]:
        return status, [*super().head(status, headers)[1], ("X-Shout", "yes")]

    def block(self, block: bytes) -> bytes:
        return block.upper()


class Reverse(Layer):
    """Gives the application below another body than the client has sent."""

    def environ(self, environ: Environ) -> Environ:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))[::-1]
        return {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}


class Mounted(Layer):
    """Moves the first segment of the path to where the application below is mounted."""

    def environ(self, environ: Environ) -> Environ:
        _, first, rest = (environ["PATH_INFO"] + "/").split("/", 2)
        path = f"/{rest[:-1]}" if rest else ""
        return {**environ, "SCRIPT_NAME": f"{environ['SCRIPT_NAME']}/{first}", "PATH_INFO": path}


class Whole:
    """Collects all of the response before it starts its own: a server that is complete in itself."""

    def __init__(self, inner: App) -> None:
        self.inner = inner

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        started: list[Any] = []
        blocks: list[bytes] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            started[:] = status, headers
            return blocks.append

        result = self.inner(environ, start)
        try:
            blocks.extend(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        body = b"".join(blocks)
        status, headers = started
        headers = [pair for pair in headers if pair[0] != "Content-Length"]
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [body]


class Guard:
    """Answers in the place of an application that fails at its first block."""

    def __init__(self, inner: App) -> None:
        self.inner = inner

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        try:
            return self.inner(environ, start_response)
        except LookupError as error:
            start_response("503 Guarded", [TEXT], sys.exc_info())
            return [f"guarded: {error}\n".encode()]


def failing(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """It fails after it has called start_response, and leaves the answer to others."""
    start_response("200 OK", [TEXT])
    raise LookupError("nobody home")


APPLICATIONS: dict[str, App] = {
    "page": page,
    "class": ClassPage,
    "instance": Instance(b"from a call\n"),
    "generator": generator,
    "written": written,
    "changed": changed,
    "late": too_late,
    "file": file,
    "likefile": likefile,
    "echo": echo,
    "where": where,
    "steps": steps,
    "failing": failing,
}
LAYERS: dict[str, Callable[[App], App]] = {
    "latin": Latin,
    "shout": Shout,
    "reverse": Reverse,
    "mounted": Mounted,
    "whole": Whole,
    "guard": Guard,
}


def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Build what the path asks for, from the inside to the outside, and call it."""
    _, first, rest = (environ["PATH_INFO"] + "/").split("/", 2)
    *layers, name = first.split("+")
    app: App = validator(APPLICATIONS[name])
    for layer in reversed(layers):
        app = validator(LAYERS[layer](app))
    path = f"/{rest[:-1]}" if rest else ""
    return app({**environ, "SCRIPT_NAME": f"{environ['SCRIPT_NAME']}/{first}", "PATH_INFO": path}, start_response)

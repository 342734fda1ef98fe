"""Run an application through the core, with a transport that keeps what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gateways.core.environ import EnvironBuilder, content_length
from gateways.core.handler import handle
from gateways.core.input import Errors, Input
from gateways.core.response import Response
from gateways.core.types import Application, Environ, Headers
from gateways.errors import ClientDisconnected


class Recorder:
    """A ``Transport``. ``sends`` are the blocks in the order they came; ``break_at`` is the send at which the client
    has gone, counted from 0. ``violations`` are calls that no transport has to expect.
    """

    def __init__(self, break_at: int | None = None) -> None:
        self._break_at = break_at
        self.status = ""
        self.headers: Headers = []
        self.sends: list[bytes] = []
        self.ended = False
        self.aborted = False
        self.broken = False
        self.violations: list[str] = []

    def send_head(self, status: str, headers: Headers, block: bytes, end: bool) -> None:
        self._expect(not self.status, "a second head")
        self._send(block, end)
        self.status = status
        self.headers = list(headers)

    def send_body(self, block: bytes, end: bool) -> None:
        self._expect(self.status != "", "a block before the head")
        self._expect(block != b"" or end, "an empty block that ends nothing")
        self._send(block, end)

    def abort(self) -> None:
        self._expect(not self.ended, "broken off after its end")
        self.aborted = True

    def _send(self, block: bytes, end: bool) -> None:
        self._expect(not (self.ended or self.aborted or self.broken), "a block after the end")
        if len(self.sends) == self._break_at:
            self.broken = True
            raise ClientDisconnected("the client has gone")
        self.sends.append(block)
        self.ended = end

    def _expect(self, condition: bool, violation: str) -> None:
        if not condition:
            self.violations.append(violation)

    @property
    def body(self) -> bytes:
        return b"".join(self.sends)

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) < 2, f"{name} twice"
        return values[0] if values else None


class Answer(Recorder):
    """A request that was served: what was sent, what the core tells of it, and what was logged."""

    response: Response
    log: str


def make_environ(method: str = "GET", path: str = "/", **variables: str) -> Environ:
    """The environ of a request, as the transports build it."""
    given = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "example.org",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        **variables,
    }
    builder = EnvironBuilder(multithread=False, multiprocess=True)
    return builder.build([(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()])


def answer(
    application: Application,
    environ: Environ | None = None,
    *,
    body: list[bytes] | Callable[[], bytes] = [],  # noqa: B006
    break_at: int | None = None,
    debug: bool | str = False,
) -> Answer:
    """Serve one request with ``application``. ``body`` are the pieces in which the request body arrives."""
    if environ is None:
        environ = make_environ()
    pieces: Iterator[bytes] = iter(body) if isinstance(body, list) else iter(body, b"")
    log: list[bytes] = []
    errors = Errors(log.append)
    environ["wsgi.errors"] = errors
    environ["wsgi.input"] = Input(lambda: next(pieces, b""), content_length(environ))
    recorder = Answer(break_at)
    recorder.response = handle(application, environ, recorder, errors, debug)
    recorder.log = b"".join(log).decode()
    assert recorder.violations == []
    assert recorder.ended != (recorder.aborted or recorder.broken), "exactly one end"
    return recorder


def answering(result: Any, status: str = "200 OK", headers: Headers | None = None) -> Application:
    """An application that answers ``result``."""

    def application(environ: Environ, start_response: Any) -> Any:
        start_response(status, [("Content-Type", "text/plain")] if headers is None else headers)
        return result

    return application

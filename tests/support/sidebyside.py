"""Several FastCGI requests on one connection: how a test writes and reads them."""

from __future__ import annotations

import socket
import threading
from typing import Any

from tests.support import wire
from tests.support.serving import PATIENCE, Recorder, Seen


def named(path: str, length: int = 0, *more: tuple[bytes, bytes]) -> wire.Pairs:
    """Variables of a POST request for ``path``."""
    uri = path.encode()
    return [
        (name, uri if name in (b"PATH_INFO", b"REQUEST_URI") else value) for name, value in wire.post(length, *more)
    ]


def begun(path: str, id: int, length: int = 4) -> bytes:
    """A request without its STDIN, on a connection that is kept."""
    return wire.begin(id, keep=True) + wire.stream(wire.PARAMS, id, wire.pairs(named(path, length)))


def whole(path: str, id: int, body: bytes = b"", keep: bool = True) -> bytes:
    """A whole request, on a connection that is kept."""
    return wire.request(named(path, len(body)), body, id=id, keep=keep)


class Answers:
    """Reads the records of a connection, and gives the answers when they are complete."""

    def __init__(self, sock: socket.socket) -> None:
        self._reader = wire.RecordReader(sock)
        self.records: dict[int, list[wire.Record]] = {}
        self.ended: dict[int, wire.Answer] = {}
        #: The ids of the records, in the order they came.
        self.order: list[int] = []

    def read(self) -> wire.Record:
        """Read one record."""
        record = self._reader.record()
        self.order.append(record.id)
        self.records.setdefault(record.id, []).append(record)
        if record.type == wire.END:
            self.ended[record.id] = wire.answer(self.records.pop(record.id), record.id)
        return record

    def answer(self, id: int) -> wire.Answer:
        """Read until the answer with this id is complete, and return it."""
        while id not in self.ended:
            self.read()
        return self.ended.pop(id)


class Waiting(Recorder):
    """A ``Recorder`` of which requests for paths below /wait stay in the application until ``opened`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()
        self.entered: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Seen:
        answer = super().__call__(environ, start_response)
        self.entered.append(environ["PATH_INFO"])
        if environ["PATH_INFO"].startswith("/wait"):
            assert self.opened.wait(PATIENCE)
        return answer

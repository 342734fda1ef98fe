"""The answer to one request out of the bytes of a connection, for all that a backend or a web server speaks."""

from __future__ import annotations

from typing import NamedTuple

from tests.support import wire


class BadAnswer(Exception):
    """No whole answer came, and none will; the message is a short reason."""


class Reply(NamedTuple):
    """An answer, and whether the connection can take the next request."""

    status: str
    body: bytes
    reusable: bool


def read_reply(protocol: str, data: bytes, over: bool) -> Reply | None:
    """Return the answer, or None until more is here; ``over`` says that the peer has closed the connection."""
    reply = {"fastcgi": _fastcgi, "http": _http}.get(protocol, _delimited)(data, over)
    if reply is None and over:
        raise BadAnswer("cut short" if data else "closed without an answer")
    return reply


def _fastcgi(data: bytes, over: bool) -> Reply | None:
    at = 0
    while len(data) >= at + 8:
        stop = at + 8 + int.from_bytes(data[at + 4 : at + 6], "big") + data[at + 6]
        if len(data) >= stop and data[at + 1] == wire.END:
            answer = wire.answer(wire.parse_records(data[:stop]), id=1)
            if answer.protocol_status:
                raise BadAnswer(f"protocol status {answer.protocol_status}")
            return Reply(_status(answer.head), answer.body, len(data) == stop)
        at = stop
    return None


def _http(data: bytes, over: bool) -> Reply | None:
    head, end, body = data.partition(b"\r\n\r\n")
    length = wire.header(head, "Content-Length") if end else ""
    if not end or (length and len(body) < int(length)) or (not length and not over):
        return None
    status = head.split(b" ", 2)[1].decode("latin-1")
    return Reply(status, body, bool(length) and wire.header(head, "Connection") != "close")


def _delimited(data: bytes, over: bool) -> Reply | None:
    """SCGI and uwsgi: the answer ends with the connection, and its Content-Length says whether it is whole."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not (over and end):
        return None
    length = wire.header(head, "Content-Length")
    if length and len(body) != int(length):
        return None
    return Reply(_status(head), body, False)


def _status(head: bytes) -> str:
    if head.startswith(b"HTTP/"):  # uwsgi answers like a web server
        return head.split(b" ", 2)[1].decode("latin-1")
    return wire.header(head, "Status")[:3] or "200"

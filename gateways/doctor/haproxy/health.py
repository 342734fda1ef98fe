"""Health checks: the request by which HAProxy finds out whether a server lives, sent as it sends it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateways.addresses import connect, parse_address
from gateways.client import Body, Client, variables_for
from gateways.doctor.findings import ERROR, Finding, declare
from gateways.doctor.haproxy.places import Place, Server
from gateways.doctor.haproxy.syntax import Line
from gateways.doctor.targets import LONGEST, Options
from gateways.errors import GatewayError, ProtocolError

HEALTH = declare(
    "health-check", ERROR, "The health check is not answered as it should be: HAProxy takes the server for dead, 503."
)

_RANGE = re.compile(r"([0-9]{3})(?:-([0-9]{3}))?")
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")
#: Bytes of an answer that hold its status.
_BEGINNING = 64
#: What makes the check another one than the requests, so that it cannot be told from here.
_OTHERWISE = ("port", "addr", "agent-check", "check-send-proxy", "check-ssl", "check-proto", "ssl", "send-proxy")


@dataclass
class Question:
    """The request of a health check. ``where`` is the line to correct."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    expected: list[tuple[int, int]]
    negated: bool
    where: str

    def is_satisfied(self, status: int) -> bool:
        """Say whether an answer with that status lets the server live."""
        return any(low <= status <= high for low, high in self.expected) != self.negated


def question(place: Place) -> Question | None:
    """Return what is asked of the servers of a backend; None if they are not asked, or in a way that is not known."""
    check = place.section.setting("option", "httpchk")
    if check is None:
        return None
    words = [*check.words[2:]]
    method = words.pop(0) if len(words) > 1 else "OPTIONS"
    target, version = words[0] if words else "/", words[1] if len(words) > 1 else "HTTP/1.0"
    made = Question(method, target, version, [], [(200, 399)], False, check.where)
    for line in place.section.inherited("http-check"):
        if line.word(1) == "send":
            _read_send(line, made)
        elif line.word(1) == "expect":
            if not _read_expect(line, made):
                return None
        elif line.word(1) not in ("send-state", "disable-on-404", "comment"):
            return None
    return made if made.target.startswith("/") else None


def examine(place: Place, server: Server, address: str, options: Options) -> Iterator[Finding]:
    """Yield that the server at ``address`` answers its health check wrongly."""
    asked = question(place)
    if asked is None or not server.has("check") or server.has_any(*_OTHERWISE) or server.protocol == "":
        return
    try:
        status = _ask(asked, server.protocol, address, options)
    except (GatewayError, ValueError):
        return  # that is what the examination of the address is about
    if not asked.is_satisfied(status):
        host = dict(asked.headers).get("Host")
        sent = f"{asked.method} {asked.target}" + (f" for {host}" if host else " without a Host")
        what = (
            f"the health check ({sent}) is answered {status} by {address}: HAProxy takes {server.line.word(1)} for dead"
        )
        remedy = "gateways serve --ping /ping, and http-check send meth GET uri /ping ver HTTP/1.1 hdr Host example.org"
        yield HEALTH.found(asked.where, what, remedy)


def _ask(asked: Question, protocol: str, address: str, options: Options) -> int:
    if protocol == "http":
        return _ask_http(asked, address, options)
    pairs = dict(variables_for(asked.method, asked.target, asked.headers, None))
    client = Client(protocol, address, timeout=options.timeout, keep=False, limit=LONGEST * options.timeout)
    with client.send(list(pairs.items()), Body(b"")) as response:
        return response.status


def _ask_http(asked: Question, address: str, options: Options) -> int:
    """Send the request as it is, with or without a Host."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in asked.headers)
    data = b""
    with connect(parse_address(address), options.timeout) as sock:
        try:
            sock.sendall(f"{asked.method} {asked.target} {asked.version}\r\n{headers}\r\n".encode("latin-1"))
            while not (match := _STATUS.match(data)) and len(data) < _BEGINNING:
                block = sock.recv(_BEGINNING)
                if not block:
                    break
                data += block
        except OSError as error:
            raise ProtocolError(f"{address}: {error}") from None
    if match is None:
        raise ProtocolError(f"{address} does not answer in HTTP")
    return int(match[1])


def _read_send(line: Line, made: Question) -> None:
    words = list(line.words[2:])
    while words:
        word = words.pop(0)
        if word == "meth" and words:
            made.method = words.pop(0)
        elif word == "ver" and words:
            made.version = words.pop(0)
        elif word in ("uri", "uri-lf") and words:
            made.target = words.pop(0)
        elif word == "hdr" and len(words) > 1:
            made.headers.append((words.pop(0), words.pop(0)))


def _read_expect(line: Line, made: Question) -> bool:
    """Read which status is expected; False if it is something else that is."""
    words = [word for word in line.words[2:] if word != "!"]
    if len(words) != 2 or words[0] != "status":
        return False
    ranges = [_RANGE.fullmatch(text) for text in words[1].split(",")]
    made.expected = [(int(one[1]), int(one[2] or one[1])) for one in ranges if one is not None]
    made.negated = "!" in line.words
    made.where = line.where
    return len(made.expected) == len(ranges)

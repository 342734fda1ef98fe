"""Reads tests/corpus/: requests that real web servers sent, with the HTTP request that made them do so.

Written against the specifications, not with the code under test, so that the two can disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

CORPUS = Path(__file__).parents[1] / "corpus"
RESPONDER = 1


class Request(NamedTuple):
    """One request as a backend got it. ``ended`` is false where the web server never said that the body is over."""

    variables: list[tuple[bytes, bytes]]
    body: bytes
    ended: bool = True
    role: int = RESPONDER


class Capture(NamedTuple):
    """One file of the corpus: ``data`` is what came in on the connection (CGI: into the process)."""

    server: str  # "nginx-fastcgi"
    configuration: str  # "root"
    case: str  # "app_path"
    http: bytes
    data: bytes

    @property
    def name(self) -> str:
        return f"{self.server}/{self.configuration}-{self.case}"

    @property
    def transport(self) -> str:
        """``fastcgi``, ``scgi``, ``uwsgi`` or ``cgi``."""
        kind = self.server.rpartition("-")[2]
        if kind in {"cgi", "cgid"}:
            return "cgi"
        return next((name for name in ("scgi", "uwsgi") if kind.endswith(name)), "fastcgi")

    def requests(self) -> list[Request]:
        """Decode ``data``; several requests where HAProxy multiplexes, none where it gave up at once."""
        if self.transport == "cgi":
            return [_cgi(self.data)]
        if self.transport == "scgi":
            return [_scgi(self.data)]
        if self.transport == "uwsgi":
            return [_uwsgi(self.data)]
        return _fastcgi(self.data)


def captures(server: str = "*", configuration: str = "*") -> Iterator[Capture]:
    """Yield the captures of the servers and configurations that match, in a fixed order."""
    for path in sorted(CORPUS.glob(f"{server}/{configuration}.captures")):
        data = path.read_bytes().replace(b"\n", b"", 0)
        position = 0
        while position < len(data):
            case, position = _netstring(data, position)
            http, position = _netstring(data, position)
            captured, position = _netstring(data, position)
            position += 1  # a line feed between captures, for people
            yield Capture(path.parent.name, path.stem, case.decode(), http, captured)


def table(name: str) -> list[list[str]]:
    """Read a table of the corpus: tab-separated, ``#`` begins a comment, and Python escapes in the fields."""
    lines = (CORPUS / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


class Asked(NamedTuple):
    """What the client asked for: the decoded path as latin-1 text ("" for ``*`` and CONNECT), and the rest."""

    method: str
    target: str
    path: str
    query: str
    host: str | None
    body: bytes


def asked(http: bytes) -> Asked:
    """Parse the HTTP request of a capture."""
    head, _, body = http.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    method, _, target = line.partition(" ")
    target = target.rpartition(" HTTP/")[0] or target
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    host = headers.get("host")
    path, _, query = target.partition("?")
    absolute = re.fullmatch(r"[a-z]+://([^/]*)(.*)", path)
    if absolute:  # RFC 9112, section 3.2.2: the target's authority replaces Host
        host, path = absolute.groups()
    if not path.startswith("/"):
        path = ""
    if "chunked" in headers.get("transfer-encoding", ""):
        body = _dechunk(body)
    return Asked(method, target, unquote_to_bytes(path.encode("latin-1")).decode("latin-1"), query, host, body)


def _netstring(data: bytes, start: int) -> tuple[bytes, int]:
    colon = data.index(b":", start)
    end = colon + 1 + int(data[start:colon])
    assert data[end : end + 1] == b","
    return data[colon + 1 : end], end + 1


def _cgi(data: bytes) -> Request:
    """The environment, standard input, and things no environ is made of: argv, the directory, open descriptors."""
    environment, position = _netstring(data, 0)
    body, _ = _netstring(data, position)
    variables = [entry.partition(b"=") for entry in environment.split(b"\0") if entry]
    return Request([(name, value) for name, _, value in variables], body)


def _scgi(data: bytes) -> Request:
    block, position = _netstring(data, 0)
    parts = block.split(b"\0")
    return Request(list(zip(parts[0:-1:2], parts[1::2])), data[position:])


def _uwsgi(data: bytes) -> Request:
    modifier, size = data[0], int.from_bytes(data[1:3], "little")
    assert modifier in (0, 30)
    texts = []
    position = 4
    while position < 4 + size:
        start = position + 2
        position = start + int.from_bytes(data[position:start], "little")
        texts.append(data[start:position])
    variables = list(zip(texts[0::2], texts[1::2]))
    if modifier == 30:  # PATH_INFO begins with SCRIPT_NAME
        mount = dict(variables)[b"SCRIPT_NAME"]
        variables = [(n, re.sub(b"^" + mount + b"(?=/|$)", b"", v) if n == b"PATH_INFO" else v) for n, v in variables]
    return Request(variables, data[position:])


class _Streams:
    def __init__(self, role: int) -> None:
        self.role = role
        self.params = b""
        self.stdin = b""
        self.ended = False


def _fastcgi(data: bytes) -> list[Request]:
    found: list[_Streams] = []
    active: dict[int, _Streams] = {}
    position = 0
    while position < len(data):
        _, kind, high, low, length_high, length_low, padding, _ = data[position : position + 8]
        start = position + 8
        content = data[start : start + length_high * 256 + length_low]
        position = start + len(content) + padding
        number = high * 256 + low
        if kind == 1:
            active[number] = _Streams(content[0] * 256 + content[1])
            found.append(active[number])
        elif kind == 4 and number in active:
            active[number].params += content
        elif kind == 5 and number in active:
            active[number].stdin += content
            active[number].ended = not content
    return [Request(list(_pairs(streams.params)), streams.stdin, streams.ended, streams.role) for streams in found]


def _pairs(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position < len(block):
        lengths = []
        for _ in range(2):
            size = 4 if block[position] & 0x80 else 1
            lengths.append(int.from_bytes(block[position : position + size], "big") & 0x7FFFFFFF)
            position += size
        name, value = lengths
        yield block[position : position + name], block[position + name : position + name + value]
        position += name + value


def _dechunk(data: bytes) -> bytes:
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if not length:
            return body
        body += data[:length]
        data = data[length + 2 :]

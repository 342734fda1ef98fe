"""Reads tests/corpus/: requests that real web servers sent, with the HTTP request that made them do so.

Written against the specifications, not with the code under test, so that the two can disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

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
        """``fastcgi``, ``scgi``, ``uwsgi``, ``ajp`` or ``cgi``."""
        kind = self.server.rpartition("-")[2]
        if kind in {"cgi", "cgid"}:
            return "cgi"
        if kind in {"proxyajp", "ajp13"}:
            return "ajp"
        return next((name for name in ("scgi", "uwsgi") if kind.endswith(name)), "fastcgi")

    def requests(self) -> list[Request]:
        """Decode ``data``; several requests where HAProxy multiplexes, none where it gave up at once."""
        if self.transport == "cgi":
            return [_cgi(self.data)]
        if self.transport == "scgi":
            return [_scgi(self.data)]
        if self.transport == "uwsgi":
            return [_uwsgi(self.data)]
        if self.transport == "ajp":
            return [_ajp(self.data)]
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


_AJP_METHODS = {1: b"OPTIONS", 2: b"GET", 3: b"HEAD", 4: b"POST", 6: b"DELETE", 7: b"TRACE", 8: b"PROPFIND"}
_AJP_HEADERS = (
    *("ACCEPT", "ACCEPT_CHARSET", "ACCEPT_ENCODING", "ACCEPT_LANGUAGE", "AUTHORIZATION", "CONNECTION"),
    *("CONTENT_TYPE", "CONTENT_LENGTH", "COOKIE", "COOKIE2", "HOST", "PRAGMA", "REFERER", "USER_AGENT"),
)
_AJP_ATTRIBUTES = {3: b"REMOTE_USER", 4: b"AUTH_TYPE", 5: b"QUERY_STRING", 8: b"SSL_CIPHER", 9: b"SSL_SESSION_ID"}
_AJP_NAMED = {
    b"AJP_REMOTE_PORT": b"REMOTE_PORT",
    b"AJP_LOCAL_ADDR": b"SERVER_ADDR",
    b"AJP_SSL_PROTOCOL": b"SSL_PROTOCOL",
}


class _AjpFields:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def number(self, size: int = 2) -> int:
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "big")

    def text(self) -> bytes | None:
        length = self.number()
        if length == 0xFFFF:
            return None
        self.at += length + 1
        return self.data[self.at - length - 1 : self.at - 1]


def _ajp(data: bytes) -> Request:
    """The CGI variables that an AJP13 request stands for, and the body behind it."""
    packets = []
    while data:
        length = int.from_bytes(data[2:4], "big")
        packets.append(data[4 : 4 + length])
        data = data[4 + length :]
    if packets[0] == b"\x0a":  # CPING
        del packets[0]
    values, by_apache = _ajp_variables(_AjpFields(packets[0]))
    body = b"".join([item[2:] if by_apache else item for item in packets[1:]])
    return Request(list(values.items()), body)


def _ajp_variables(fields: _AjpFields) -> tuple[dict[bytes, bytes], bool]:
    fields.number(1)
    method = _AJP_METHODS.get(fields.number(1))
    names = (b"SERVER_PROTOCOL", b"uri", b"REMOTE_ADDR", b"REMOTE_HOST", b"SERVER_NAME")
    values = {name: fields.text() for name in names}
    values[b"SERVER_PORT"] = b"%d" % fields.number()
    values[b"REQUEST_SCHEME"] = b"https" if fields.number(1) else b"http"
    values[b"HTTPS"] = b"on" if values[b"REQUEST_SCHEME"] == b"https" else None
    for _ in range(fields.number()):
        code = fields.number()
        coded = code >> 8 == 0xA0
        if coded:
            name = _AJP_HEADERS[(code & 255) - 1]
        else:
            fields.at -= 2
            name = (fields.text() or b"").decode("latin-1").upper()
        value = fields.text() or b""
        if name == "TRANSFER-ENCODING" or not (coded or re.fullmatch("[A-Z0-9-]+", name)):
            continue  # the one has been undone, and "X_A" would be taken for "X-A"
        name = name.replace("-", "_")
        values[(name if name.startswith("CONTENT_") else f"HTTP_{name}").encode("latin-1")] = value
    by_apache = False
    while (code := fields.number(1)) != 255:
        if code == 10:
            by_apache = True
            given = fields.text() or b""
            values[_AJP_NAMED.get(given, b"AJP_" + given)] = fields.text()
        elif code == 11:
            values[b"SSL_CIPHER_USEKEYSIZE"] = b"%d" % fields.number()
        elif code == 13:
            method = fields.text()
        elif code == 12:
            fields.text()
        else:
            values[_AJP_ATTRIBUTES[code]] = fields.text()
    values[b"REQUEST_METHOD"] = method
    uri = values.pop(b"uri") or b""
    values[b"PATH_INFO"] = unquote_to_bytes(uri) if by_apache else uri
    values[b"REQUEST_URI"] = uri if by_apache else quote(uri, safe="/!$&'()*+,;=:@~").encode()
    if values.get(b"QUERY_STRING") is not None:
        values[b"REQUEST_URI"] += b"?" + (values[b"QUERY_STRING"] or b"")
    values.setdefault(b"QUERY_STRING", b"")
    return {name: value for name, value in values.items() if value is not None}, by_apache


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

"""Take apart what a backend sent: leniently, since what breaks the protocol has to be shown and not to end the run."""

from __future__ import annotations

import re
from functools import partial

from gateways.adapters.ajp import packets as ajp
from gateways.adapters.ajp.client import read_head
from gateways.adapters.cutting import Cutter
from gateways.adapters.fastcgi import records as fcgi
from gateways.conform.seen import Answer, Seen, show
from gateways.errors import ProtocolError

_PONG = b"\x64\0\0\1"


def read_fastcgi(data: bytes, ended: bool) -> Seen:
    """Read the records of an application; an answer for each request, in the order in which they end."""
    seen = Seen()
    open_answers: dict[int, Answer] = {}
    cutter = Cutter(fcgi.measure)
    for record in cutter.feed(data):
        _, kind, request_id, length, _ = fcgi.HEADER.unpack_from(record)
        content = record[fcgi.HEADER_LENGTH : fcgi.HEADER_LENGTH + length]
        if kind in (fcgi.GET_VALUES_RESULT, fcgi.UNKNOWN_TYPE):
            seen.notes.append(_management(kind, request_id, content))
            continue
        answer = open_answers.setdefault(request_id, Answer(request_id))
        if kind == fcgi.STDOUT:
            answer.text += content
        elif kind == fcgi.END_REQUEST and len(content) == fcgi.END_BODY.size:
            answer.app_status, answer.protocol_status = fcgi.END_BODY.unpack(content)
            answer.whole = True
            seen.answers.append(open_answers.pop(request_id))
        elif kind not in (fcgi.STDERR, fcgi.ABORT_REQUEST):
            seen.trouble = f"record of type {kind} with {length} bytes for request {request_id}"
            break
    seen.answers += [answer for answer in open_answers.values() if answer.text]
    seen.trouble = seen.trouble or _rest(cutter, ended, "FastCGI", "record")
    return seen


def _management(kind: int, request_id: int, content: bytes) -> str:
    if kind == fcgi.UNKNOWN_TYPE and request_id == 0 and len(content) == fcgi.UNKNOWN_BODY.size:
        return f"UNKNOWN_TYPE {content[0]}"
    if kind == fcgi.GET_VALUES_RESULT and request_id == 0:
        try:
            pairs = [f"{name.decode('latin-1')}={show(value)}" for name, value in fcgi.decode_pairs(content)]
        except ProtocolError:
            return f"GET_VALUES_RESULT {show(content)}"
        return " ".join(["GET_VALUES_RESULT", *(pairs or ["without a pair"])])
    return f"record of type {kind} with id {request_id}"


def read_stream(data: bytes, ended: bool) -> Seen:
    """Read the one response of SCGI or uwsgi, which ends where the connection does, and pongs before it."""
    seen = Seen()
    while data.startswith(_PONG):
        seen.notes.append("pong")
        data = data[len(_PONG) :]
    if data:
        answer = Answer(text=data, whole=ended)
        seen.answers.append(answer)
        if ended and not answer.status:
            seen.trouble = f"no response: {show(data)}"
    return seen


def read_ajp(data: bytes, ended: bool) -> Seen:
    """Read the packets of an application."""
    seen = Seen()
    answer: Answer | None = None
    cutter = Cutter(partial(ajp.measure, ajp.FROM_APPLICATION))
    for packet in cutter.feed(data):
        payload = packet[ajp.HEADER_SIZE :]
        kind = payload[0] if payload else 0
        if not payload or len(packet) > ajp.PACKET_SIZE:
            seen.trouble = f"a packet of {len(payload)} bytes"
            break
        if kind == ajp.CPONG:
            seen.notes.append("CPONG")
        elif kind == ajp.GET_BODY_CHUNK:
            seen.notes.append("GET_BODY_CHUNK")
        elif kind == ajp.END_RESPONSE:
            ending = answer or Answer()
            ending.whole = True
            ending.reuse = payload[1:2] == b"\1"
            seen.answers.append(ending)
            answer = None
        elif kind in (ajp.SEND_HEADERS, ajp.SEND_BODY_CHUNK):
            answer = answer or Answer()
            answer.text += _head(payload) if kind == ajp.SEND_HEADERS else _piece(payload)
        else:
            seen.trouble = f"a packet of type {kind}"
            break
    if answer is not None:
        seen.answers.append(answer)
    seen.trouble = seen.trouble or _rest(cutter, ended, "AJP13", "packet")
    return seen


def _rest(cutter: Cutter, ended: bool, protocol: str, unit: str) -> str:
    """Say what is wrong with what could not be cut."""
    if cutter.foreign:
        return f"not {protocol}: {show(cutter.foreign)}"
    return f"a {unit} that breaks off" if ended and cutter.pending else ""


def _head(payload: bytes) -> bytes:
    """Write SEND_HEADERS as the head of a response in CGI form; what cannot be read ends it."""
    try:
        status, headers = read_head(payload)
    except ProtocolError:
        return b""
    lines = [b"Status: " + status.encode("latin-1"), *(name + b": " + value for name, value in headers)]
    return b"\r\n".join([*lines, b"", b""])


def _piece(payload: bytes) -> bytes:
    length = int.from_bytes(payload[1:3], "big")
    return payload[3 : 3 + length]


_INTERIM = re.compile(rb"HTTP/1\.[01] 1[0-9]{2}[ \r]")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,15})[^\r\n]*\r\n")


def read_http(data: bytes, ended: bool) -> Seen:
    """Read the responses of a connection, and the interim ones, such as ``100``, as notes. None of them is to HEAD."""
    seen = Seen()
    while data:
        head, blank, rest = data.partition(b"\r\n\r\n")
        if not b"HTTP/1.".startswith(head[:7]):
            seen.trouble = f"not HTTP: {show(data)}"
            break
        if not blank:
            if ended:
                seen.trouble = "a head that breaks off"
            break
        if _INTERIM.match(head):
            seen.notes.append(head[9:12].decode("latin-1"))
            data = rest
            continue
        answer, data = _http_answer(head, rest, ended)
        seen.answers.append(answer)
        if not answer.whole:
            break
    return seen


def _http_answer(head: bytes, rest: bytes, ended: bool) -> tuple[Answer, bytes]:
    """Return one answer, its body without its framing, and what is behind it."""
    fields = head.lower()
    length = re.search(rb"\r\ncontent-length: *([0-9]{1,18})", fields)
    if re.search(rb"\r\ntransfer-encoding: *chunked", fields):
        body, rest, whole = _dechunk(rest)
    elif length:
        size = int(length[1])
        body, rest, whole = rest[:size], rest[size:], len(rest) >= size
    else:
        body, rest, whole = rest, b"", ended
    return Answer(text=head + b"\r\n\r\n" + body, whole=whole), rest


def _dechunk(data: bytes) -> tuple[bytes, bytes, bool]:
    body = b""
    while match := _CHUNK.match(data):
        size = int(match[1], 16)
        start = match.end()
        if not size:
            _, end, rest = data[start - 2 :].partition(b"\r\n\r\n")
            return body, rest, bool(end)
        body += data[start : start + size]
        data = data[start + size + 2 :]
    return body, b"", False

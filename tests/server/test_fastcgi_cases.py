"""Hostile and unusual FastCGI over a socket: what goes in, what the application sees, what comes out.

After each case ``serving`` makes a good request on a new connection, which has to be answered.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from struct import pack
from typing import Any

import pytest

from gateways.errors import ClientDisconnected
from gateways.server.inherited import why_not_listening
from tests.support import wire
from tests.support.sent import sent, untested
from tests.support.serving import Recorder, Served, resident_bytes, serving, until

MIB = 1 << 20


@pytest.fixture
def app() -> Recorder:
    return Recorder()


@pytest.fixture
def served(app: Recorder) -> Iterator[Served]:
    with serving(app) as running:
        yield running


def ask(served: Served, data: bytes, id: int = 1) -> wire.Answer:
    """Send ``data`` on a new connection, and read one answer up to where the server closes."""
    return wire.answer(wire.parse_records(served.ask(data)), id)


def check_closed(served: Served, data: bytes, reason: str) -> None:
    """``data`` is not answered: the connection ends, the reason is in the log, and no application runs."""
    application = served.server.application
    assert isinstance(application, Recorder)
    with served.connect() as sock:
        wire.send_all(sock, data)
        try:
            assert wire.receive_all(sock) == b""
        except ConnectionResetError:  # closed with bytes of ours unread
            pass
    until(lambda: reason in served.log.text("warning"), served.log.text())
    assert application.seen == []


def start(params: wire.Pairs, *, id: int = 1, keep: bool = False) -> bytes:
    """A request without its STDIN."""
    return wire.begin(id, keep=keep) + wire.stream(wire.PARAMS, id, wire.pairs(params))


# Whole requests


def test_F01_a_request_is_answered_and_the_connection_closed(served: Served, app: Recorder) -> None:
    answer = ask(served, wire.request(wire.post(5), b"hello"))
    assert (answer.status, answer.body, answer.errors) == ("200 OK", b"got hello", b"")
    assert (answer.app_status, answer.protocol_status) == (0, wire.COMPLETE)
    assert app.seen[0].closed == 1


def test_F02_a_kept_connection_takes_the_next_request(served: Served) -> None:
    with served.connect() as sock:
        reader = wire.RecordReader(sock)
        for body in (b"one", b"two", b"three"):
            sock.sendall(wire.request(wire.post(len(body)), body, keep=True))
            assert reader.answer().body == b"got " + body


def test_F03_one_byte_per_send(served: Served) -> None:
    with served.connect() as sock:
        for byte in wire.request(wire.post(5), b"hello"):
            sock.send(bytes([byte]))
        assert wire.answer(wire.parse_records(wire.receive_all(sock))).body == b"got hello"


def test_F04_an_unknown_management_record(served: Served) -> None:
    first, *rest = wire.parse_records(served.ask(wire.record(99, 0, b"what?") + wire.request()))
    assert first == wire.Record(wire.UNKNOWN_TYPE, 0, bytes([99, 0, 0, 0, 0, 0, 0, 0]))
    assert wire.answer(rest).status == "200 OK"


def test_F05_get_values(app: Recorder) -> None:
    asked = [(b"FCGI_MAX_CONNS", b""), (b"FCGI_MAX_REQS", b""), (b"FCGI_MPXS_CONNS", b""), (b"UNKNOWN", b"")]
    with serving(app, threads=3) as served, served.connect() as sock:
        sock.sendall(wire.record(wire.GET_VALUES, 0, wire.pairs(asked)))
        answer = wire.RecordReader(sock).record()
    assert (answer.type, answer.id) == (wire.GET_VALUES_RESULT, 0)
    known = [(b"FCGI_MAX_CONNS", b"3"), (b"FCGI_MAX_REQS", b"3"), (b"FCGI_MPXS_CONNS", b"0")]
    assert answer.content == wire.pairs(known)


# Records that may not be


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        *sent("F06", then=("in GET_VALUES",)),
        *sent("F07", then=("not FastCGI version 1",)),
        *sent("F10", then=("with request id 0",)),
        *sent("F11", then=("of 3 bytes",)),
        *sent("F12", then=("of 16 bytes",)),
        *sent("F14", then=("before the end of PARAMS",)),
        *sent("F32", then=("which is in use",)),
        *sent("F36 F37", then=("not for an application",)),
        *sent("F48", then=("with request id 3",)),
        pytest.param(wire.begin() + wire.record(12, 1), "unknown FastCGI record type 12", id="F46-type-12"),
    ],
)
def test_forbidden_records_close_the_connection(served: Served, data: bytes, reason: str) -> None:
    check_closed(served, data, reason)


def test_F46_type_0_is_an_unknown_management_record(served: Served) -> None:
    first, *rest = wire.parse_records(served.ask(wire.record(0, 0) + wire.request()))
    assert first == wire.Record(wire.UNKNOWN_TYPE, 0, bytes(8))
    assert wire.answer(rest).status == "200 OK"


def test_F42_http_on_a_fastcgi_port_is_named_in_the_log(served: Served) -> None:
    check_closed(
        served, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Filler: y\r\n" * 4200, "this is HTTP, on an address for FastCGI"
    )


# Roles


@pytest.mark.parametrize("tcp", [False, True])
def test_F08_an_unknown_role_is_refused_whatever_follows(tcp: bool, app: Recorder) -> None:
    """The refusal arrives although a megabyte comes that nobody reads."""
    with serving(app, tcp=tcp) as served, served.connect() as sock:
        sock.sendall(wire.begin(1, role=9) + wire.stream(wire.STDIN, 1, bytes(MIB)))
        assert wire.receive_all(sock) == wire.record(wire.END, 1, pack(">IB3x", 0, wire.UNKNOWN_ROLE))
        assert app.seen == []


def test_F08_an_unknown_role_on_a_kept_connection(served: Served) -> None:
    with served.connect() as sock:
        reader = wire.RecordReader(sock)
        sock.sendall(wire.begin(1, role=9, keep=True))
        assert reader.record() == wire.Record(wire.END, 1, pack(">IB3x", 0, wire.UNKNOWN_ROLE))
        sock.sendall(wire.stream(wire.PARAMS, 1, wire.pairs(wire.GET)) + wire.record(wire.STDIN, 1))
        sock.sendall(wire.request(id=2, keep=True))
        assert reader.answer(2).status == "200 OK"


def test_F09_a_filter_is_told_its_role_and_has_data(served: Served, app: Recorder) -> None:
    """More in test_filtering.py."""
    assert ask(served, wire.filtering(wire.post(2), b"hi", b"data")).body == b"got hi"
    assert app.seen[0].environ["FCGI_ROLE"] == "FILTER"
    assert "fcgi.data" in app.seen[0].environ


def test_F58_an_authorizer(app: Recorder) -> None:
    """Section 6.3: no path, no body, and ``Variable-*`` headers in the answer. Apache sends no STDIN at all."""

    def authorize(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read()
        start_response("200 OK", [("Variable-AUTH_METHOD", environ["FCGI_ROLE"])])
        return []

    params = [(b"REQUEST_METHOD", b"GET"), (b"REMOTE_ADDR", b"192.0.2.1")]
    with serving(authorize) as served, served.connect() as sock:
        sock.sendall(wire.begin(1, wire.AUTHORIZER) + wire.stream(wire.PARAMS, 1, wire.pairs(params)))
        answer = wire.RecordReader(sock).answer()
    assert answer.status == "200 OK"
    assert wire.header(answer.head, "Variable-AUTH_METHOD") == "AUTHORIZER"


# Ids


def test_F13_F31_records_of_inactive_ids_are_ignored(served: Served, app: Recorder) -> None:
    evil = wire.pairs([(b"EVIL", b"1")])
    stray = wire.record(wire.PARAMS, 7, evil) + wire.record(wire.ABORT, 7) + wire.record(wire.STDIN, 7, b"evil")
    data = stray + wire.begin() + stray + wire.stream(wire.PARAMS, 1, wire.pairs(wire.post(2))) + stray
    answer = ask(served, data + wire.stream(wire.STDIN, 1, b"hi"))
    assert answer.body == b"got hi"
    assert "EVIL" not in app.seen[0].environ


def test_F33_an_interleaved_request_is_refused_and_the_first_goes_on(served: Served, app: Recorder) -> None:
    with served.connect() as sock:
        reader = wire.RecordReader(sock)
        sock.sendall(start(wire.post(4), keep=True) + wire.record(wire.STDIN, 1, b"bo"))
        until(lambda: app.seen)
        sock.sendall(wire.request(wire.get((b"EVIL", b"1")), id=2, keep=True))
        assert reader.record() == wire.Record(wire.END, 2, pack(">IB3x", 0, wire.CANT_MPX_CONN))
        sock.sendall(wire.stream(wire.STDIN, 1, b"dy"))
        assert reader.answer(1).body == b"got body"
        sock.sendall(wire.request(id=2, keep=True))
        assert reader.answer(2).body == b"got "
    assert all("EVIL" not in seen.environ for seen in app.seen)


def test_F34_the_largest_id(served: Served) -> None:
    assert ask(served, wire.request(id=65535), id=65535).status == "200 OK"


def test_F35_two_requests_in_one_segment(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(
            wire.request(wire.post(3), b"one", id=1, keep=True) + wire.request(wire.post(3), b"two", id=2, keep=True)
        )
        reader = wire.RecordReader(sock)
        assert reader.answer(1).body == b"got one"
        assert reader.answer(2).body == b"got two"


def test_F50_a_begin_for_every_id(served: Served) -> None:
    refusals = 0
    before = resident_bytes()
    with served.connect() as sock:
        reader = wire.RecordReader(sock)
        sock.sendall(wire.begin(1, keep=True))
        for first in range(2, 65536, 1000):
            numbers = range(first, min(first + 1000, 65536))
            sock.sendall(b"".join([wire.begin(number, keep=True) for number in numbers]))
            for number in numbers:
                assert reader.record() == wire.Record(wire.END, number, pack(">IB3x", 0, wire.CANT_MPX_CONN))
                refusals += 1
        sock.sendall(wire.stream(wire.PARAMS, 1, wire.pairs(wire.GET)) + wire.record(wire.STDIN, 1))
        assert reader.answer(1).status == "200 OK"
    assert refusals == 65534
    assert resident_bytes() - before < 8 * MIB


# Streams


def test_F15_padding_of_255_everywhere(served: Served) -> None:
    assert ask(served, wire.request(wire.post(5), b"hello", cut=2, padding=255)).body == b"got hello"


def test_F16_a_value_of_65535_bytes(served: Served, app: Recorder) -> None:
    ask(served, wire.request(wire.get((b"HTTP_X", b"v" * 65535)), padding=255))
    assert app.seen[0].environ["HTTP_X"] == "v" * 65535


def test_F17_params_cut_every_7_bytes(served: Served, app: Recorder) -> None:
    """Other servers hand garbage to the application here."""
    params = wire.get((b"HTTP_LONG", bytes(range(1, 256)) * 2))
    ask(served, wire.request(params, cut=7))
    ask(served, wire.request(params))
    cut, whole = ({name: text for name, text in seen.environ.items() if type(text) is str} for seen in app.seen)
    assert cut == whole
    assert cut["HTTP_LONG"] == (bytes(range(1, 256)) * 2).decode("latin-1")


def test_F18_long_lengths_for_short_strings(served: Served) -> None:
    block = wire.stream(wire.PARAMS, 1, wire.pairs(wire.post(2), long=True))
    assert ask(served, wire.begin() + block + wire.stream(wire.STDIN, 1, b"hi")).body == b"got hi"


def test_F38_params_after_their_end_are_not_merged(served: Served, app: Recorder) -> None:
    late = wire.stream(wire.PARAMS, 1, wire.pairs([(b"REMOTE_USER", b"root")]))
    assert ask(served, start(wire.GET) + late + wire.record(wire.STDIN, 1)).status == "200 OK"
    assert "REMOTE_USER" not in app.seen[0].environ


def test_F39_stdin_after_its_end_is_ignored(served: Served, app: Recorder) -> None:
    with served.connect() as sock:
        reader = wire.RecordReader(sock)
        late = wire.stream(wire.STDIN, 1, wire.request(wire.get((b"EVIL", b"1"))))
        sock.sendall(wire.request(wire.post(2), b"hi", keep=True) + late)
        assert reader.answer().body == b"got hi"
        sock.sendall(wire.request(id=2, keep=True))
        assert reader.answer(2).body == b"got "
    assert all("EVIL" not in seen.environ for seen in app.seen)


def test_F44_the_reserved_byte_is_ignored(served: Served) -> None:
    records = wire.parse_records(wire.request(wire.post(2), b"hi"))
    data = [wire.record(record.type, record.id, record.content, reserved=0xFF) for record in records]
    assert ask(served, b"".join(data)).body == b"got hi"


def test_F47_get_values_in_the_middle_of_a_request(served: Served) -> None:
    asking = wire.record(wire.GET_VALUES, 0, wire.pairs([(b"FCGI_MPXS_CONNS", b"")]))
    with served.connect() as sock:
        reader = wire.RecordReader(sock)
        sock.sendall(wire.begin() + asking)
        assert reader.record().type == wire.GET_VALUES_RESULT
        sock.sendall(wire.stream(wire.PARAMS, 1, wire.pairs(wire.post(2))) + asking)
        assert reader.record().type == wire.GET_VALUES_RESULT
        sock.sendall(wire.stream(wire.STDIN, 1, b"hi"))
        assert reader.answer().body == b"got hi"


def test_F51_data_records_are_not_body(served: Served) -> None:
    data = start(wire.post(2)) + wire.stream(wire.DATA, 1, b"xx") + wire.stream(wire.STDIN, 1, b"hi")
    assert ask(served, data).body == b"got hi"


# Parameters


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\xff" * 8 + b"8 bytes.", id="F19-lengths-of-2-GiB"),
        pytest.param(wire.pairs(wire.GET)[:-1], id="F20-last-pair-cut"),
        pytest.param(wire.pairs(wire.get((b"HTTP_\0X", b"1"))), id="F22-nul-in-a-name"),
        pytest.param(wire.pairs(wire.get((b"HTTP_X", b"a\0b"))), id="F22-nul-in-a-value"),
        pytest.param(b"", id="F24-no-params"),
        pytest.param(wire.pairs(wire.post(b"5, 5")), id="F28-list"),
        pytest.param(wire.pairs(wire.post(b"5x")), id="F28-suffix"),
        pytest.param(wire.pairs(wire.post(b"+5")), id="F28-plus"),
        pytest.param(wire.pairs(wire.post(b"0x5")), id="F28-hexadecimal"),
    ],
)
def test_parameters_that_cannot_be_served_are_answered_with_400(served: Served, app: Recorder, block: bytes) -> None:
    before = resident_bytes()
    data = wire.begin() + wire.stream(wire.PARAMS, 1, block) + wire.stream(wire.STDIN, 1, b"hello")
    answer = ask(served, data)
    assert answer.status == "400 Bad Request"
    assert (answer.app_status, answer.protocol_status) == (0, wire.COMPLETE)
    assert resident_bytes() - before < 8 * MIB
    assert app.seen == []
    assert "answered 400" in served.log.text("warning")


def test_F21_a_pair_without_a_name_is_dropped(served: Served, app: Recorder) -> None:
    assert ask(served, wire.request(wire.get((b"", b"value"), (b"", b"")))).status == "200 OK"
    assert "" not in app.seen[0].environ


def test_F23_duplicates_follow_the_policy(served: Served, app: Recorder) -> None:
    """Single values: the last counts. Lists are joined, cookies with a semicolon."""
    doubles = [(b"REMOTE_USER", b"alice"), (b"REMOTE_USER", b"bob"), (b"HTTP_HOST", b"a"), (b"HTTP_HOST", b"b")]
    lists = [(b"HTTP_X_USER", b"alice"), (b"HTTP_X_USER", b"root"), (b"HTTP_COOKIE", b"a=1"), (b"HTTP_COOKIE", b"b=2")]
    ask(served, wire.request(wire.get(*doubles, *lists)))
    environ = app.seen[0].environ
    assert (environ["REMOTE_USER"], environ["HTTP_HOST"]) == ("bob", "b")
    assert (environ["HTTP_X_USER"], environ["HTTP_COOKIE"]) == ("alice, root", "a=1; b=2")


def test_F43_http_proxy_is_dropped(served: Served, app: Recorder) -> None:
    ask(served, wire.request(wire.get((b"HTTP_PROXY", b"http://evil.test/"))))
    assert "HTTP_PROXY" not in app.seen[0].environ


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([(b"HTTP_%d" % number, b"x") for number in range(10_000)], id="10000-params"),
        pytest.param([(b"HTTP_X", b"x" * (300 * 1024))], id="300-KiB"),
        pytest.param([(b"N" * 65536, b"")], id="F52-name-of-64-KiB"),
    ],
)
@pytest.mark.parametrize("tcp", [False, True])
def test_F45_too_much_is_answered_with_431(app: Recorder, more: list[tuple[bytes, bytes]], tcp: bool) -> None:
    """An answer, not a reset: a balancer would take the whole backend for dead."""
    with serving(app, tcp=tcp) as served:
        answer = ask(served, wire.request([*wire.post(MIB), *more], bytes(MIB)))
        assert answer.status == "431 Request Header Fields Too Large"
        assert app.seen == []


def test_F52_odd_names(served: Served, app: Recorder) -> None:
    odd = [(b"wsgi.input", b"x"), (b"wsgi.errors", b"x"), (b"wsgi.evil", b"x"), (b"A=B", b"1"), (b"\xff", b"\xfe")]
    ask(served, wire.request([*wire.post(2), *odd, (b"SERVER_NAME", b"")], b"hi"))
    seen = app.seen[0]
    assert seen.body == b"hi"
    assert hasattr(seen.environ["wsgi.errors"], "write")
    assert "wsgi.evil" not in seen.environ
    assert seen.environ["A=B"] == "1"
    assert seen.environ["\xff"] == "\xfe"
    assert seen.environ["SERVER_NAME"]


# Bodies


def test_F25_a_body_shorter_than_announced(served: Served, app: Recorder) -> None:
    answer = ask(served, start(wire.post(5)) + wire.stream(wire.STDIN, 1, b"abc"))
    assert answer.body == b"got abc"
    assert "shorter than its CONTENT_LENGTH of 5" in served.log.text("warning")


def test_F26_a_body_longer_than_announced(served: Served, app: Recorder) -> None:
    with served.connect() as sock:
        reader = wire.RecordReader(sock)
        sock.sendall(start(wire.post(3), keep=True) + wire.stream(wire.STDIN, 1, b"abcdefgh"))
        assert reader.answer().body == b"got abc"
        sock.sendall(wire.request(keep=True))
        assert reader.answer().body == b"got "


@pytest.mark.parametrize("length", [b"-1", b""])
def test_F27_a_body_of_unknown_length(served: Served, app: Recorder, length: bytes) -> None:
    answer = ask(served, start(wire.post(length)) + wire.stream(wire.STDIN, 1, b"x" * 100_000, cut=1000))
    assert answer.body == b"got " + b"x" * 100_000
    assert app.seen[0].environ["wsgi.input_terminated"] is True
    assert "CONTENT_LENGTH" not in app.seen[0].environ


def test_F56_a_body_that_does_not_come(app: Recorder) -> None:
    with serving(app, body_timeout=0.2) as served:
        answer = served.ask(start(wire.post(5)) + wire.record(wire.STDIN, 1, b"abc"))
        assert [record.type for record in wire.parse_records(answer)] == [wire.ABORT]
        until(lambda: app.seen[0].closed)
        assert isinstance(app.seen[0].error, ClientDisconnected)
        until(lambda: served.log.text().count("no byte of the body for 0.2 s") == 1)


@pytest.mark.parametrize("late", [True, False])
def test_F57_an_answer_before_the_body_has_come(late: bool) -> None:
    def early(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        assert "EVIL" not in environ
        start_response("200 OK", [])
        return [b"early"]

    hidden = wire.request(wire.get((b"EVIL", b"1")), id=1, keep=True)
    rest = wire.stream(wire.STDIN, 1, hidden * 1000, cut=1000)
    with serving(early) as served, served.connect() as sock:
        reader = wire.RecordReader(sock)
        sock.sendall(start(wire.post(len(hidden) * 1000), keep=True) + (b"" if late else rest))
        assert reader.answer().body == b"early"
        sock.sendall((rest if late else b"") + wire.request(id=2, keep=True))
        assert reader.answer(2).body == b"early"
        until(lambda: len(served.log.requests) == 2)


# Aborts and peers that leave


def test_F29_abort_in_params(served: Served, app: Recorder) -> None:
    with served.connect() as sock:
        reader = wire.RecordReader(sock)
        sock.sendall(wire.begin(keep=True) + wire.record(wire.PARAMS, 1, wire.pairs(wire.GET)))
        sock.sendall(wire.record(wire.ABORT, 1))
        assert [reader.record().type, reader.record().type] == [wire.STDOUT, wire.END]
        sock.sendall(wire.request(keep=True))
        assert reader.answer().status == "200 OK"
    assert len(app.seen) == 1


def test_F30_abort_in_stdin(served: Served, app: Recorder) -> None:
    """The read ends with an error, ``close()`` runs, one END_REQUEST, and the connection goes on."""
    with served.connect() as sock:
        reader = wire.RecordReader(sock)
        sock.sendall(start(wire.post(9), keep=True) + wire.record(wire.STDIN, 1, b"half"))
        until(lambda: app.seen)
        sock.sendall(wire.record(wire.ABORT, 1) + wire.record(wire.STDIN, 1))
        ended = [reader.record(), reader.record()]
        while ended[-1].type != wire.END:
            ended.append(reader.record())
        assert ended[-1].id == 1
        assert ended[-1].content[:4] != bytes(4)
        sock.sendall(wire.request(wire.post(2), b"hi", keep=True))
        assert reader.answer().body == b"got hi"
    assert isinstance(app.seen[0].error, ClientDisconnected)
    assert app.seen[0].closed == 1


def test_F40_a_few_bytes_and_a_half_close(served: Served, app: Recorder) -> None:
    with served.connect() as sock:
        sock.sendall(wire.request()[:5])
        sock.shutdown(socket.SHUT_WR)
        assert wire.receive_all(sock) == b""
    until(lambda: served.log.entries)
    assert {level for level, _ in served.log.entries} == {"debug"}
    assert app.seen == []
    assert served.log.requests == []


def test_F41_a_half_close_after_the_request(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(wire.request(wire.post(5), b"hello", keep=True))
        sock.shutdown(socket.SHUT_WR)
        assert wire.answer(wire.parse_records(wire.receive_all(sock))).body == b"got hello"


@pytest.mark.parametrize("asked", ["GET_VALUES", "UNKNOWN_TYPE"])
def test_F49_management_records_of_a_peer_that_never_reads(served: Served, asked: str) -> None:
    query = {"GET_VALUES": wire.record(wire.GET_VALUES, 0, wire.pairs([(b"FCGI_MAX_CONNS", b"")]))}
    data = query.get(asked, wire.record(99, 0)) * 4096
    before = resident_bytes()
    sent = 0
    with served.connect() as sock:
        try:
            while sent < 100 * MIB:
                sent += sock.send(data)
        except OSError:
            pass
    assert sent < 100 * MIB, "nobody stops this peer"
    assert resident_bytes() - before < 8 * MIB


class Endless:
    """A response without an end."""

    def __init__(self) -> None:
        self.closed = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/endless":
            start_response("200 OK", [])
            return []
        start_response("200 OK", [("Content-Type", "text/plain")])
        return self

    def __iter__(self) -> Iterator[bytes]:
        block = b"x" * 65536
        while True:
            yield block

    def close(self) -> None:
        self.closed += 1


ENDLESS = wire.request([(name, b"/endless" if value == b"/path" else value) for name, value in wire.GET])


@pytest.mark.parametrize("tcp", [False, True])
def test_F53_a_reset_while_the_response_streams(tcp: bool) -> None:
    endless = Endless()
    with serving(endless, tcp=tcp) as served:
        sock = served.connect()
        sock.sendall(ENDLESS)
        left = 65536
        while left:  # a socket with a timeout knows no MSG_WAITALL
            left -= len(sock.recv(left))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
        sock.close()
        until(lambda: endless.closed)
        until(lambda: served.log.requests)
        assert served.log.requests[0]["aborted"]
        lines = served.log.text().splitlines()
        assert len(lines) == 1
        assert "could not be sent" in lines[0]
    assert endless.closed == 1


def test_F54_a_peer_that_stops_reading() -> None:
    endless = Endless()
    before = resident_bytes()
    with serving(endless, write_timeout=0.3) as served, served.connect() as sock:
        started = time.monotonic()
        sock.sendall(ENDLESS)
        until(lambda: endless.closed)
        assert time.monotonic() - started > 0.25
        until(lambda: "took no byte for 0.3 s" in served.log.text())
        data = wire.receive_all(sock)
        assert data, "what was sent before is still there"
        assert resident_bytes() - before < 16 * MIB


@pytest.mark.parametrize("patience", [600.0, 1.0])
def test_F55_headers_in_drops_hold_no_thread_and_not_for_long(app: Recorder, patience: float) -> None:
    with serving(app, threads=1, header_timeout=patience) as served:
        started = time.monotonic()
        dribblers = [served.connect() for _ in range(20)]
        for sock in dribblers:
            wire.send_all(sock, wire.begin() + wire.record(wire.PARAMS, 1, bytes(9000))[:20])
        for _ in range(5):
            for sock in dribblers:
                wire.send_all(sock, b"\0")
            assert served.request().status == "200 OK"
            time.sleep(0.1)
        if patience == 1.0:
            for sock in dribblers:
                assert wire.receive_all(sock) == b""
            assert time.monotonic() - started > 0.9
            until(lambda: served.log.text("info").count("request headers not complete in time") == 20)
        for sock in dribblers:
            sock.close()


# How a process is started


@pytest.mark.parametrize(
    ("what", "problem"),
    [("listening", ""), ("connected", "is a connected socket"), ("pipe", "is a pipe"), ("idle", "does not listen")],
)
def test_F59_a_listening_socket_is_told_from_what_else_fd_0_can_be(what: str, problem: str) -> None:
    """Section 2.2: ``getpeername`` of FCGI_LISTENSOCK_FILENO fails with ENOTCONN."""
    if what == "pipe":
        fds = os.pipe()
    elif what == "connected":
        ours, theirs = socket.socketpair()
        fds = (ours.detach(), theirs.detach())
    else:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        if what == "listening":
            sock.listen()
        fds = (sock.detach(), os.dup(0))
    try:
        assert why_not_listening(fds[0]).endswith(problem)
        assert bool(why_not_listening(fds[0])) == bool(problem)
    finally:
        os.close(fds[0])
        os.close(fds[1])


def test_F60_a_peer_outside_fcgi_web_server_addrs(app: Recorder) -> None:
    environ = {"FCGI_WEB_SERVER_ADDRS": "127.0.0.1,127.0.0.9"}
    with serving(app, tcp=True, environ=environ) as served:
        with served.connect("127.0.0.9") as sock:
            sock.sendall(wire.request())
            assert wire.answer(wire.parse_records(wire.receive_all(sock))).status == "200 OK"
        with served.connect("127.0.0.2") as sock:
            try:
                sock.sendall(wire.request())
                assert wire.receive_all(sock) == b""
            except ConnectionError:
                pass
        assert "127.0.0.2" in served.log.text("warning")
        assert len(app.seen) == 1


def test_every_case_has_a_test() -> None:
    assert untested("F", __file__) == []

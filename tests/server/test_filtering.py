"""FastCGI's filter role: a body, and behind it data, over a socket and with our own client, as no web server has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable

import pytest

from gateways.adapters.cgiresponse import End, Stdout
from gateways.adapters.fastcgi import records as fcgi
from gateways.adapters.fastcgi.client import ClientConnection
from gateways.errors import BodyTooLarge, ClientDisconnected, ProtocolError
from gateways.server.filtering import MAX_KEPT, Streams, data_length
from tests.support import wire
from tests.support.serving import Served, serving, until

BODY = b"a=1&b=2"
DATA = b"one line\nand another\n" * 20_000

Reads = Callable[[dict[str, Any]], Iterable[bytes]]


def in_order(environ: dict[str, Any]) -> list[bytes]:
    return [environ["wsgi.input"].read(), b"|", *environ["fcgi.data"]]


def data_first(environ: dict[str, Any]) -> list[bytes]:
    data = environ["fcgi.data"].read()
    return [environ["wsgi.input"].read(), b"|", data]


def in_turns(environ: dict[str, Any]) -> list[bytes]:
    start = environ["wsgi.input"].read(3)
    data = environ["fcgi.data"].readline()
    rest = environ["wsgi.input"].read()
    return [start, rest, b"|", data, environ["fcgi.data"].read()]


def nothing(environ: dict[str, Any]) -> list[bytes]:
    return []


def application(reads: Reads) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("X-Role", environ["FCGI_ROLE"]), ("X-Changed", environ["FCGI_DATA_LAST_MOD"])])
        return reads(environ)

    return application


def ask(served: Served, data: bytes) -> wire.Answer:
    return wire.answer(wire.parse_records(served.ask(data)))


@pytest.mark.parametrize("reads", [in_order, data_first, in_turns])
def test_F09_both_streams_arrive_in_whatever_order_they_are_read(reads: Reads) -> None:
    app = application(reads)
    with serving(plain(app)) as served:
        answer = ask(served, wire.filtering(wire.post(len(BODY)), BODY, DATA, cut=5000))
    assert answer.status == "200 OK"
    assert answer.body == BODY + b"|" + DATA
    assert (wire.header(answer.head, "X-Role"), wire.header(answer.head, "X-Changed")) == ("FILTER", "1234567890")


def plain(app: Any) -> Any:
    """Answer what ``check_alive`` asks, which is no filter, and hand the others on."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["FCGI_ROLE"] == "FILTER":
            answer: Iterable[bytes] = app(environ, start_response)
            return answer
        assert "fcgi.data" not in environ
        start_response("200 OK", [])
        return []

    return application


@pytest.mark.parametrize("reads", [in_order, nothing])
def test_F63_what_is_not_read_is_skipped_and_the_connection_goes_on(reads: Reads) -> None:
    with serving(plain(application(reads))) as served, served.connect() as sock:
        reader = wire.RecordReader(sock)
        for _ in range(2):
            sock.sendall(wire.filtering(wire.post(len(BODY)), BODY, DATA[:9000], keep=True))
            assert reader.answer().status == "200 OK"
            sock.sendall(wire.request(id=2, keep=True))
            assert reader.answer(2).status == "200 OK"


def test_F26_body_and_data_behind_their_lengths_are_dropped() -> None:
    params = ((b"FCGI_DATA_LENGTH", b"4"), (b"FCGI_DATA_LAST_MOD", b"0"), *wire.post(3))
    data = wire.begin(1, wire.FILTER) + wire.stream(wire.PARAMS, 1, wire.pairs(params))
    data += wire.stream(wire.STDIN, 1, b"abcdef") + wire.stream(wire.DATA, 1, b"123456")
    for reads in (in_order, data_first, in_turns):
        with serving(plain(application(reads))) as served:
            assert ask(served, data).body == b"abc|1234"


def test_F25_data_shorter_than_its_length_is_noticed() -> None:
    params = ((b"FCGI_DATA_LENGTH", b"9"), (b"FCGI_DATA_LAST_MOD", b"0"), *wire.post(1))
    data = wire.begin(1, wire.FILTER) + wire.stream(wire.PARAMS, 1, wire.pairs(params))
    data += wire.stream(wire.STDIN, 1, b"a") + wire.stream(wire.DATA, 1, b"12")
    with serving(plain(application(in_order))) as served:
        assert ask(served, data).body == b"a|12"
        until(lambda: "data shorter than its FCGI_DATA_LENGTH" in served.log.text("warning"))


def test_F28_a_length_of_data_that_is_no_number() -> None:
    for text in (b"-1", b"1x", b"\xb2", b"9" * 19):
        params = ((b"FCGI_DATA_LENGTH", text), *wire.post(0))
        data = wire.begin(1, wire.FILTER) + wire.stream(wire.PARAMS, 1, wire.pairs(params))
        with serving(plain(application(in_order))) as served:
            answer = ask(served, data + wire.stream(wire.STDIN, 1, b"") + wire.stream(wire.DATA, 1, b""))
            assert answer.status == "400 Bad Request"
            assert "is not a number" in served.log.text("warning")


def test_F64_data_read_before_a_large_body_is_refused() -> None:
    """What is kept of the body has an end."""
    body = bytes(MAX_KEPT + 1)
    with serving(plain(application(data_first))) as served:
        answer = ask(served, wire.filtering(wire.post(len(body)), body, DATA))
        assert answer.status == "413 Content Too Large"
        assert "fcgi.data was read before wsgi.input" in served.log.text("error")


def test_max_body_size_is_for_the_body() -> None:
    with serving(plain(application(in_order)), max_body_size=100) as served:
        assert ask(served, wire.filtering(wire.post(len(BODY)), BODY, DATA)).body == BODY + b"|" + DATA
        assert ask(served, wire.filtering(wire.post(101), bytes(101), DATA)).status == "413 Content Too Large"


@pytest.mark.parametrize("sent", [b"", b"half of it"])
def test_F30_a_filter_is_given_up_while_it_reads_data(sent: bytes) -> None:
    errors: list[BaseException] = []

    def reads(environ: dict[str, Any]) -> list[bytes]:
        try:
            return in_order(environ)
        except ClientDisconnected as error:
            errors.append(error)
            raise

    with serving(plain(application(reads))) as served, served.connect() as sock:
        reader = wire.RecordReader(sock)
        whole = wire.filtering(wire.post(len(BODY)), BODY, DATA[:100], keep=True)
        start = whole[: whole.index(DATA[:100]) - 8]
        sock.sendall(start + (wire.record(wire.DATA, 1, sent) if sent else b"") + wire.record(wire.ABORT, 1))
        end = reader.answer()
        assert (end.head, end.app_status) == (b"", 1)
        assert "gave the request up" in str(errors[0])
        sock.sendall(wire.request(id=2, keep=True))
        assert reader.answer(2).status == "200 OK"


def test_our_client_speaks_it() -> None:
    connection = ClientConnection()
    variables = [(b"FCGI_DATA_LENGTH", b"%d" % len(DATA)), (b"FCGI_DATA_LAST_MOD", b"0"), *wire.post(len(BODY))]
    with serving(plain(application(data_first))) as served, served.connect() as sock:
        sock.sendall(connection.start(variables, role=fcgi.FILTER))
        sock.sendall(connection.send_body(BODY) + connection.end_body())
        sock.sendall(connection.send_data(DATA) + connection.end_data())
        output = b""
        while not isinstance(event := connection.next_event(), End):
            if event is None:
                connection.receive_data(sock.recv(65536))
            elif isinstance(event, Stdout):
                output += event.data
    assert output.endswith(b"\r\n\r\n" + BODY + b"|" + DATA)


def test_the_streams_of_a_body_without_a_length() -> None:
    pieces = [b"ab", b"c", b"", b"data", b""]
    take = iter(pieces).__next__
    environ: dict[str, Any] = {}
    streams = Streams(take, take, environ)
    assert environ["fcgi.data"] is streams.data
    assert (streams.data.read(), streams.body.read(), streams.body.read()) == (b"data", b"abc", b"")


def test_what_is_kept_is_bounded() -> None:
    def take() -> bytes:
        return bytes(65536)

    streams = Streams(take, take, {})
    with pytest.raises(BodyTooLarge):
        streams.data.read(1)


def test_the_length_of_data() -> None:
    assert data_length({}) is None
    assert data_length({"FCGI_DATA_LENGTH": ""}) is None
    assert data_length({"FCGI_DATA_LENGTH": "0012"}) == 12
    with pytest.raises(ProtocolError, match="not a number"):
        data_length({"FCGI_DATA_LENGTH": "1 "})

"""Hostile and unusual HTTP over a socket: what goes in, what the application sees, what comes out.

After each case ``serving`` makes a good request on a new connection, which has to be answered.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from gateways.errors import ClientDisconnected
from tests.support import wire
from tests.support.httpwire import HOST, Response, chunked, only, post, post_chunked, request, responses
from tests.support.sent import untested
from tests.support.serving import PATIENCE, Recorder, Served, resident_bytes, serving, until

MIB = 1 << 20
GET = request()
CLOSE = b"Connection: close"
CHUNKED = b"Transfer-Encoding: chunked"


@pytest.fixture
def app() -> Recorder:
    return Recorder()


@pytest.fixture
def served(app: Recorder) -> Iterator[Served]:
    with serving(app, "http", tcp=True) as running:
        yield running


def refused(served: Served, app: Recorder, data: bytes, code: int = 400) -> Response:
    """Send what has to be refused, with a good request behind it, which must not run."""
    response = only(served.ask(data + request(b"GET /smuggled HTTP/1.1")))
    assert response.code == code, response
    assert response.header("Connection") == "close"
    assert response.header("Content-Type").startswith("text/plain")
    assert [seen for seen in app.seen if seen.environ["PATH_INFO"] == "/smuggled"] == []
    return response


def accepted(served: Served, app: Recorder, data: bytes) -> dict[str, Any]:
    """Send one request that is served, with ``Connection: close`` in it; return its environ."""
    response = only(served.ask(data))
    assert response.status == "200 OK"
    return app.seen[-1].environ


class Peer:
    """A connection of which responses are read as they come."""

    def __init__(self, served: Served) -> None:
        self.sock = served.connect()
        self.received = b""

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *args: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read_until(self, text: bytes) -> bytes:
        """Read until ``text`` has come, and take what has come with it."""
        while text not in self.received:
            piece = self.sock.recv(65536)
            assert piece, self.received
            self.received += piece
        end = self.received.index(text) + len(text)
        data, self.received = self.received[:end], self.received[end:]
        return data

    def rest(self) -> bytes:
        """Read until the server closes."""
        return self.received + wire.receive_all(self.sock)


# The request line


def test_H01_empty_lines_before_a_request(served: Served, app: Recorder) -> None:
    for lines in (b"\r\n", b"\r\n\r\n"):
        accepted(served, app, lines + request(b"GET / HTTP/1.1", CLOSE))
    refused(served, app, b"\r\n" * 3)
    refused(served, app, b"\r\n" * 10000)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /\r HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\r\n" + HOST + b"\r\n",
        request(b"GET / HTTP/1.1", b"X: a\rb"),
        request(b"GET / HTTP/1.1", b"X: a\r"),
        request(b"GET / HTTP/1.1", b"X\r: a"),
    ],
)
def test_H02_a_bare_carriage_return(served: Served, app: Recorder, data: bytes) -> None:
    refused(served, app, data)


@pytest.mark.parametrize(
    "data",
    [
        GET.replace(b"\r\n", b"\n"),
        b"GET / HTTP/1.1\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\nX: a\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X: a\n\r\n",
        b"\nGET / HTTP/1.1\r\n" + HOST + b"\r\n",
    ],
)
def test_H03_a_bare_line_feed(served: Served, app: Recorder, data: bytes) -> None:
    refused(served, app, data)


@pytest.mark.parametrize(
    "line",
    [
        *(b"GET /%b HTTP/1.1" % bytes((value,)) for value in (0, 1, 8, 9, 11, 12, 31, 32, 127, 128, 160, 255)),
        *(b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b" GET / HTTP/1.1", b"GET /  HTTP/1.1", b"GET\t/\tHTTP/1.1"),
        b"GET /a b HTTP/1.1",
    ],
)
def test_H04_controls_and_spaces_in_the_request_line(served: Served, app: Recorder, line: bytes) -> None:
    refused(served, app, request(line))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"GET /", 400),
        (b"GET / ", 400),
        (b"GET", 400),
        (b"GET / HTTP/0.9", 505),
        (b"GET / HTTP/1.11", 505),
        (b"GET / HTTP/2.0", 505),
        (b"GET / HTTP/2", 505),
        (b"GET / HTTP/111", 505),
        (b"GET / FTP/1.1", 400),
        (b"GET / http/1.1", 400),
        (b"GET / HTTP/1.", 400),
        (b"GET / HTTP/1.1x", 400),
        (b"GET / HTTP/\xb2.\xb3", 400),
    ],
)
def test_H05_versions(served: Served, app: Recorder, line: bytes, code: int) -> None:
    assert b"FTP" not in refused(served, app, request(line), code).body


def test_H05_a_later_minor_version_is_served_as_1_1(served: Served, app: Recorder) -> None:
    assert accepted(served, app, request(b"GET / HTTP/1.2", CLOSE))["SERVER_PROTOCOL"] == "HTTP/1.1"


@pytest.mark.parametrize("method", [b"bla:rgh", b"GET:", b"G\xc3\x89T", b"G(T", b"", b'"GET"', b"GET/"])
def test_H06_what_is_no_method(served: Served, app: Recorder, method: bytes) -> None:
    refused(served, app, request(method + b" / HTTP/1.1"))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"GET foo HTTP/1.1", 400),
        (b"GET host:443 HTTP/1.1", 400),
        (b"GET * HTTP/1.1", 400),
        (b"OPTIONS ** HTTP/1.1", 400),
        (b"GET http:///p HTTP/1.1", 400),
        (b"GET http://u@h/p HTTP/1.1", 400),
        (b"GET ftp://h/p HTTP/1.1", 400),
        (b"GET http://h:x/p HTTP/1.1", 400),
        (b"GET http://h:80:80/p HTTP/1.1", 400),
        (b"CONNECT host:443 HTTP/1.1", 501),
    ],
)
def test_H07_targets_that_are_refused(served: Served, app: Recorder, line: bytes, code: int) -> None:
    refused(served, app, request(line), code)


def test_H07_options_of_the_server(served: Served, app: Recorder) -> None:
    environ = accepted(served, app, request(b"OPTIONS * HTTP/1.1", CLOSE))
    assert (environ["REQUEST_URI"], environ["PATH_INFO"]) == ("*", "/*")


@pytest.mark.parametrize(
    ("target", "host", "uri", "path", "query"),
    [
        (b"http://h/p", "h", "/p", "/p", ""),
        (b"HTTP://h:8080/p%20q?x=%31", "h:8080", "/p%20q?x=%31", "/p q", "x=%31"),
        (b"http://h", "h", "/", "/", ""),
        (b"http://[::1]?q", "[::1]", "/?q", "/", "q"),
    ],
)
def test_H07_an_absolute_target_names_the_host(  # noqa: PLR0917
    served: Served, app: Recorder, target: bytes, host: str, uri: str, path: str, query: str
) -> None:
    environ = accepted(served, app, request(b"GET %b HTTP/1.1" % target, CLOSE))
    assert environ["HTTP_HOST"] == host
    assert (environ["REQUEST_URI"], environ["PATH_INFO"], environ["QUERY_STRING"]) == (uri, path, query)


@pytest.mark.parametrize("target", [b"/p#x", b"/#", b"http://h/p#x", b"http://h#x"])
def test_H08_a_fragment(served: Served, app: Recorder, target: bytes) -> None:
    refused(served, app, request(b"GET %b HTTP/1.1" % target))


# Fields


@pytest.mark.parametrize(
    "host",
    [
        *(b"", HOST + HOST, HOST + b"Host: other\r\n", b"Host: a b\r\n", b"Host: a/b\r\n", b"Host: a,b@c\r\n"),
        *(b"Host: a:b\r\n", b"Host: [::1\r\n", b"Host: a\tb\r\n", b"Host: a:1:2\r\n", b"Host: \xe4\r\n"),
        HOST + b"host:\r\n",
    ],
)
def test_H09_hosts(served: Served, app: Recorder, host: bytes) -> None:
    refused(served, app, request(host=host))


@pytest.mark.parametrize(
    "field", [b"Content-Length : 3", b"Content-Length\t: 3", b"Transfer-Encoding : chunked", b"X : y", b"Host : a"]
)
def test_H10_space_before_the_colon(served: Served, app: Recorder, field: bytes) -> None:
    refused(served, app, request(b"POST / HTTP/1.1", field, body=b"abc"))


@pytest.mark.parametrize("fold", [b" b", b"\tb", b"  ", b" Content-Length: 40"])
def test_H11_folded_lines(served: Served, app: Recorder, fold: bytes) -> None:
    refused(served, app, request(b"GET / HTTP/1.1", b"X: a", fold))
    refused(served, app, b"GET / HTTP/1.1\r\n" + fold + b"\r\n" + HOST + b"\r\n")


@pytest.mark.parametrize(
    "name",
    [
        *(b"a%bb" % bytes((value,)) for value in (*range(9), 11, 12, *range(14, 33), 127, 0x85, 0xA0, 0xFF)),
        *(b"", b"a(b", b"a/b", b"a@b", b'"a"', b"a[b]", b"\xa0a"),
    ],
)
def test_H12_names(served: Served, app: Recorder, name: bytes) -> None:
    refused(served, app, request(b"GET / HTTP/1.1", name + b": x"))


@pytest.mark.parametrize("field", [b"no colon", b"nocolon", b":", b" : x"])
def test_H12_what_is_no_field(served: Served, app: Recorder, field: bytes) -> None:
    refused(served, app, request(b"GET / HTTP/1.1", field))


@pytest.mark.parametrize("value", [*range(9), 11, 12, *range(14, 32), 127])
def test_H12_controls_in_a_value(served: Served, app: Recorder, value: int) -> None:
    refused(served, app, request(b"GET / HTTP/1.1", b"X: a%bb" % bytes((value,))))


def test_H12_only_space_and_tab_are_taken_off_a_value(served: Served, app: Recorder) -> None:
    environ = accepted(served, app, request(b"GET / HTTP/1.1", b"X: \t \x85\xa0a\xa0 \t", CLOSE))
    assert environ["HTTP_X"] == "\x85\xa0a\xa0"


@pytest.mark.parametrize(
    "value",
    [
        *(b"-1", b"+1", b"0x5", b"1_0", b"5, 5", b"5,5", b"5;5", b"", b"1 0", b"5.0", b"9" * 19, b"9" * 5000),
        *(b"\xb2", b"1e1", b'"5"', b","),
    ],
)
def test_H13_lengths(served: Served, app: Recorder, value: bytes) -> None:
    refused(served, app, request(b"POST / HTTP/1.1", b"Content-Length: " + value, body=b"hello"))


@pytest.mark.parametrize("second", [b"Content-Length: 5", b"content-length:6", b"Content-Length:"])
def test_H13_two_lengths(served: Served, app: Recorder, second: bytes) -> None:
    refused(served, app, request(b"POST / HTTP/1.1", b"Content-Length: 5", second, body=b"hello"))


def test_H13_spaces_around_a_length(served: Served, app: Recorder) -> None:
    environ = accepted(served, app, request(b"POST / HTTP/1.1", b"Content-Length: \t 5 \t", CLOSE, body=b"hello"))
    assert (environ["CONTENT_LENGTH"], app.seen[-1].body) == ("5", b"hello")


@pytest.mark.parametrize("fields", [(b"Content-Length: 5", CHUNKED), (CHUNKED, b"Content-Length: 5")])
def test_H14_both_framings(served: Served, app: Recorder, fields: tuple[bytes, ...]) -> None:
    refused(served, app, request(b"POST / HTTP/1.1", *fields, body=b"0\r\n\r\n"))


@pytest.mark.parametrize(
    "values",
    [
        (b"chunked", b"chunked"),
        (b"chunked, chunked",),
        (b"identity, chunked, identity, chunked",),
        (b"chunked, identity",),
        (b"chunked,",),
        (b"gzip", b"chunked"),
        (b"chunked", b"gzip"),
    ],
)
def test_H15_chunked_more_than_once_or_not_alone(served: Served, app: Recorder, values: tuple[bytes, ...]) -> None:
    fields = [b"Transfer-Encoding: " + value for value in values]
    refused(served, app, request(b"POST / HTTP/1.1", *fields, body=b"0\r\n\r\n"))


@pytest.mark.parametrize(
    ("value", "code"), [(b"gzip", 501), (b"xchunked", 501), (b"identity", 501), (b'"chunked"', 400), (b"", 400)]
)
def test_H16_other_codings(served: Served, app: Recorder, value: bytes, code: int) -> None:
    refused(served, app, request(b"POST / HTTP/1.1", b"Transfer-Encoding: " + value, body=b"0\r\n\r\n"), code)


def test_H17_chunked_in_HTTP_1_0(served: Served, app: Recorder) -> None:
    refused(served, app, request(b"POST / HTTP/1.0", CHUNKED, body=b"0\r\n\r\n"))


@pytest.mark.parametrize(
    "value", [b"\x0bchunked", b"chunked\xa0", b"\xa0chunked", b"chunked;q=1", b"chunked\x0c", b"chun ked"]
)
def test_H18_nearly_chunked(served: Served, app: Recorder, value: bytes) -> None:
    refused(served, app, request(b"POST / HTTP/1.1", b"Transfer-Encoding: " + value, body=b"0\r\n\r\n"))


def test_H18_the_name_of_a_coding_has_no_case(served: Served, app: Recorder) -> None:
    accepted(
        served, app, request(b"POST / HTTP/1.1", b"transfer-ENCODING: \tChunKed ", CLOSE, body=chunked(b"a", b"b"))
    )
    assert app.seen[-1].body == b"ab"


def test_H19_a_name_with_an_underscore_is_dropped(served: Served, app: Recorder) -> None:
    fields = (b"Transfer_Encoding: chunked", b"Content_Length: 99", b"X_User: root", b"X.User: root", b"X-User: alice")
    environ = accepted(served, app, request(b"GET / HTTP/1.1", *fields, CLOSE))
    assert environ["HTTP_X_USER"] == "alice"
    assert not {"HTTP_TRANSFER_ENCODING", "HTTP_CONTENT_LENGTH", "CONTENT_LENGTH", "HTTP_X.USER"} & environ.keys()


# Chunked bodies


@pytest.mark.parametrize("end", [b"XX", b"\n", b"\r", b"\rX", b"", b"\n\n", b"  "])
def test_H20_chunk_data_followed_by_something_else(served: Served, app: Recorder, end: bytes) -> None:
    refused(served, app, post_chunked(b"5\r\nhello" + end + b"0\r\n\r\n"))
    assert isinstance(app.seen[-1].error, ClientDisconnected)


@pytest.mark.parametrize(
    "size",
    [
        *(b"-5", b"+5", b"0x5", b"5_0", b" 5", b"5 ", b"", b"5\t", b"\xb2", b"g", b"5\r", b"5;", b"5,5"),
        *(b"0" * 17, b"1" + b"0" * 16, b"f" * 17, b"5" * 5000),
    ],
)
def test_H21_sizes_of_chunks(served: Served, app: Recorder, size: bytes) -> None:
    refused(served, app, post_chunked(size + b"\r\nhello\r\n0\r\n\r\n"))


@pytest.mark.parametrize("extension", [b";a\rb", b";a\nb", b";a=b\rc", b';a="\n"', b";\x00", b";a=", b";a b", b";="])
def test_H22_bad_extensions(served: Served, app: Recorder, extension: bytes) -> None:
    refused(served, app, post_chunked(b"5" + extension + b"\r\nhello\r\n0\r\n\r\n"))


def test_H22_good_extensions_are_skipped(served: Served, app: Recorder) -> None:
    body = b'5;a\r\nhello\r\n1 ; a=b;c="d \\" e"\r\n!\r\n0;last\r\n\r\n'
    accepted(served, app, post_chunked(body, CLOSE))
    assert app.seen[-1].body == b"hello!"


def test_H22_extensions_have_a_limit(served: Served, app: Recorder) -> None:
    refused(served, app, post_chunked(b"1;" + b"a" * MIB + b"\r\nx\r\n0\r\n\r\n"))
    long = b"1;" + b"a" * 4000 + b"\r\nx\r\n"
    refused(served, app, post_chunked(long * 6 + b"0\r\n\r\n"))
    accepted(served, app, post_chunked(long * 4 + b"0\r\n\r\n", CLOSE))
    assert app.seen[-1].body == b"xxxx"


def test_H22_many_small_chunks(served: Served, app: Recorder) -> None:
    accepted(served, app, post_chunked(chunked(*[b"x"] * 20000), CLOSE))
    assert app.seen[-1].body == b"x" * 20000


@pytest.mark.parametrize(
    "body", [b"5\r\nhello\r\n0\r\n", b"5\r\nhello\r\n0\r\nX: y\r\n", b"5\r\nhello\r\n", b"5\r\nhe", b""]
)
def test_H23_a_body_that_ends_too_early(served: Served, app: Recorder, body: bytes) -> None:
    with served.connect() as sock:
        sock.sendall(post_chunked(body))
        sock.shutdown(socket.SHUT_WR)
        assert wire.receive_all(sock) == b""
    until(lambda: app.seen and app.seen[-1].closed)
    assert isinstance(app.seen[-1].error, ClientDisconnected)


@pytest.mark.parametrize("name", [b"Content-Length", b"host", b"Transfer-Encoding", b"Connection", b"Authorization"])
def test_H24_trailers_that_are_not_allowed(served: Served, app: Recorder, name: bytes) -> None:
    refused(served, app, post_chunked(chunked(b"x", end=b"0\r\n" + name + b": 5\r\n\r\n")))


@pytest.mark.parametrize("trailer", [b"X : y", b" X: y", b"X", b": y", b"X: \x00", b"X: a\rb"])
def test_H24_malformed_trailers(served: Served, app: Recorder, trailer: bytes) -> None:
    refused(served, app, post_chunked(chunked(b"x", end=b"0\r\n" + trailer + b"\r\n\r\n")))


def test_H24_trailers_are_never_headers(served: Served, app: Recorder) -> None:
    environ = accepted(served, app, post_chunked(chunked(b"x", end=b"0\r\nX-Auth: root\r\n\r\n"), CLOSE))
    assert app.seen[-1].body == b"x"
    assert not [name for name in [*environ, *app.seen[-1].environ] if "AUTH" in name]


def test_H24_trailers_have_a_limit(served: Served, app: Recorder) -> None:
    refused(served, app, post_chunked(chunked(b"x", end=b"0\r\n" + b"X: y\r\n" * 10000 + b"\r\n")))
    refused(served, app, post_chunked(chunked(b"x", end=b"0\r\nX: " + b"y" * MIB + b"\r\n\r\n")))


# Expect


def test_H25_100_is_sent_when_the_application_reads(served: Served, app: Recorder) -> None:
    for head, body in (
        (request(b"POST /path HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 5"), b"hello"),
        (post_chunked(b"", b"Expect: 100-Continue"), chunked(b"hello")),
    ):
        with Peer(served) as peer:
            peer.send(head)
            assert peer.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            peer.send(body + request(b"GET /next HTTP/1.1", CLOSE))
            first, second = responses(peer.rest())
        assert (first.status, first.body) == ("200 OK", b"got hello")
        assert second.status == "200 OK"


def test_H25_100_is_not_sent_when_the_body_is_here(served: Served) -> None:
    assert only(served.ask(post(b"hello", b"Expect: 100-continue", CLOSE))).body == b"got hello"


def refusing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """An application that does not read."""
    start_response("403 Forbidden", [])
    return [b"no"]


def test_H25_100_is_not_sent_when_the_application_does_not_read() -> None:
    with serving(refusing, "http", tcp=True) as served:
        served.check_alive = lambda: None  # type: ignore[method-assign]
        with Peer(served) as peer:
            peer.send(request(b"POST /path HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 5"))
            response = only(peer.rest())
    assert (response.code, response.header("Connection")) == (403, "close")


def test_H25_none_after_the_final_status() -> None:
    def late(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"early "
        yield environ["wsgi.input"].read()

    with serving(late, "http", tcp=True) as served, Peer(served) as peer:
        peer.send(request(b"POST /path HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 5"))
        head = peer.read_until(b"early \r\n")
        peer.send(b"hello")
        response = only(head + peer.rest())
    assert response.body == b"early hello"
    assert response.header("Connection") == "close"


def test_H25_nobody_expects_it_in_HTTP_1_0(served: Served) -> None:
    line = b"POST /path HTTP/1.0"
    with Peer(served) as peer:
        peer.send(request(line, b"Expect: 100-continue", b"Content-Length: 5"))
        peer.send(b"hello")
        assert only(peer.rest()).body == b"got hello"


@pytest.mark.parametrize("value", [b"x", b"100-continue, x", b"200-ok"])
def test_H25_another_expectation(served: Served, app: Recorder, value: bytes) -> None:
    refused(served, app, request(b"POST / HTTP/1.1", b"Expect: " + value, body=b"hello", length=True), 417)


# Limits


def test_H26_limits_of_the_head(app: Recorder) -> None:
    with serving(app, "http", tcp=True, max_header_size=65536, max_headers=100) as served:
        refused(served, app, request(b"GET / HTTP/1.1", b"X: " + b"a" * 65536), 431)
        refused(served, app, request(b"GET / HTTP/1.1", *[b"X%d: y" % number for number in range(100)]), 431)
        refused(served, app, request(b"GET /" + b"a" * 20000 + b" HTTP/1.1"), 414)
        refused(served, app, b"GET /" + b"a" * 20000, 414)
        accepted(served, app, request(b"GET / HTTP/1.1", *[b"X%d: y" % number for number in range(98)], CLOSE))
        accepted(served, app, request(b"GET /" + b"a" * 8192 + b" HTTP/1.1", CLOSE))


def test_H26_an_endless_head_takes_no_memory(served: Served, app: Recorder) -> None:
    before = resident_bytes()
    with served.connect() as sock:
        wire.send_all(sock, b"GET / HTTP/1.1\r\nX: ")
        for _ in range(64):
            wire.send_all(sock, b"a" * MIB)
        sock.shutdown(socket.SHUT_WR)
        assert only(wire.receive_all(sock)).code == 431
    assert resident_bytes() - before < 32 * MIB


# One request after another


@pytest.mark.parametrize("tcp", [True, False])
def test_H27_pipelined_requests_are_answered_in_order(app: Recorder, tcp: bool) -> None:
    with serving(app, "http", tcp=tcp) as served:
        data = post(b"one") + post_chunked(chunked(b"tw", b"o")) + post(b"three", CLOSE)
        assert [response.body for response in responses(served.ask(data))] == [b"got one", b"got two", b"got three"]


def test_H28_a_GET_with_a_body(served: Served, app: Recorder) -> None:
    first = request(b"GET /a HTTP/1.1", body=b"GET /smuggled HTTP/1.1\r\n\r\n", length=True)
    found = responses(served.ask(first + request(b"GET /b HTTP/1.1", CLOSE)))
    assert len(found) == 2
    assert [seen.environ["PATH_INFO"] for seen in app.seen] == ["/a", "/b"]


def test_H29_a_small_unread_body_is_skipped() -> None:
    body = GET * 100
    with serving(refusing, "http", tcp=True) as served:
        served.check_alive = lambda: None  # type: ignore[method-assign]
        found = responses(served.ask(post(body) + post(b"x", CLOSE)))
    assert [response.code for response in found] == [403, 403]
    assert [response.header("Connection") for response in found] == ["", "close"]


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_H29_a_large_unread_body_is_the_end(framing: str) -> None:
    body = GET * (MIB // len(GET))
    data = post(body) if framing == "length" else post_chunked(chunked(body))
    with serving(refusing, "http", tcp=True) as served:
        served.check_alive = lambda: None  # type: ignore[method-assign]
        response = only(served.ask(data + GET))
    assert (response.code, response.header("Connection")) == (403, "close")


def test_H29_a_huge_body_is_refused_before_it_comes(app: Recorder) -> None:
    with serving(app, "http", tcp=True, max_body_size=1000) as served:
        line = b"POST /path HTTP/1.1"
        refused(served, app, request(line, b"Expect: 100-continue", b"Content-Length: 10737418240"), 413)
        assert only(served.ask(post_chunked(chunked(b"x" * 900, b"y" * 900), CLOSE))).code == 413


def test_H30_nothing_runs_behind_a_bad_request(served: Served, app: Recorder) -> None:
    found = responses(served.ask(GET + b"GET / HTTP/1.1\r\nbad\r\n\r\n" + GET + GET))
    assert [response.code for response in found] == [200, 400]
    assert len(app.seen) == 1


def test_H31_connection_options(served: Served, app: Recorder) -> None:
    options = b"Connection: close, X-Hop, Content-Length"
    found = responses(served.ask(post(b"hello", options, b"X-Hop: 1") + GET))
    assert [response.header("Connection") for response in found] == ["close"]
    assert app.seen[-1].body == b"hello"


def test_H31_keep_alive_of_HTTP_1_0(app: Recorder) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    keep = request(b"GET / HTTP/1.0", b"Connection: Keep-Alive", host=b"")
    with serving(application, "http", tcp=True) as served:
        found = responses(served.ask(keep + keep + request(b"GET / HTTP/1.0", host=b"") + keep))
    assert [response.header("Connection") for response in found] == ["keep-alive", "keep-alive", "close"]


def test_H32_other_protocols_by_upgrade(served: Served, app: Recorder) -> None:
    accepted(served, app, request(b"GET / HTTP/1.1", b"Connection: Upgrade, close", b"Upgrade: websocket"))
    refused(served, app, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)


@pytest.mark.parametrize("data", [post(b"x" * 100)[:-50], post_chunked(b"64\r\nhello")])
def test_H33_the_client_leaves_in_the_middle_of_a_body(served: Served, app: Recorder, data: bytes) -> None:
    with served.connect() as sock:
        sock.sendall(data)
    until(lambda: app.seen and app.seen[-1].closed)
    assert isinstance(app.seen[-1].error, ClientDisconnected)


def test_H34_a_half_close_after_the_request(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(GET)
        sock.shutdown(socket.SHUT_WR)
        response = only(wire.receive_all(sock))
    assert response.whole
    assert response.status == "200 OK"


# Responses


def answer(status: str, headers: list[tuple[str, str]], blocks: Any, *, line: bytes = b"GET / HTTP/1.1") -> Response:
    """Return how an application's response comes out; it is the last of its connection."""

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response(status, headers)
        return blocks() if callable(blocks) else blocks

    with serving(application, "http", tcp=True) as served:
        served.check_alive = lambda: None  # type: ignore[method-assign]
        return only(served.ask(request(line, CLOSE)), head_only=line.startswith(b"HEAD"))


def test_H35_a_response_without_length_to_HTTP_1_0() -> None:
    response = answer("200 OK", [], lambda: iter([b"a", b"b"]), line=b"GET / HTTP/1.0")
    assert (response.body, response.header("Transfer-Encoding"), response.header("Connection")) == (b"ab", "", "close")


def test_H35_a_response_without_length_to_HTTP_1_1() -> None:
    response = answer("200 OK", [], lambda: iter([b"a", b"", b"b" * 20000, b"c" * (2 * MIB)]))
    assert response.header("Transfer-Encoding") == "chunked"
    assert response.body == b"a" + b"b" * 20000 + b"c" * (2 * MIB)
    assert response.whole


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1", b"GET / HTTP/1.0"])
def test_H35_a_response_that_breaks_off_cannot_look_complete(line: bytes) -> None:
    def blocks() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("the rest is missing")

    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        return blocks()

    with serving(application, "http", tcp=True) as served:
        served.check_alive = lambda: None  # type: ignore[method-assign]
        with served.connect() as sock:
            sock.sendall(request(line))
            try:
                whole = only(wire.receive_all(sock)).whole
            except ConnectionResetError:
                whole = False  # the only sign where the end of the connection is the end of the response
        assert not whole
        assert "the rest is missing" in served.log.text()


def test_H36_headers_of_the_application() -> None:
    response = answer("200 OK", [("Date", "today"), ("Server", "mine"), ("Content-Length", "2")], [b"ok"])
    lines = [line.partition(b":")[0] for line in response.head.split(b"\r\n")[1:]]
    assert sorted(lines) == [b"Connection", b"Content-Length", b"Date", b"Server"]
    assert (response.header("Date"), response.header("Server")) == ("today", "mine")


def test_H36_date_and_server_are_added() -> None:
    response = answer("200 OK", [], [b"ok"])
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", response.header("Date"))
    assert response.header("Server") == "gateways"
    assert response.header("Content-Length") == "2"


@pytest.mark.parametrize("header", [("Transfer-Encoding", "chunked"), ("Connection", "keep-alive"), ("X", "a\r\nb: c")])
def test_H36_headers_that_are_not_the_applications(header: tuple[str, str]) -> None:
    assert answer("200 OK", [header], [b"ok"]).code == 500


def test_H36_a_wrong_length() -> None:
    longer = answer("200 OK", [("Content-Length", "2")], lambda: iter([b"too long"]))
    assert (longer.body, longer.whole) == (b"to", True)
    shorter = answer("200 OK", [("Content-Length", "20")], lambda: iter([b"short"]))
    assert (shorter.body, shorter.whole) == (b"short", False)


@pytest.mark.parametrize("blocks", [[b"body"], lambda: iter([b"bo", b"dy"])])
@pytest.mark.parametrize(
    ("line", "status"), [(b"HEAD", "200 OK"), (b"GET", "204 No Content"), (b"GET", "304 Not Modified")]
)
def test_H37_responses_without_a_body(line: bytes, status: str, blocks: Any) -> None:
    response = answer(status, [("Content-Length", "4")], blocks, line=line + b" / HTTP/1.1")
    assert response.status == status
    assert response.header("Transfer-Encoding") == ""
    assert response.header("Content-Length") == ("" if status.startswith("204") else "4")
    assert b"body" not in response.head


def test_H37_an_error_answers_HEAD_without_a_body(served: Served, app: Recorder) -> None:
    long_name = b"X" * 300 + b": y"
    found = responses(served.ask(request(b"HEAD / HTTP/1.1", long_name) + request(b"HEAD / HTTP/1.1", CLOSE)), True)
    assert [response.code for response in found] == [431, 200]


def test_H38_paths(served: Served, app: Recorder) -> None:
    def path_of(target: bytes) -> str:
        path: str = accepted(served, app, request(b"GET %b HTTP/1.1" % target, CLOSE))["PATH_INFO"]
        return path

    assert path_of(b"/%zz%4") == "/%zz%4"
    assert path_of(b"/a/../b/./c") == "/a/../b/./c"
    assert path_of(b"//a//b/") == "//a//b/"
    assert path_of(b"/%ff%2F%41+%252F") == "/\xff/A+%2F"
    assert path_of(b"/%e2%82%ac;x?q=%31") == "/\xe2\x82\xac;x"
    assert app.seen[-1].environ["QUERY_STRING"] == "q=%31"
    assert app.seen[-1].environ["REQUEST_URI"] == "/%e2%82%ac;x?q=%31"
    assert only(served.ask(request(b"GET /%00 HTTP/1.1") + request(b"GET /b HTTP/1.1"))).code == 400
    assert path_of(b"/?%00") == "/"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "TLS"),
        (wire.request(), "FastCGI"),
        (wire.scgi(), "SCGI"),
        (wire.uwsgi(), "uwsgi"),
        (b"\x12\x34\x00\x01\x0a", "AJP13"),
    ],
)
def test_H39_another_protocol(served: Served, app: Recorder, data: bytes, name: str) -> None:
    answer = served.ask(data)
    assert answer == b"" or only(answer).code == 400
    until(lambda: f"this is {name}, on an address for HTTP" in served.log.text("warning"))
    assert len(served.log.text("warning").splitlines()) == 1
    assert app.seen == []


@pytest.mark.parametrize("data", [b"\r\nGET / HTTP/1.1\r\nX: a", b"G", b"\r", post(b"x") + b"GET / "])
def test_H40_a_slow_head_is_given_up(app: Recorder, data: bytes) -> None:
    with serving(app, "http", tcp=True, header_timeout=1.0) as served:
        served.check_alive = lambda: None  # type: ignore[method-assign]  # a busy machine may be as slow as that
        served.ask(data)
        until(lambda: "request headers not complete in time" in served.log.text("info"))


def test_H40_bytes_that_keep_coming_do_not_put_it_off(app: Recorder) -> None:
    with serving(app, "http", tcp=True, header_timeout=1.0) as served:
        served.check_alive = lambda: None  # type: ignore[method-assign]
        with served.connect() as sock:
            sock.settimeout(0.1)
            sock.sendall(b"GET / HTTP/1.1\r\nX: ")
            for _ in range(int(PATIENCE / 0.1)):
                try:
                    sock.sendall(b"a")
                    if not sock.recv(1):
                        break
                except socket.timeout:  # nothing yet; TimeoutError from Python 3.10 on
                    continue
                except ConnectionError:  # a byte came after the close
                    break
            else:
                pytest.fail("the connection is still open")
    assert "request headers not complete in time" in served.log.text("info")


def test_H40_a_slow_body_is_given_up(app: Recorder) -> None:
    with serving(app, "http", tcp=True, body_timeout=0.2) as served:
        assert served.ask(post(b"hello")[:-1]) == b""
    assert "no byte of the body" in str(app.seen[0].error)


# Further


def test_H41_one_byte_per_send(served: Served, app: Recorder) -> None:
    data = post(b"one") + post_chunked(chunked(b"tw", b"o"), CLOSE)
    with served.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(data)):
            sock.sendall(data[at : at + 1])
        assert [response.body for response in responses(wire.receive_all(sock))] == [b"got one", b"got two"]


def test_H42_who_is_at_the_ends(served: Served, app: Recorder) -> None:
    with Peer(served) as peer:
        local, port = peer.sock.getsockname(), served.address[1]
        peer.send(request(b"GET / HTTP/1.1", CLOSE, host=b"Host: other.test:99\r\n"))
        only(peer.rest())
    environ = app.seen[-1].environ
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("127.0.0.1", str(local[1]))
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("other.test", str(port))
    assert environ["HTTP_HOST"] == "other.test:99"
    environ = accepted(served, app, request(b"GET / HTTP/1.0", host=b""))
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("127.0.0.1", str(port))
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.0"


def test_H42_over_a_Unix_socket(app: Recorder) -> None:
    with serving(app, "http") as served:
        environ = accepted(served, app, request(b"GET / HTTP/1.1", CLOSE, host=b"Host: other.test:99\r\n"))
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"], environ["REMOTE_ADDR"]) == ("other.test", "99", "")
    assert "REMOTE_PORT" not in environ


def test_H43_what_a_client_says_of_itself_is_no_variable(served: Served, app: Recorder) -> None:
    fields = [b"Remote-User: root", b"Proxy: http://evil/", b"Script-Name: /x", b"Https: on", b"Request-Scheme: https"]
    environ = accepted(served, app, request(b"GET / HTTP/1.1", *fields, CLOSE))
    assert (environ["HTTP_REMOTE_USER"], environ["SCRIPT_NAME"]) == ("root", "")
    assert environ["wsgi.url_scheme"] == environ["REQUEST_SCHEME"] == "http"
    assert not {"REMOTE_USER", "HTTP_PROXY", "HTTPS"} & environ.keys()


def test_H44_a_value_of_100_KiB_costs_no_time(served: Served, app: Recorder) -> None:
    """CVE-2020-5236: an expression that goes back and forth over white space takes minutes."""
    started = time.process_time()
    refused(served, app, request(b"GET / HTTP/1.1", b"X: " + b"x\t " * 33000 + b"\x0c"))
    assert time.process_time() - started < 10


def test_H45_a_server_that_stops_says_so() -> None:
    running: list[Served] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        running[0].server.stop()
        start_response("200 OK", [])
        return [b"last"]

    with serving(application, "http", tcp=True) as served:
        running.append(served)
        response = only(served.ask(GET))
        until(lambda: served.stopped)
    assert (response.body, response.header("Connection")) == (b"last", "close")


def test_H46_a_large_file(tmp_path: Any) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"0123456789abcdef" * 20000)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        headers = [("Content-Length", "320000")] if environ["PATH_INFO"] == "/known" else []
        start_response("200 OK", headers)
        return environ["wsgi.file_wrapper"](open(file, "rb"))

    with serving(application, "http", tcp=True) as served:
        served.check_alive = lambda: None  # type: ignore[method-assign]
        found = responses(served.ask(request(b"GET /known HTTP/1.1") + request(b"GET /unknown HTTP/1.1", CLOSE)))
    assert [response.body == file.read_bytes() for response in found] == [True, True]
    assert [response.header("Transfer-Encoding") for response in found] == ["", "chunked"]


def test_H47_a_client_that_others_have_written(served: Served, app: Recorder) -> None:
    url = "http://{}:{}".format(*served.address)
    with requests.Session() as session:
        session.trust_env = False
        for number in range(3):
            response = session.post(f"{url}/a%20b?{number}", data=iter([b"one ", b"two"]), timeout=PATIENCE)
            assert (response.status_code, response.text) == (200, "got one two")
        assert session.head(url, timeout=PATIENCE).status_code == 200
        assert session.put(url, data=b"x" * MIB, timeout=PATIENCE).content == b"got " + b"x" * MIB
    assert [seen.environ["QUERY_STRING"] for seen in app.seen] == ["0", "1", "2", "", ""]
    assert len({seen.environ["REMOTE_PORT"] for seen in app.seen}) == 1  # one connection for all


def test_H48_the_mount_point_is_what_the_setting_says(app: Recorder) -> None:
    with serving(app, "http", tcp=True, script_name="/app") as served:
        environ = accepted(served, app, request(b"GET /app/x%20y?z HTTP/1.1", CLOSE))
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app", "/x y")
        environ = accepted(served, app, request(b"GET /taken/off HTTP/1.1", CLOSE))
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app", "/taken/off")


def test_every_case_has_a_test() -> None:
    assert untested("H", __file__) == []

"""gateways.front.head: HTTP/1.1 request heads. The numbers are those of the HTTP cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.errors import ProtocolError
from gateways.front.head import MAX_HEADERS, MAX_LINE, RequestHead, parse_head


def head(*lines: str, host: str = "Host: h") -> RequestHead:
    """Parse a request line and headers; ``Host`` is added."""
    return parse_head("\r\n".join([lines[0], *([host] if host else []), *lines[1:], "", ""]).encode("latin-1"))


def refused(*lines: str, host: str = "Host: h") -> str:
    """Return the status that the request is refused with."""
    with pytest.raises(ProtocolError) as caught:
        head(*lines, host=host)
    assert str(caught.value).isprintable()
    return caught.value.status[:3]


GET = "GET / HTTP/1.1"
POST = "POST / HTTP/1.1"


def test_a_request() -> None:
    assert head("GET /a%20b?c HTTP/1.1", "X-A:  1 2\t ", "x-a:3", "Empty:") == RequestHead(
        method="GET",
        target="/a%20b?c",
        version="HTTP/1.1",
        headers=[("Host", "h"), ("X-A", "1 2"), ("x-a", "3"), ("Empty", "")],
        content_length=None,
        chunked=False,
        keep_alive=True,
        expects=False,
    )


@pytest.mark.parametrize("target", ["/", "//x//y", "/../x", "/%zz", "/a?b?c", "/\xff", "/a|b", "/?"])
def test_targets_are_left_as_they_are(target: str) -> None:
    """H38; ``http.server`` would make ``//x`` into ``/x``."""
    assert head(f"GET {target} HTTP/1.1").target == target


@pytest.mark.parametrize("method", ["GET", "PROPFIND", "get", "M-SEARCH", "!"])
def test_methods(method: str) -> None:
    assert head(f"{method} / HTTP/1.1").method == method


@pytest.mark.parametrize(
    "block",
    [
        b"GET / HTTP/1.1\nHost: h\n\n",
        b"GET / HTTP/1.0\r\nContent-Length: 5\r\n\n",
        b"GET / HTTP/1.1\r\nHost: h\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n",
    ],
)
def test_H03_lines_end_in_crlf(block: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_head(block)
    assert caught.value.status == "400 Bad Request"


@pytest.mark.parametrize(
    "line",
    [
        "GET /\rx HTTP/1.1",  # H02
        "GET /\0 HTTP/1.1",  # H04
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET\t/ HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /",  # H05
        "GET / HTTP/1.11",
        "GET / HTTP/111",
        "GET / FTP/1.1",
        "GET / http/1.1",
        "bla:rgh / HTTP/1.1",  # H06
        "GET: / HTTP/1.1",
        "G\xc9T / HTTP/1.1",
        " GET / HTTP/1.1",
        "GET foo HTTP/1.1",  # H07
        "GET host:443 HTTP/1.1",
        "GET * HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET http:///x HTTP/1.1",
        "GET http://a/b@c:d/ HTTP/1.1".replace("a/b@", "a b@"),
        "GET ftp://h/ HTTP/1.1",
        "GET /p#x HTTP/1.1",  # H08
        "",
    ],
)
def test_request_lines_that_are_none(line: str) -> None:
    assert refused(line) == "400"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET / HTTP/2.0", "505"),
        ("GET / HTTP/0.9", "505"),
        ("PRI * HTTP/2.0", "505"),  # H32
        ("GET / HTTP/1.2", "505"),
        ("CONNECT h:443 HTTP/1.1", "501"),
    ],
)
def test_H05_H07_what_is_not_implemented(line: str, status: str) -> None:
    assert refused(line) == status


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        ("http://other/p?q", "/p?q", "other"),
        ("HTTP://other:8080", "/", "other:8080"),
        ("http://other?q", "/?q", "other"),
        ("https://[::1]:80/", "/", "[::1]:80"),
    ],
)
def test_H07_an_absolute_target_replaces_the_host(target: str, path: str, host: str) -> None:
    parsed = head(f"GET {target} HTTP/1.1", "X-A: 1")
    assert (parsed.target, parsed.headers) == (path, [("Host", host), ("X-A", "1")])


@pytest.mark.parametrize("host", ["", "Host: a b", "Host: a/b", "Host: a,b\x80", "Host: h\r\nHost: h", "Host: @h"])
def test_H09_host_is_there_once_and_is_one(host: str) -> None:
    assert refused(GET, host=host) == "400"


@pytest.mark.parametrize(
    "host", ["Host:", "Host: h", "Host: h:80", "Host: [::1]:80", "Host: a_b.example", "host: 1.2.3.4"]
)
def test_H09_hosts(host: str) -> None:
    assert head(GET, host=host).headers[0][0].lower() == "host"


def test_HTTP_1_0_needs_no_host() -> None:
    parsed = head("GET / HTTP/1.0", host="")
    assert (parsed.version, parsed.keep_alive, parsed.headers) == ("HTTP/1.0", False, [])


@pytest.mark.parametrize(
    "line",
    [
        "Content-Length : 3",  # H10
        " folded: yes",  # H11
        "\tfolded",
        "X\x01: y",  # H12
        "X\x85: y",
        "X\xa0: y",
        "X y: z",
        ": x",
        "no colon",
        "X: a\0b",
        "X: a\rb",
        "X: a\x7fb",
        "X: \x0bb",
    ],
)
def test_header_lines_that_are_none(line: str) -> None:
    assert refused(GET, line) == "400"


def test_header_values_may_be_any_latin_1() -> None:
    """H12, H18: only space and tab are white space."""
    assert head(GET, "X: \xa0\x85\xe9\t").headers[1] == ("X", "\xa0\x85\xe9")


@pytest.mark.parametrize("length", ["0", "5", "0007", "9" * 19])
def test_H13_lengths(length: str) -> None:
    assert head(POST, f"Content-Length: {length}").content_length == int(length)


@pytest.mark.parametrize(
    "lines",
    [
        *(f"Content-Length: {text}" for text in ("-1", "+1", "0x5", "1_0", "5, 5", "", "9" * 20, "\xb2", "5;")),
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\ncontent-length: 6",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",  # H14
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",  # H15
    ],
)
def test_H13_H14_H15_framing_in_doubt_is_refused(lines: str) -> None:
    assert refused(POST, lines) == "400"


@pytest.mark.parametrize(
    "coding",
    [
        *("gzip", "xchunked", '"chunked"', "identity", "", "chunked, chunked", "gzip, chunked", "chunked;q=1"),
        "chunked\xa0",  # H18
    ],
)
def test_H16_H18_other_codings_are_not_implemented(coding: str) -> None:
    assert refused(POST, f"Transfer-Encoding: {coding}") == "501"


def test_H17_no_chunked_body_in_http_1_0() -> None:
    assert refused("POST / HTTP/1.0", "Transfer-Encoding: chunked") == "400"


def test_H19_an_underscore_is_no_dash() -> None:
    parsed = head(POST, "Transfer_Encoding: chunked", "Content_Length: 5")
    assert (parsed.chunked, parsed.content_length) == (False, None)


def test_chunked() -> None:
    assert head(POST, "transfer-encoding: Chunked").chunked


@pytest.mark.parametrize(
    ("line", "version", "expects"),
    [("100-continue", "1.1", True), ("100-Continue", "1.1", True), ("100-continue", "1.0", False)],
)
def test_H25_expectations(line: str, version: str, expects: bool) -> None:
    assert head(f"POST / HTTP/{version}", f"Expect: {line}").expects is expects


def test_H25_other_expectations_fail() -> None:
    assert refused(POST, "Expect: the worst") == "417"


def test_H26_limits() -> None:
    assert len(head(GET, *["X: y"] * (MAX_HEADERS - 1)).headers) == MAX_HEADERS
    assert refused(GET, *["X: y"] * MAX_HEADERS) == "431"
    longest = "GET /" + "x" * (MAX_LINE - 14) + " HTTP/1.1"
    assert len(head(longest).target) == MAX_LINE - 13
    assert refused(longest.replace("/x", "/xx")) == "414"


@pytest.mark.parametrize(
    ("version", "connection", "keep"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close", False),
        ("1.1", "Connection: x, Close\t", False),
        ("1.1", "Connection: Content-Length", True),
        ("1.0", "", False),
        ("1.0", "Connection: Keep-Alive", True),
        ("1.0", "Connection: keep-alive, close", False),
    ],
)
def test_H31_keep_alive(version: str, connection: str, keep: bool) -> None:
    assert head(f"GET / HTTP/{version}", *([connection] if connection else [])).keep_alive is keep


@given(st.binary(max_size=80))
def test_any_bytes_are_a_request_or_refused(data: bytes) -> None:
    status = "none"
    try:
        parse_head(data + b"\r\n\r\n")
    except ProtocolError as error:
        status = error.status
    assert status

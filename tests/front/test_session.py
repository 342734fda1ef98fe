"""gateways.front.session: what the backend gets of a request, and requests that it never gets."""

from __future__ import annotations

import hashlib

import pytest
import requests

from tests.support.backends import Answering, flup, scripted
from tests.support.fronting import GET, GET_AND_CLOSE, Fronted, fronting
from tests.support.serving import PATIENCE, Recorder, serving, until

MIB = 1 << 20


def test_the_variables_of_a_request(fronted: Fronted, backend: Answering) -> None:
    host, port = fronted.front.address
    fronted.ask(
        b"POST //a%20b/c%2Fd/%FF?x=1&y=%C3%A9 HTTP/1.1\r\nHost: example.test:99\r\nConnection: close\r\n"
        b"Content-Type: text/x\r\nContent-Length: 4\r\nX-A: 1\r\n\r\nbody"
    )
    variables = backend.variables[0]
    expected = {
        b"GATEWAY_INTERFACE": b"CGI/1.1",
        b"SERVER_PROTOCOL": b"HTTP/1.1",
        b"SERVER_NAME": host.encode(),
        b"SERVER_PORT": b"%d" % port,
        b"REQUEST_METHOD": b"POST",
        b"REQUEST_URI": b"//a%20b/c%2Fd/%FF?x=1&y=%C3%A9",
        b"SCRIPT_NAME": b"",
        b"PATH_INFO": b"//a b/c/d/\xff",
        b"QUERY_STRING": b"x=1&y=%C3%A9",
        b"CONTENT_LENGTH": b"4",
        b"CONTENT_TYPE": b"text/x",
        b"REMOTE_ADDR": b"127.0.0.1",
        b"HTTP_HOST": b"example.test:99",
        b"HTTP_X_A": b"1",
    }
    assert expected.items() <= variables.items()
    assert variables[b"REMOTE_PORT"].isdigit()
    assert not {b"HTTPS", b"HTTP_CONNECTION", b"HTTP_CONTENT_TYPE"} & variables.keys()
    assert not any(b"FORWARDED" in name for name in variables)
    assert backend.bodies == [b"body"]


def test_what_a_client_may_not_say(fronted: Fronted, backend: Answering) -> None:
    """F43 and the table of leaks: Proxy, underscores, hop-by-hop headers."""
    fronted.ask(
        b"GET / HTTP/1.1\r\nHost: h\r\nProxy: http://evil/\r\nX_A: 3\r\nX-A: 1\r\nX-A: 2\r\nCookie: a=1\r\n"
        b"Cookie: b=2\r\nContent_Length: 99\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n"
        b"TE: trailers\r\nUpgrade: websocket\r\n\r\n"
    )
    names = {name: value for name, value in backend.variables[0].items() if name.startswith(b"HTTP_")}
    assert names == {b"HTTP_HOST": b"h", b"HTTP_X_A": b"1, 2", b"HTTP_COOKIE": b"a=1; b=2"}
    assert b"CONTENT_LENGTH" not in backend.variables[0]


def test_a_mounted_application(backend: Answering) -> None:
    with scripted(backend) as served, fronting(served.address, script_name="/app") as front:
        assert front.url.endswith("/app")
        for path, status in (("", 200), ("/", 200), ("/x", 200), ("x", 404), ("/../x", 200)):
            sent = front.ask(b"GET /app%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" % path.encode())
            assert sent.startswith(b"HTTP/1.1 %d " % status)
        assert [item[b"PATH_INFO"] for item in backend.variables] == [b"", b"/", b"/x", b"/../x"]
        assert {item[b"SCRIPT_NAME"] for item in backend.variables} == {b"/app"}


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi", "ajp"])
def test_flup_behind_the_front(protocol: str) -> None:
    with flup(protocol) as address, fronting(address, protocol) as front, requests.Session() as session:
        body = bytes(range(256)) * 4 * 1024
        for data in (body, iter([body[:70000], body[70000:]])):
            response = session.post(f"{front.url}/a%20b?x", data=data, timeout=PATIENCE)
            text, _, received = response.content.partition(b"\n\n")
            assert hashlib.sha256(received).digest() == hashlib.sha256(body).digest()
            path = b"/a%20b" if protocol == "ajp" else b"/a b"  # it does not decode what mod_proxy_ajp sends
            assert {b"PATH_INFO=" + path, b"CONTENT_LENGTH=1048576"} <= set(text.split(b"\n"))
        assert session.head(front.url, timeout=PATIENCE).text == ""
        if protocol == "fastcgi":
            until(lambda: "asked for /a b\n" in front.log)


def test_connections_to_the_backend_are_kept(backend: Answering) -> None:
    with scripted(backend) as served, fronting(served.address) as front, requests.Session() as session:
        for _ in range(5):
            assert session.get(front.url, timeout=PATIENCE).text == "hello"
        assert served.accepted == 1


@pytest.mark.parametrize("size", [0, 1, 65537, 10 * MIB])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies(size: int, chunked: bool, fronted: Fronted, backend: Answering) -> None:
    body = bytes(size)
    data = (body[start : start + 100000] for start in range(0, size, 100000)) if chunked else body
    response = requests.post(fronted.url, data=data, timeout=PATIENCE)
    assert response.text == "hello"
    assert backend.bodies == [body]
    assert backend.variables[0][b"CONTENT_LENGTH"] == b"%d" % size


def test_H25_continue_is_sent_before_the_body_and_once(fronted: Fronted, backend: Answering) -> None:
    with fronted.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hello")
        assert sock.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    assert backend.bodies == [b"hello"]
    assert b"HTTP_EXPECT" not in backend.variables[0]


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 101\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n65\r\n" + b"x" * 101]
)
def test_H25_H26_a_body_above_the_limit(framing: bytes, backend: Answering) -> None:
    with scripted(backend) as served, fronting(served.address, max_body=100) as front:
        answer = front.ask(b"POST / HTTP/1.1\r\nHost: h\r\n" + framing)
        assert answer.startswith(b"HTTP/1.1 413 Content Too Large\r\n")
        assert b"\r\nConnection: close\r\n" in answer
        answer = front.ask(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 413 "), "no 100 Continue"
        assert requests.post(front.url, b"x" * 100, timeout=PATIENCE).text == "hello"
        assert len(backend.bodies) == 1


def test_a_client_sees_413_although_it_sends_on(backend: Answering) -> None:
    with scripted(backend) as served, fronting(served.address, max_body=100) as front:
        assert requests.post(front.url, bytes(4 * MIB), timeout=PATIENCE).status_code == 413


def test_H27_pipelined_requests_are_answered_in_order(backend: Answering) -> None:
    second = b"POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
    with scripted(backend) as served, fronting(served.address) as front:
        answers = front.ask(GET + second + GET_AND_CLOSE)
    assert answers.count(b"HTTP/1.1 200 OK") == 3
    assert [item[b"REQUEST_URI"] for item in backend.variables] == [b"/", b"/2", b"/"]
    assert backend.bodies == [b"", b"hello", b""]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\n\r\n\r\n", 400),  # H39
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        (b"GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
        (b"POST / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", 417),
    ],
)
def test_H30_a_bad_request_is_answered_and_nothing_behind_it_runs(
    request_: bytes, status: int, fronted: Fronted, backend: Answering
) -> None:
    answer = fronted.ask(request_ + GET)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"\r\nDate: ") == 1, "one answer, and none to the second request"
    assert b"\r\nConnection: close\r\n" in answer
    assert backend.variables == []
    assert requests.get(fronted.url, timeout=PATIENCE).text == "hello"


def test_a_client_that_goes_in_the_middle_of_its_upload(fronted: Fronted, backend: Answering) -> None:
    with fronted.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel")
    until(lambda: "closed the connection before the end" in fronted.log)
    assert '"POST / HTTP/1.1" - 0 ' in fronted.log
    assert backend.variables == []


def test_headers_for_which_the_protocol_has_no_room() -> None:
    """AJP13 has one packet of 8 KiB for them."""
    with serving(Recorder(), "ajp") as served, fronting(f"unix:{served.address}", "ajp") as front:
        answer = front.ask(b"GET / HTTP/1.1\r\nHost: h\r\nCookie: %b\r\n\r\n" % (b"x" * 9000))
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"an AJP13 request has at most 8192 bytes" in answer

"""gateways.front.reply: what a client gets, from backends that answer, fail, or stop half-way."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import requests

from tests.support import wire
from tests.support.backends import HEAD, Answering, Peer, ended, saying, scripted, stdout
from tests.support.fronting import GET, GET_AND_CLOSE, Fronted, fronting
from tests.support.serving import PATIENCE, until


def body_of(response: bytes) -> bytes:
    return response.partition(b"\r\n\r\n")[2]


def test_a_response_without_a_length_is_chunked(fronted: Fronted) -> None:
    answer = fronted.ask(GET_AND_CLOSE)
    assert b"\r\nTransfer-Encoding: chunked\r\n" in answer
    assert body_of(answer) == b"5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("text", "head", "body"),
    [
        (b"Status: 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"HTTP/1.1 200 OK\r\nContent-Length: 5", b"hello"),
        (b"Status: 299\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 299 \r\nContent-Length: 0", b""),
        (b"Status: 204 No Content\r\nContent-Length: 5\r\n\r\nhello", b"HTTP/1.1 204 No Content", b""),
        (b"Status: 304 Not Modified\r\nETag: x\r\n\r\nhello", b"HTTP/1.1 304 Not Modified\r\nETag: x", b""),
        (b"Location: /x\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0", b""),
        (
            b"Status: 200 Tr\xe8s bien\r\nX-A: \xff\r\nX-A: 2\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\n"
            b"Transfer-Encoding: chunked\r\nDate: today\r\nContent-Length: 1\r\n\r\nx",
            b"HTTP/1.1 200 Tr\xe8s bien\r\nX-A: \xff\r\nX-A: 2\r\nDate: today\r\nContent-Length: 1",
            b"x",
        ),
    ],
)
def test_responses(text: bytes, head: bytes, body: bytes) -> None:
    with scripted(Answering(text)) as served, fronting(served.address) as front, front.connect() as sock:
        for _ in range(2):  # each leaves the connection ready for the next
            sock.sendall(GET)
            received = b""
            while not (b"\r\n\r\n" in received and len(body_of(received)) >= len(body)):
                received += sock.recv(65536)
            lines = [line for line in received.partition(b"\r\n\r\n")[0].split(b"\r\n") if line[:9] != b"Date: Sat"]
            assert [line for line in lines if b" GMT" not in line] == head.split(b"\r\n")
            assert body_of(received) == body


def test_a_date_is_added(fronted: Fronted) -> None:
    assert requests.get(fronted.url, timeout=PATIENCE).headers["Date"].endswith(" GMT")


@pytest.mark.parametrize("length", [b"", b"Content-Length: 5\r\n"])
def test_HEAD_has_no_body(length: bytes) -> None:
    with scripted(Answering(b"X-A: 1\r\n" + length + b"\r\nhello")) as served, fronting(served.address) as front:
        answer = front.ask(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", b"HEAD / HTTP/1.0\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200 OK\r\nX-A: 1\r\n" + length) == 2
        assert b"hello" not in answer
        assert b"chunked" not in answer


def test_H35_HTTP_1_0_is_delimited_by_the_close(fronted: Fronted) -> None:
    answer = fronted.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert b"chunked" not in answer
    assert b"\r\nConnection: close\r\n" in answer
    assert body_of(answer) == b"hello"


def test_HTTP_1_0_is_kept_alive_when_it_asks_and_the_length_is_known() -> None:
    with scripted(Answering(b"Content-Length: 5\r\n\r\nhello")) as served, fronting(served.address) as front:
        asked = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        answer = front.ask(asked + asked + b"GET / HTTP/1.0\r\n\r\n")
        assert answer.count(b"\r\nConnection: keep-alive\r\n") == 2
        assert answer.count(b"\r\nConnection: close\r\n") == 1


def test_L34_each_block_leaves_at_once() -> None:
    """The client has a block before the backend makes the next."""
    seen = threading.Event()

    def act(peer: Peer) -> None:
        peer.request()
        for block in (HEAD, b"one", b"two"):
            peer.send(stdout(block))
            assert seen.wait(PATIENCE)
            seen.clear()
        peer.send(ended())

    with scripted(act) as served, fronting(served.address) as front, front.connect() as sock:
        sock.sendall(GET)
        for expected in (b"\r\n\r\n", b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"):
            received = b""
            while not received.endswith(expected):
                received += sock.recv(65536)
            seen.set()


def test_a_large_response_arrives_whole() -> None:
    text = bytes(range(256)) * 4 * 4096
    with scripted(Answering(HEAD + text)) as served, fronting(served.address) as front:
        assert requests.get(front.url, timeout=PATIENCE).content == text


def test_no_backend_is_502_with_a_line_to_read(tmp_path: Path) -> None:
    with fronting(f"unix:{tmp_path}/none") as front, requests.Session() as session:
        for _ in range(2):
            response = session.post(front.url, b"body", timeout=PATIENCE)
            assert response.status_code == 502
            assert response.headers["Content-Type"] == "text/plain; charset=us-ascii"
            assert response.text == f"502 Bad Gateway: cannot connect to unix:{tmp_path}/none: " + (
                "no such socket file; start the server, or give the path it listens on\n"
            )
        until(lambda: front.log.count("no such socket file") == 2)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 502),
        (stdout(HEAD[:20]), 502),
        (ended(), 502),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", 502),
        (stdout(b"Hello\n\nworld") + ended(), 502),
        (stdout(b"X: a\rb\n\n") + ended(), 502),
        (ended(protocol_status=wire.OVERLOADED), 503),
        (ended(protocol_status=wire.UNKNOWN_ROLE), 502),
    ],
)
def test_a_backend_that_fails_before_its_headers(data: bytes, status: int) -> None:
    with scripted(saying(data)) as served, fronting(served.address) as front, requests.Session() as session:
        for _ in range(2):
            response = session.get(front.url, timeout=PATIENCE)
            assert response.status_code == status
            assert response.text.startswith(f"{status} ")
            assert response.text.count("\n") == 1
            assert "Traceback" not in response.text


def test_a_silent_backend_is_504() -> None:
    def act(peer: Peer) -> None:
        peer.request()
        peer.wait_for_close()

    with scripted(act) as served, fronting(served.address, timeout=0.1) as front:
        assert requests.get(front.url, timeout=PATIENCE).status_code == 504


HALF = [
    (stdout(HEAD + b"half"), b"chunked"),  # closed without END_REQUEST
    (stdout(HEAD + b"half") + b"HTTP", b"chunked"),  # not FastCGI any more
    (stdout(HEAD + b"half") + ended(app_status=1), b"chunked"),
    (stdout(HEAD + b"half") + ended(protocol_status=2), b"chunked"),
    (stdout(b"Content-Length: 9\r\n\r\nhalf"), b"Content-Length: 9"),
    (stdout(b"Content-Length: 9\r\n\r\nhalf") + ended(), b"Content-Length: 9"),
]


@pytest.mark.parametrize(("data", "framing"), HALF)
def test_half_a_response_never_looks_whole(data: bytes, framing: bytes) -> None:
    """The connection ends without the last chunk, or short of Content-Length."""
    with scripted(saying(data)) as served, fronting(served.address) as front:
        answer = front.ask(GET)
        assert framing in answer
        assert body_of(answer) in (b"half", b"4\r\nhalf\r\n")
        assert "(broken off: " in front.log
        with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
            requests.get(front.url, timeout=PATIENCE)


def test_half_a_response_delimited_by_the_close_is_reset() -> None:
    with (
        scripted(saying(stdout(HEAD + b"half"))) as served,
        fronting(served.address) as front,
        pytest.raises(ConnectionResetError),
    ):
        front.ask(b"GET / HTTP/1.0\r\n\r\n")


def test_a_silent_backend_in_the_middle_of_a_response() -> None:
    def act(peer: Peer) -> None:
        peer.request()
        peer.send(stdout(HEAD + b"half"))
        peer.wait_for_close()

    with scripted(act) as served, fronting(served.address, timeout=2.0) as front:
        assert body_of(front.ask(GET)) == b"4\r\nhalf\r\n"


def test_more_body_than_announced_never_reaches_the_client() -> None:
    data = stdout(b"Content-Length: 3\r\n\r\nhello") + ended()
    with scripted(saying(data)) as served, fronting(served.address) as front:
        assert body_of(front.ask(GET + GET)) == b"hel"
        assert "more body than the Content-Length" in front.log


def test_an_error_status_after_a_complete_body_is_only_logged() -> None:
    text = b"Content-Length: 5\r\n\r\nhello"
    with scripted(Answering(text, app_status=1)) as served, fronting(served.address) as front:
        assert front.ask(GET + GET_AND_CLOSE).count(b"hello") == 2
        assert "(the backend ended with the status 1)" in front.log


def test_a_client_that_goes_in_the_middle_of_its_response() -> None:
    """The backend's connection is closed, so that it can stop."""
    gone = threading.Event()

    def act(peer: Peer) -> None:
        peer.request()
        peer.send(stdout(HEAD))
        try:
            while True:
                peer.send(stdout(bytes(65000)))
        except OSError:
            gone.set()

    with scripted(act) as served, fronting(served.address) as front:
        with front.connect() as sock:
            sock.sendall(GET)
            sock.recv(1000)
        assert gone.wait(PATIENCE)
        until(lambda: "the client went away" in front.log)


def test_a_client_that_reads_nothing_is_given_up() -> None:
    gone = threading.Event()

    def act(peer: Peer) -> None:
        peer.request()
        peer.send(stdout(HEAD))
        try:
            while True:
                peer.send(stdout(bytes(65000)))
        except OSError:
            gone.set()

    with (
        scripted(act) as served,
        fronting(served.address, write_timeout=0.1) as front,
        front.connect() as sock,
    ):
        sock.sendall(GET)
        assert gone.wait(PATIENCE)
        until(lambda: "the client went away: it reads nothing" in front.log)

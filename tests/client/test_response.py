"""gateways.client.response: what is read of a response, and what becomes of half a one."""

from __future__ import annotations

import threading

import pytest

from gateways.client import Client, request
from gateways.client.response import MAX_STDERR
from gateways.errors import ProtocolError, TruncatedResponse
from tests.support import wire
from tests.support.backends import HEAD, Peer, ended, saying, saying_scgi, scripted, stdout


def test_the_body_is_read_as_it_comes() -> None:
    go_on = threading.Event()

    def act(peer: Peer) -> None:
        peer.request()
        peer.send(stdout(HEAD))
        assert go_on.wait(10)
        peer.send(stdout(b"one"), stdout(b"two"), ended())

    with scripted(act) as backend, request("fastcgi", backend.address) as response:
        assert response.status == 200
        go_on.set()
        assert b"".join(response.iter_body()) == b"onetwo"
        assert response.read() == b""


@pytest.mark.parametrize(
    ("method", "status", "extra"),
    [("HEAD", b"200 OK", b""), ("GET", b"204 No Content", b""), ("GET", b"304 Not Modified", b"Content-Length: 9\r\n")],
)
def test_a_body_where_http_has_none_is_dropped(method: str, status: bytes, extra: bytes) -> None:
    def act(peer: Peer) -> None:
        for _ in range(2):
            peer.request()
            peer.answer(b"Status: " + status + b"\r\n" + extra + b"\r\nnot for you")

    with scripted(act) as backend, Client("fastcgi", backend.address) as client:
        for _ in range(2):
            with client.request(method) as response:
                assert not response.has_body
                assert response.read() == b""
    assert backend.accepted == 1, "what was dropped does not spoil the connection"


def test_error_text_is_kept_and_passed_on() -> None:
    def act(peer: Peer) -> None:
        peer.request()
        peer.send(wire.record(wire.STDERR, 1, b"early\n"), stdout(HEAD), wire.record(wire.STDERR, 1, b"late\n"))
        for _ in range(3):
            peer.send(wire.record(wire.STDERR, 1, b"x" * 60000))
        peer.send(ended(app_status=7))

    heard: list[bytes] = []
    with scripted(act) as backend, Client("fastcgi", backend.address, on_stderr=heard.append) as client:
        with client.request() as response:
            assert response.stderr == b"early\n"
            response.read()
        assert response.stderr.startswith(b"early\nlate\nxxx")
        assert len(response.stderr) == MAX_STDERR
        assert len(b"".join(heard)) == 11 + 180000
        assert response.app_status == 7


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "without a word"),
        (stdout(HEAD[:20]), "before the end"),
        (stdout(HEAD[:20]) + ended(), "inside the header block"),
        (ended(), "without an answer"),
    ],
)
def test_a_backend_that_goes_before_its_headers(data: bytes, reason: str) -> None:
    with scripted(saying(data)) as backend, pytest.raises(TruncatedResponse, match=reason) as caught:
        request("fastcgi", backend.address)
    assert backend.address in str(caught.value)


@pytest.mark.parametrize(("data", "reason"), [(b"", "without a word"), (HEAD[:20], "inside the header block")])
def test_an_scgi_backend_that_goes_before_its_headers(data: bytes, reason: str) -> None:
    with scripted(saying_scgi(data)) as backend, pytest.raises(TruncatedResponse, match=reason):
        request("scgi", backend.address)


@pytest.mark.parametrize(
    "data",
    [
        stdout(HEAD + b"half"),
        stdout(b"Content-Length: 9\r\n\r\nhalf"),
        stdout(b"Content-Length: 9\r\n\r\nhalf") + ended(),
        stdout(HEAD + b"half") + stdout(b"more")[:10],
    ],
)
def test_a_backend_that_goes_in_the_middle(data: bytes) -> None:
    with scripted(saying(data)) as backend, request("fastcgi", backend.address) as response:
        body = response.iter_body()
        assert next(body) == b"half"
        with pytest.raises(TruncatedResponse):
            next(body)


def test_an_scgi_response_shorter_than_its_length() -> None:
    with (
        scripted(saying_scgi(b"Content-Length: 9\r\n\r\nhalf")) as backend,
        request("scgi", backend.address) as response,
        pytest.raises(TruncatedResponse, match="4 bytes of the 9"),
    ):
        response.read()


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
def test_a_response_longer_than_its_length(protocol: str) -> None:
    """The bytes announced are delivered, the others never."""
    text = b"Content-Length: 3\r\n\r\nhello"
    act = saying(stdout(text), ended()) if protocol == "fastcgi" else saying_scgi(text)
    with scripted(act) as backend, request(protocol, backend.address) as response:
        body = response.iter_body()
        assert next(body) == b"hel"
        with pytest.raises(ProtocolError, match="more body than"):
            next(body)


def test_a_response_that_is_complete_but_for_the_end() -> None:
    """All bytes of it have come, so nothing is truncated."""
    data = stdout(b"Content-Length: 5\r\n\r\nhello")
    with scripted(saying(data)) as backend, request("fastcgi", backend.address) as response:
        assert response.read() == b"hello"
        assert response.app_status is None


@pytest.mark.parametrize(("status", "answer"), [(1, "502"), (2, "503"), (3, "502"), (9, "502")])
def test_a_refused_request(status: int, answer: str) -> None:
    """FastCGI 1.0, section 5.5."""
    with (
        scripted(saying(ended(protocol_status=status))) as backend,
        pytest.raises(ProtocolError, match="refused the request") as caught,
    ):
        request("fastcgi", backend.address)
    assert caught.value.status.startswith(answer)


def test_closing_early_closes_the_connection() -> None:
    gone = threading.Event()

    def act(peer: Peer) -> None:
        peer.request()
        peer.send(stdout(HEAD))
        peer.wait_for_close()
        gone.set()

    with scripted(act) as backend, Client("fastcgi", backend.address) as client:
        with client.request():
            pass
        assert gone.wait(10)

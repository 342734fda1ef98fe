"""gateways.client: requests over real sockets, to scripted backends and to flup."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateways.client import Client, request
from gateways.client.response import MAX_STDERR
from gateways.errors import BackendTimeout, ConfigError, ConnectError, ProtocolError, TruncatedResponse
from tests.support import wire
from tests.support.backends import Act, Peer, ended, flup, scripted, stdout

MIB = 1 << 20
HEAD = b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n"


def saying(*data: bytes) -> Act:
    """Read a FastCGI request, send ``data`` and close."""

    def act(peer: Peer) -> None:
        peer.request()
        peer.send(*data)

    return act


def saying_scgi(data: bytes) -> Act:
    """Read an SCGI request, send ``data`` and close."""

    def act(peer: Peer) -> None:
        peer.scgi_request()
        peer.send(data)

    return act


# A request and its response


@pytest.mark.parametrize("tcp", [False, True])
def test_a_request_over_fastcgi(tcp: bool) -> None:
    seen = []

    def act(peer: Peer) -> None:
        seen.append(peer.request())
        peer.answer(b"Status: 201 Made\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello")

    with (
        scripted(act, tcp=tcp) as backend,
        request(
            *("fastcgi", backend.address, "POST", "/app/x?q", [("X-B", "3")], b"body"),
            script_name="/app",
            variables=[("REMOTE_USER", "ann"), ("SERVER_NAME", "example.test")],
        ) as response,
    ):
        assert (response.status, response.reason) == (201, "Made")
        assert response.headers == [("X-A", "1"), ("x-a", "2")]
        assert (response.header("X-a"), response.header("X-C")) == ("1", None)
        assert (response.content_length, response.app_status) == (None, None)
        assert response.read() == b"hello"
        assert response.app_status == 0
    variables, body = seen[0]
    assert body == b"body"
    expected = {b"REQUEST_URI": b"/app/x?q", b"SCRIPT_NAME": b"/app", b"PATH_INFO": b"/x", b"CONTENT_LENGTH": b"4"}
    expected |= {b"HTTP_X_B": b"3", b"HTTP_HOST": b"localhost", b"REMOTE_USER": b"ann", b"SERVER_NAME": b"example.test"}
    assert expected.items() <= variables.items()


def test_a_request_over_scgi() -> None:
    seen = []

    def act(peer: Peer) -> None:
        seen.append(peer.scgi_request())
        peer.send(b"Status: 404 Not Found\n\nnothing here")

    with scripted(act) as backend, request("scgi", backend.address, "PUT", "/x", body=b"body") as response:
        assert (response.status, response.read(), response.app_status) == (404, b"nothing here", 0)
    variables, body = seen[0]
    assert (body, list(variables)[:2]) == (b"body", [b"CONTENT_LENGTH", b"SCGI"])


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
def test_flup_answers(protocol: str) -> None:
    """The reference peer, which shares no code with us."""
    with flup(protocol) as address, Client(protocol, address) as client:
        body = bytes(range(256)) * 1000
        for _ in range(2):
            with client.request("POST", "/a%20b?x=1", [("X-A", "1"), ("X-A", "2")], body) as response:
                text, _, received = response.read().partition(b"\n\n")
            assert received == body
            assert {b"PATH_INFO=/a b", b"QUERY_STRING=x=1", b"HTTP_X_A=1, 2"} <= set(text.split(b"\n"))
            if protocol == "fastcgi":
                assert response.stderr == b"asked for /a b\n"


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


# Large bodies


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
@pytest.mark.parametrize("tcp", [False, True])
def test_an_upload_that_is_never_read_does_not_keep_the_answer_away(protocol: str, tcp: bool) -> None:
    """10 MiB fit no socket buffer: who sends them all first waits for ever."""

    def act(peer: Peer) -> None:
        if protocol == "fastcgi":
            peer.head()
            peer.answer(b"Status: 413 Content Too Large\r\n\r\ntoo much")
        else:
            peer.scgi_head()
            peer.send(b"Status: 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo much")
        if tcp:
            peer.sock.recv(1)  # let the answer through before the reset of an unread upload
            time.sleep(0.05)

    with (
        scripted(act, tcp=tcp) as backend,
        request(protocol, backend.address, "POST", body=bytes(10 * MIB)) as response,
    ):
        assert (response.status, response.read()) == (413, b"too much")


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
def test_a_backend_that_answers_before_it_reads(protocol: str) -> None:
    """Both sides full at once: 4 MiB of answer before the first byte of 4 MiB of upload is read."""
    answer = b"a" * (4 * MIB)
    received = []

    def act(peer: Peer) -> None:
        if protocol == "fastcgi":
            peer.head()
            peer.send(stdout(HEAD + answer))
            size = 0
            while piece := peer.records.record().content:
                size += len(piece)
            peer.send(ended())
        else:
            variables = peer.scgi_head()
            peer.send(HEAD + answer)
            size = len(peer._exactly(int(variables[b"CONTENT_LENGTH"])))
        received.append(size)

    with (
        scripted(act) as backend,
        request(protocol, backend.address, "POST", body=bytes(4 * MIB)) as response,
    ):
        assert response.read() == answer
    assert received == [4 * MIB]


def test_large_bodies_take_constant_memory() -> None:
    size = 32 * MIB
    piece = bytes(65528)

    def act(peer: Peer) -> None:
        peer.head()
        while peer.records.record().content:
            pass
        peer.send(stdout(HEAD))
        for _ in range(size // len(piece)):
            peer.send(stdout(piece))
        peer.send(ended())

    def blocks() -> Iterator[bytes]:
        for _ in range(size // len(piece)):
            yield piece

    with scripted(act) as backend:
        tracemalloc.start()
        try:
            with request("fastcgi", backend.address, "POST", body=blocks()) as response:
                assert sum(map(len, response.iter_body())) == size // len(piece) * len(piece)
            assert tracemalloc.get_traced_memory()[1] < 2 * MIB
        finally:
            tracemalloc.stop()


def test_a_body_of_unknown_length_is_streamed_by_fastcgi() -> None:
    """No CONTENT_LENGTH; its end is the empty STDIN record."""
    seen = []
    go_on = threading.Event()

    def act(peer: Peer) -> None:
        seen.append(peer.head())
        assert peer.records.record().content == b"one"
        go_on.set()
        assert peer.records.record().content == b"two"
        assert peer.records.record().content == b""
        peer.answer()

    def blocks() -> Iterator[bytes]:
        yield b"one"
        assert go_on.wait(10), "the first block is on its way while the second is made"
        yield b"two"

    with scripted(act) as backend, request("fastcgi", backend.address, "POST", body=blocks()) as response:
        assert response.read() == b"hello"
    assert b"CONTENT_LENGTH" not in seen[0]


def test_a_body_of_unknown_length_is_measured_for_scgi() -> None:
    seen = []

    def act(peer: Peer) -> None:
        seen.append(peer.scgi_request()[1])
        peer.send(HEAD)

    with scripted(act) as backend, request("scgi", backend.address, "POST", body=iter([b"one", b"two"])) as response:
        response.read()
    assert seen == [b"onetwo"]


def test_a_file_is_sent(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"x" * 100000)
    seen = []

    def act(peer: Peer) -> None:
        seen.append(peer.request())
        peer.answer()

    with scripted(act) as backend, (tmp_path / "body").open("rb") as file:
        request("fastcgi", backend.address, "POST", body=file).read()
    assert seen[0][1] == b"x" * 100000
    assert seen[0][0][b"CONTENT_LENGTH"] == b"100000"


def test_a_body_that_fails_ends_the_request() -> None:
    received = []

    def act(peer: Peer) -> None:
        peer.head()
        received.append(peer.wait_for_close())

    def blocks() -> Iterator[bytes]:
        yield b"x" * 100000
        raise RuntimeError("the source of the body")

    with (
        scripted(act) as backend,
        pytest.raises(RuntimeError, match="the source of the body"),
    ):
        request("fastcgi", backend.address, "POST", body=blocks())
    assert wire.record(wire.STDIN, 1) not in received[0], "the backend must not take it for the whole body"


# What goes wrong


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
def test_nothing_listens(protocol: str, tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match="no such socket file"):
        request(protocol, f"unix:{tmp_path}/none")


@pytest.mark.parametrize(("protocol", "address"), [("http", "127.0.0.1:80"), ("fastcgi", "nowhere"), ("scgi", "fd:0")])
def test_a_wrong_protocol_or_address(protocol: str, address: str) -> None:
    with pytest.raises(ConfigError):
        request(protocol, address)


@pytest.mark.parametrize(
    "arguments",
    [
        {"target": "x"},
        {"target": "/%00"},
        {"target": "/x", "script_name": "/app"},
        {"headers": [("X-A", "\u20ac")]},
        {"variables": [("", "x")]},
        {"variables": [("A", "\0")]},
    ],
)
@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
def test_what_cannot_be_sent(protocol: str, arguments: dict[str, Any]) -> None:
    with scripted(lambda peer: None) as backend, pytest.raises(ValueError, match=r"."):
        request(protocol, backend.address, **arguments)


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
def test_a_peer_that_speaks_http(protocol: str) -> None:
    def act(peer: Peer) -> None:
        peer.sock.recv(65536)
        peer.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    with scripted(act) as backend:
        with pytest.raises(ProtocolError, match="HTTP") as caught:
            request(protocol, backend.address)
        assert backend.address in str(caught.value)


def test_fastcgi_and_scgi_taken_for_each_other() -> None:
    with scripted(saying_scgi(stdout(HEAD))) as backend, pytest.raises(ProtocolError, match="answers in FastCGI"):
        request("scgi", backend.address)
    with scripted(saying(HEAD)) as backend, pytest.raises(ProtocolError, match="looks like CGI or SCGI"):
        request("fastcgi", backend.address)


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


@pytest.mark.parametrize("data", [b"", stdout(HEAD[:20]), stdout(HEAD + b"half")])
def test_a_silent_backend(data: bytes) -> None:
    def act(peer: Peer) -> None:
        peer.request()
        peer.send(data)
        peer.wait_for_close()

    started = time.monotonic()
    with scripted(act) as backend, pytest.raises(BackendTimeout, match=r"sent nothing for 0\.1 s"):
        request("fastcgi", backend.address, timeout=0.1).read()
    assert 0.1 <= time.monotonic() - started < 5


def test_a_backend_that_does_not_read() -> None:
    released = threading.Event()

    def act(peer: Peer) -> None:
        assert released.wait(10)

    with scripted(act) as backend:
        with pytest.raises(BackendTimeout, match=r"took nothing for 0\.1 s"):
            request("fastcgi", backend.address, "POST", body=bytes(4 * MIB), timeout=0.1)
        released.set()


def test_a_slow_backend_is_not_a_silent_one() -> None:
    """The timeout is for the pause between two bytes, not for the whole."""

    def act(peer: Peer) -> None:
        peer.request()
        for byte in HEAD + b"hello":
            peer.send(stdout(bytes((byte,))))
            time.sleep(0.01)
        peer.send(ended())

    with scripted(act) as backend:
        assert request("fastcgi", backend.address, timeout=0.25).read() == b"hello"


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


# Kept connections


def test_F02_requests_share_a_connection() -> None:
    def act(peer: Peer) -> None:
        for _ in range(5):
            peer.serve()

    with scripted(act) as backend, Client("fastcgi", backend.address) as client:
        for _ in range(5):
            assert client.request("POST", body=b"x").read() == b"hello"
    assert backend.accepted == 1


def test_scgi_connections_are_never_kept() -> None:
    with scripted(saying_scgi(HEAD)) as backend, Client("scgi", backend.address) as client:
        for _ in range(3):
            client.request().read()
    assert backend.accepted == 3


def test_without_keep_the_flag_is_not_sent() -> None:
    flags = []

    def act(peer: Peer) -> None:
        flags.append(peer.records.record().content[2])
        while peer.records.record().type != wire.STDIN:
            pass
        peer.answer()

    with scripted(act) as backend:
        request("fastcgi", backend.address).read()
        Client("fastcgi", backend.address, keep=False).request().read()
    assert flags == [0, 0]


def test_a_connection_the_backend_has_closed_is_not_used_again() -> None:
    with scripted(Peer.serve) as backend, Client("fastcgi", backend.address) as client:
        for count in range(1, 4):
            assert client.request("POST", body=b"x").read() == b"hello"
            assert backend.accepted == count
            time.sleep(0.02)  # the close arrives


def closing_at_the_second(peer: Peer) -> None:
    """Serve one request, and close when the next begins."""
    peer.serve()
    peer.records.record()


def test_an_idempotent_request_is_sent_again() -> None:
    """RFC 9112, section 9.3.1: a kept connection may be closed at the very moment it is used."""
    with scripted(closing_at_the_second, Peer.serve) as backend, Client("fastcgi", backend.address) as client:
        assert client.request().read() == b"hello"
        assert client.request("PUT", body=b"x").read() == b"hello"
    assert backend.accepted == 2


@pytest.mark.parametrize(("method", "body"), [("POST", b"x"), ("PUT", iter([b"x"]))])
def test_others_are_not(method: str, body: Any) -> None:
    with scripted(closing_at_the_second, Peer.serve) as backend, Client("fastcgi", backend.address) as client:
        assert client.request().read() == b"hello"
        with pytest.raises(TruncatedResponse):
            client.request(method, body=body)
    assert backend.accepted == 1


def test_a_request_that_was_answered_in_part_is_not_sent_again() -> None:
    def act(peer: Peer) -> None:
        peer.serve()
        peer.request()
        peer.send(stdout(HEAD[:10]))

    with scripted(act) as backend, Client("fastcgi", backend.address) as client:
        client.request().read()
        with pytest.raises(TruncatedResponse):
            client.request()
    assert backend.accepted == 1


def test_a_new_connection_that_is_closed_is_an_error_at_once() -> None:
    with (
        scripted(lambda peer: None) as backend,
        Client("fastcgi", backend.address) as client,
        pytest.raises(TruncatedResponse),
    ):
        client.request()
    assert backend.accepted == 1


def test_bytes_after_the_end_are_no_answer_to_the_next_request() -> None:
    """F30 from the other side: a forged or late answer goes with its connection."""

    def act(peer: Peer) -> None:
        peer.request()
        peer.answer()
        peer.send(stdout(b"Status: 200 OK\r\n\r\nforged"), ended())
        peer.wait_for_close()

    with scripted(act, Peer.serve) as backend, Client("fastcgi", backend.address) as client:
        assert client.request().read() == b"hello"
        time.sleep(0.02)
        assert client.request().read() == b"hello"
    assert backend.accepted == 2


def test_no_more_than_max_idle_are_kept() -> None:
    def act(peer: Peer) -> None:
        peer.serve()
        peer.wait_for_close()

    with scripted(act) as backend, Client("fastcgi", backend.address, max_idle=2) as client:
        responses = [client.request() for _ in range(4)]
        for response in responses:
            response.read()
        assert backend.accepted == 4
        assert len(client._idle) == 2


def test_a_closed_client_keeps_nothing() -> None:
    def act(peer: Peer) -> None:
        peer.serve()
        peer.wait_for_close()

    with scripted(act) as backend:
        client = Client("fastcgi", backend.address)
        response = client.request()
        client.request().read()
        client.close()
        response.read()
        assert client._idle == []


def test_threads_share_a_client() -> None:
    def act(peer: Peer) -> None:
        while True:
            try:
                variables, _ = peer.request()
            except (EOFError, ConnectionResetError):
                return
            peer.answer(HEAD + variables[b"PATH_INFO"])

    wrong: list[object] = []

    def ask(client: Client, number: int) -> None:
        for count in range(20):
            target = f"/{number}/{count}"
            body = client.request(target=target).read()
            if body != target.encode():
                wrong.append((target, body))

    with scripted(act) as backend, Client("fastcgi", backend.address) as client:
        threads = [threading.Thread(target=ask, args=(client, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert backend.accepted <= 4

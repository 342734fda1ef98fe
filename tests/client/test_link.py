"""gateways.client.link: both directions at once, large bodies, silence, and peers that speak something else."""

from __future__ import annotations

import contextlib
import threading
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from gateways.client import Client, request
from gateways.errors import BackendTimeout, ProtocolError
from tests.support import wire
from tests.support.backends import HEAD, Peer, dripping, ended, saying, saying_scgi, scripted, stdout
from tests.support.serving import PATIENCE, Recorder, serving

MIB = 1 << 20


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
@pytest.mark.parametrize("tcp", [False, True])
def test_an_upload_that_is_never_read_does_not_keep_the_answer_away(protocol: str, tcp: bool) -> None:
    """10 MiB fit no socket buffer: who sends them all first waits for ever."""
    answered = threading.Event()

    def act(peer: Peer) -> None:
        if protocol == "fastcgi":
            peer.head()
            peer.answer(b"Status: 413 Content Too Large\r\n\r\ntoo much")
        else:
            peer.scgi_head()
            peer.send(b"Status: 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo much")
        if tcp:
            assert answered.wait(PATIENCE)  # let the answer through before the reset of an unread upload

    with (
        scripted(act, tcp=tcp) as backend,
        request(protocol, backend.address, "POST", body=bytes(10 * MIB)) as response,
    ):
        try:
            body = response.iter_body()
            assert (response.status, next(body)) == (413, b"too much")
        finally:
            answered.set()
        assert list(body) == []


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


@pytest.mark.parametrize("data", [b"", stdout(HEAD[:20]), stdout(HEAD + b"half")])
def test_a_silent_backend(data: bytes) -> None:
    def act(peer: Peer) -> None:
        peer.request()
        with contextlib.suppress(BrokenPipeError):  # on a busy machine the client has gone before
            peer.send(data)
        peer.wait_for_close()

    started = time.monotonic()
    with scripted(act) as backend, pytest.raises(BackendTimeout, match=r"sent nothing for 0\.1 s"):
        request("fastcgi", backend.address, timeout=0.1).read()
    assert time.monotonic() - started >= 0.1


def test_a_backend_that_does_not_read() -> None:
    released = threading.Event()

    def act(peer: Peer) -> None:
        assert released.wait(10)

    with scripted(act) as backend:
        with pytest.raises(BackendTimeout, match=r"took nothing for 0\.1 s"):
            request("fastcgi", backend.address, "POST", body=bytes(4 * MIB), timeout=0.1)
        released.set()


def test_all_of_a_request_may_have_a_limit() -> None:
    with (
        scripted(dripping(HEAD[:20])) as backend,
        pytest.raises(BackendTimeout, match=r"has not come to its end in 0\.1 s"),
    ):
        Client("scgi", backend.address, timeout=PATIENCE, limit=0.1).request()


def test_a_slow_backend_is_not_a_silent_one() -> None:
    """The timeout is for the pause between two bytes, not for the whole."""

    def act(peer: Peer) -> None:
        peer.request()
        for byte in HEAD + b"hello":
            peer.send(stdout(bytes((byte,))))
            time.sleep(0.04)
        peer.send(ended())

    with scripted(act) as backend:
        assert request("fastcgi", backend.address, timeout=1.5).read() == b"hello"


@pytest.mark.parametrize("size", [0, 8186, 8187, 3 * MIB])
def test_a_body_that_the_backend_asks_for_piece_by_piece(size: int) -> None:
    recorder = Recorder()
    body = bytes(range(256)) * (size // 256 + 1)
    with serving(recorder, "ajp") as served, Client("ajp", f"unix:{served.address}") as client:
        for _ in range(2):
            with client.request("POST", body=body[:size]) as response:
                assert response.read() == b"got " + body[:size]
        served.stop()
    assert [seen.body for seen in recorder.seen] == [body[:size]] * 2


def test_an_upload_that_is_never_asked_for() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("403 Forbidden", [])
        return [b"no"]

    with serving(application, "ajp") as served, Client("ajp", f"unix:{served.address}") as client:
        for _ in range(2):
            with client.request("POST", body=bytes(10 * MIB)) as response:
                assert (response.status, response.read()) == (403, b"no")
        served.stop()


def test_the_secret_of_a_backend() -> None:
    with serving(Recorder(), "ajp", ajp_secret="sesame") as served:
        address = f"unix:{served.address}"
        with request("ajp", address, secret="sesame") as response:
            assert response.status == 200
        for secret, status in ((None, 403), ("other", 403), ("sesame", 200)):
            with Client("ajp", address, secret=secret) as client, client.request() as response:
                assert response.status == status
        served.stop()

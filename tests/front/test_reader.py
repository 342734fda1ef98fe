"""gateways.front.reader: reading requests from a socket, however they are cut."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.errors import ClientDisconnected, ProtocolError
from gateways.front.head import MAX_HEAD, parse_head
from gateways.front.reader import MAX_CHUNK_LINE, MAX_TRAILERS, Reader
from tests.support.serving import PATIENCE

CHUNKED = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZED = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def read(pieces: list[bytes]) -> list[object]:
    """Read requests until there is no more; return target and body of each, then the error's status if there is one."""
    ours, theirs = socket.socketpair()
    result: list[object] = []

    def send() -> None:
        with contextlib.suppress(OSError):  # what is refused is not read to its end
            for piece in pieces:
                theirs.sendall(piece)
            theirs.shutdown(socket.SHUT_WR)

    with ours, theirs:
        sender = threading.Thread(target=send)
        sender.start()
        reader = Reader(ours, PATIENCE, PATIENCE)
        try:
            while reader.wait(PATIENCE):
                head = parse_head(reader.read_head())
                result.append(b"".join(reader.body(head)))
        except ProtocolError as error:
            result.append(error.status[:3])
            ours.shutdown(socket.SHUT_RD)
        except ClientDisconnected:
            result.append("gone")
        sender.join()
    return result


def test_bodies() -> None:
    assert read([GET]) == [b""]
    assert read([SIZED, b"hello world"]) == [b"hello world"]
    assert read([CHUNKED, b"5\r\nhello\r\n006\r\n world\r\n0\r\n\r\n"]) == [b"hello world"]
    large = b"x" * 300000
    assert read([CHUNKED, b"%X\r\n" % len(large), large, b"\r\n0\r\n\r\n"]) == [large]


REQUESTS = (
    b"\r\n\r\n"
    + GET
    + SIZED
    + b"hello world"
    + CHUNKED
    + b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-Trailer: y\r\n\r\n"
    + GET
)


@given(st.lists(st.integers(0, len(REQUESTS)), max_size=6))
def test_H27_pipelined_requests_in_any_pieces(points: list[int]) -> None:
    edges = [0, *sorted(points), len(REQUESTS)]
    pieces = [REQUESTS[start:stop] for start, stop in zip(edges, edges[1:])]
    assert read(pieces) == [b"", b"hello world", b"hello!", b""]


@given(st.binary(max_size=40), st.lists(st.integers(0, 40), max_size=4))
def test_any_chunked_body_is_read_the_same_in_any_pieces(data: bytes, points: list[int]) -> None:
    edges = [0, *sorted(min(point, len(data)) for point in points), len(data)]
    assert read([CHUNKED, *(data[start:stop] for start, stop in zip(edges, edges[1:]))]) == read([CHUNKED + data])


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhelloX\r\n0\r\n\r\n",  # H20
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        *(size + b"\r\nhello\r\n0\r\n\r\n" for size in (b"-5", b"+5", b"0x5", b"5_0", b" 5", b"", b"5" * 17, b"g")),
        b"5\nhello\r\n0\r\n\r\n",
        b"5;a\rb\r\nhello\r\n0\r\n\r\n",  # H22
        b"5;" + b"a" * MAX_CHUNK_LINE + b"\r\nhello\r\n0\r\n\r\n",
        b"0\r\n" + b"X: y\r\n" * (MAX_TRAILERS // 6 + 1) + b"\r\n",  # H24
    ],
)
def test_H20_H21_H22_H24_bodies_that_are_refused(body: bytes) -> None:
    assert read([CHUNKED + body]) == ["400"]


@pytest.mark.parametrize("data", [GET[:20], SIZED + b"hello", CHUNKED + b"5\r\nhel", CHUNKED + b"0\r\n", CHUNKED])
def test_H23_H33_a_client_that_goes_in_the_middle(data: bytes) -> None:
    assert read([data]) == ["gone"]


def test_nothing_and_empty_lines_are_no_request() -> None:
    assert read([]) == read([b"\r\n\r\n"]) == []


def test_H26_a_head_above_the_limit_is_refused() -> None:
    start = b"GET / HTTP/1.1\r\nX: "
    assert read([start + b"x" * MAX_HEAD]) == ["431"]
    assert read([start + b"x" * MAX_HEAD + b"\r\n\r\n"]) == ["431"]
    fits = start + b"x" * (MAX_HEAD - len(start) - 13) + b"\r\nHost: h\r\n\r\n"
    assert len(fits) == MAX_HEAD
    assert read([fits]) == [b""]


def test_waiting_has_an_end(pair: tuple[socket.socket, socket.socket]) -> None:
    started = time.monotonic()
    assert not Reader(pair[0], 5, 5).wait(0.05)
    assert time.monotonic() - started >= 0.05


def test_H40_a_dribbled_head_has_a_deadline_from_its_first_byte_on(pair: tuple[socket.socket, socket.socket]) -> None:
    stop = threading.Event()

    def dribble() -> None:
        while not stop.wait(0.02):
            pair[1].send(b"x")

    sender = threading.Thread(target=dribble)
    sender.start()
    reader = Reader(pair[0], 0.1, 5)
    assert reader.wait(PATIENCE)
    with pytest.raises(ProtocolError) as caught:
        reader.read_head()
    stop.set()
    sender.join()
    assert caught.value.status == "408 Request Timeout"


@pytest.mark.parametrize("data", [SIZED + b"hello", CHUNKED + b"5\r\nhel", CHUNKED + b"5"])
def test_a_body_that_pauses_is_refused(data: bytes, pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].sendall(data)
    reader = Reader(pair[0], 5, 0.05)
    head = parse_head(reader.read_head())
    with pytest.raises(ProtocolError) as caught:
        list(reader.body(head))
    assert caught.value.status == "408 Request Timeout"

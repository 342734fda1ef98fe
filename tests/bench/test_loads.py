"""What is read from wrk, and our own client."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.bench import direct, wrk
from tests.bench.backends import BenchError
from tests.support import wire

WRK = """\
Running 1s test @ http://127.0.0.1:8080/b1/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   450.50us  200.00us   5.98ms   90.00%
    Req/Sec    33.00k     1.00k   35.00k    70.00%
  Latency Distribution
     50%  417.00us
     75%    1.00ms
     90%    2.00ms
     99%    5.98ms
  35858 requests in 1.00s, 5.00MB read
{more}Requests/sec:  35777.12
Transfer/sec:      5.00MB
"""


def test_wrk_is_read():
    found = wrk.parse(WRK.format(more=""))
    assert found == {"count": 35858, "rate": 35777.12, "p50": pytest.approx(0.417), "p99": pytest.approx(5.98)}


@pytest.mark.parametrize(
    "more", ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 1, write 0, timeout 0\n"]
)
def test_a_failure_in_the_load_is_no_result(more):
    with pytest.raises(ValueError, match=more.strip()):
        wrk.parse(WRK.format(more=more))


@pytest.mark.parametrize("text", ["", "unable to connect", WRK.format(more="").replace("35858", "0")])
def test_nothing_answered_is_no_result(text):
    with pytest.raises(ValueError, match=r"wrk|requests in|unable"):
        wrk.parse(text)


def test_the_headers_are_as_many_and_as_long_as_the_case_says():
    assert len(wrk.HEADERS) == 30
    assert len({header.partition(":")[0].lower() for header in wrk.HEADERS}) == 30
    assert 4000 < len(wrk.HEADERS[-1]) <= 4096
    assert wrk.HEADERS[-1].startswith("Cookie: ")


def test_percentiles():
    assert direct.percentile([3, 1, 2], 50) == 2
    assert direct.percentile(range(1, 101), 99) == 99
    assert direct.percentile([7], 99) == 7


# The client, against a thread that answers


ANSWER = wire.stream(wire.STDOUT, 1, b"Status: 200 OK\r\n\r\nHello, world\n") + wire.record(wire.END, 1, bytes(8))


class Target:
    """As much of a backend as the client needs."""

    def failure(self, reason: str) -> BenchError:
        return BenchError(f"made up {reason}")


@contextlib.contextmanager
def answering(*answers: bytes) -> Iterator[socket.socket]:
    """A connection whose other end sends these answers to requests, the last of them again and again."""
    near, far = socket.socketpair()
    near.settimeout(10)

    def answer() -> None:
        number = 0
        while data := far.recv(65536):
            while len(data) < len(direct.REQUEST):
                data += far.recv(65536)
            far.sendall(answers[min(number, len(answers) - 1)])
            number += 1

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield near
    finally:
        near.close()
        thread.join()
        far.close()


def test_the_client_counts_what_is_answered_in_time():
    with answering(ANSWER) as sock:
        expected = direct.first_answer(Target(), sock)
        latencies = direct.ask(Target(), [sock], expected, 1.0)
    assert expected == ANSWER
    assert len(latencies) > 1
    assert 0 < min(latencies) < 1.0


def test_another_answer_than_the_first_is_an_error():
    with answering(ANSWER, ANSWER[:30] + b"\0" + ANSWER[31:]) as sock:
        expected = direct.first_answer(Target(), sock)
        with pytest.raises(BenchError, match="made up answers otherwise"):
            direct.ask(Target(), [sock], expected, 5.0)


def test_a_wrong_page_is_an_error():
    with answering(ANSWER.replace(b"world", b"earth")) as sock, pytest.raises(BenchError, match="Hello, earth"):
        direct.first_answer(Target(), sock)


def test_a_slow_page_that_fails_is_the_backends_failure(monkeypatch):
    process = SimpleNamespace(communicate=lambda timeout: ("Non-2xx or 3xx responses: 7", None))
    with pytest.raises(BenchError, match="made up does not answer well: Non-2xx"):
        wrk._finish(Target(), process)

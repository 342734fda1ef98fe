"""The load generator sees what goes wrong: a report without failures would prove nothing otherwise."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest

from tests.support import wire
from tests.support.answers import BadAnswer, Reply, read_reply
from tests.support.applications import hello
from tests.support.backends import HEAD, Act, Peer, ended, saying, saying_scgi, scripted, stdout
from tests.support.load import Target, ask, loading
from tests.support.serving import serving, until

WHOLE = stdout(HEAD + b"hello") + ended()


@pytest.mark.parametrize(("protocol", "keep"), [("fastcgi", False), ("fastcgi", True), ("scgi", False)])
def test_every_request_is_counted(protocol: str, keep: bool) -> None:
    with serving(hello, protocol) as served:
        with loading(Target(protocol, served.address, keep), 500) as load:
            until(lambda: load.begun >= 30)
        assert load.report.sent == load.begun
        assert load.report.failures == {}
        assert load.report.bodies == {b"hello": load.begun}
        assert 0 < load.report.latency(50) <= load.report.latency(100)


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (saying(), "closed without an answer"),
        (saying(WHOLE[:-1]), "cut short"),
        (saying(stdout(b"Status: 503 No\r\n\r\n") + ended()), "status 503"),
        (saying(stdout(HEAD) + ended(protocol_status=2)), "protocol status 2"),
    ],
)
def test_failures_have_their_reason(act: Act, reason: str) -> None:
    with scripted(act) as backend:
        target = Target("fastcgi", backend.address.partition(":")[2])
        assert ask(target, "/").failure == reason
        with loading(target, 500) as load:
            until(lambda: load.begun >= 3)
        assert load.report.failures == {reason: load.report.sent}


def test_an_answer_of_scgi_that_is_not_whole_is_a_failure() -> None:
    with scripted(saying_scgi(b"Status: 200 OK\r\nContent-Length: 6\r\n\r\nhello")) as backend:
        assert ask(Target("scgi", backend.address.partition(":")[2]), "/").failure == "cut short"


def test_nobody_there(tmp_path: Path) -> None:
    target = Target("fastcgi", str(tmp_path / "nothing"))
    with loading(target, 500) as load:
        until(lambda: load.begun >= 3)
    assert load.report.failures == {"no socket": load.report.sent}
    assert ask(target, "/").failure == "no socket"


def test_a_kept_connection_that_was_closed_meanwhile_is_no_failure() -> None:
    def once(peer: Peer) -> None:
        peer.request()
        peer.answer(HEAD + b"hello")
        with contextlib.suppress(EOFError, ConnectionResetError):
            peer.head()  # and closes without a word

    with scripted(once) as backend:
        with loading(Target("fastcgi", backend.address.partition(":")[2], keep=True), 200) as load:
            until(lambda: load.report.retried)
        assert not load.report.failures
        # The same before any answer is one: nobody may say that the request was not begun.
        with scripted(saying()) as other:
            assert ask(Target("fastcgi", other.address.partition(":")[2], keep=True), "/").failure


def test_requests_do_not_wait_for_each_other() -> None:
    opened = threading.Event()

    def wait(peer: Peer) -> None:
        peer.request()
        opened.wait(20)
        peer.answer(HEAD + b"hello")

    with scripted(wait) as backend, loading(Target("fastcgi", backend.address.partition(":")[2]), 200) as load:
        until(lambda: load.begun >= 10)
        assert not load.report.outcomes
        opened.set()


def test_a_request_that_takes_too_long_has_failed() -> None:
    opened = threading.Event()

    def wait(peer: Peer) -> None:
        peer.request()
        opened.wait(20)

    with scripted(wait) as backend:
        with loading(Target("fastcgi", backend.address.partition(":")[2]), 200, patience=0.1) as load:
            until(lambda: load.report.failures)
        opened.set()
        assert set(load.report.failures) == {"no answer in 0.1 s"}


@pytest.mark.parametrize(
    ("data", "over", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", False, None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", False, Reply("200", b"hello", True)),
        (b"HTTP/1.1 502 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno", False, Reply("502", b"no", False)),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", False, None),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", True, Reply("200", b"hello", False)),
    ],
)
def test_answers_of_a_web_server(data: bytes, over: bool, expected: Reply | None) -> None:
    assert read_reply("http", data, over) == expected


def test_an_answer_of_a_web_server_that_is_cut() -> None:
    with pytest.raises(BadAnswer, match="cut short"):
        read_reply("http", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", True)


def test_a_request_in_the_words_of_each_protocol() -> None:
    assert Target("http", ("127.0.0.1", 1)).request("/a").startswith(b"GET /a HTTP/1.1\r\n")
    assert b"/a" in Target("scgi", "s").request("/a")
    records = list(wire.parse_records(Target("fastcgi", "s", True, ((b"NAME", b"value"),)).request("/a")))
    assert b"NAMEvalue" in records[1].content
    assert Target("uwsgi", "s").request("/a")[1:3] == (len(Target("uwsgi", "s").request("/a")) - 4).to_bytes(
        2, "little"
    )

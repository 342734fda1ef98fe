"""gateways.front: listening, stopping, and what it does with more connections than it serves."""

from __future__ import annotations

import errno
import io
import os
import socket
import threading
import time

import pytest
import requests

import gateways.front
from gateways.errors import BindError, ConfigError
from gateways.front import Front
from tests.support.backends import HEAD, Answering, Peer, ended, scripted, stdout
from tests.support.fronting import GET, Fronted, fronting
from tests.support.serving import PATIENCE, until


def test_an_address_in_use_is_an_error(fronted: Fronted) -> None:
    address = "{}:{}".format(*fronted.front.address)
    with pytest.raises(BindError, match="another program listens there"):
        Front(address, "fastcgi", "127.0.0.1:1")


@pytest.mark.parametrize("http", ["unix:/run/http.sock", "fd:0", "8000"])
def test_http_needs_a_host_and_a_port(http: str) -> None:
    with pytest.raises(ConfigError):
        Front(http, "fastcgi", "127.0.0.1:1")


def test_an_error_leaves_no_socket_open() -> None:
    """A ResourceWarning is an error in these tests."""
    with pytest.raises(ConfigError):
        Front("127.0.0.1:0", "fastcgi", "nowhere")
    with pytest.raises(ConfigError):
        Front("127.0.0.1:0", "smtp", "127.0.0.1:1")


def test_a_front_that_never_serves_can_be_closed() -> None:
    with Front("127.0.0.1:0", "fastcgi", "127.0.0.1:1", script_name="/app/") as front:
        assert front.url == f"http://127.0.0.1:{front.address[1]}/app/"


def refused(front: Fronted) -> bool:
    """Say whether nobody listens; what is still in the backlog is reset."""
    try:
        front.connect().close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass
    return False


def test_stopping_lets_requests_in_hand_end() -> None:
    asked = threading.Event()
    go_on = threading.Event()

    def act(peer: Peer) -> None:
        peer.request()
        peer.send(stdout(HEAD))
        asked.set()
        assert go_on.wait(PATIENCE)
        peer.send(stdout(b"hello"), ended())
        peer.wait_for_close()

    with scripted(act) as served, fronting(served.address) as front, front.connect() as idle, front.connect() as busy:
        busy.sendall(GET)
        assert asked.wait(PATIENCE)
        front.front.shutdown()
        front.front.shutdown()  # twice is no harm
        assert idle.recv(1) == b"", "nothing is in hand here"
        until(lambda: refused(front), "for it to stop listening")
        go_on.set()
        received = b""
        while piece := busy.recv(65536):
            received += piece
        assert received.endswith(b"5\r\nhello\r\n0\r\n\r\n")
        front.thread.join(PATIENCE)
        assert not front.thread.is_alive()


def test_stopping_does_not_wait_for_ever() -> None:
    asked = threading.Event()
    go_on = threading.Event()

    def act(peer: Peer) -> None:
        peer.request()
        asked.set()
        assert go_on.wait(PATIENCE)

    with scripted(act) as served:
        with fronting(served.address, graceful_timeout=0.05, timeout=600) as front, front.connect() as sock:
            sock.sendall(GET)
            assert asked.wait(PATIENCE)
            started = time.monotonic()
            front.stop()
            assert 0.05 <= time.monotonic() - started < 30
            go_on.set()
        until(lambda: not front.front._sessions)


def test_a_response_after_shutdown_says_that_the_connection_ends(backend: Answering) -> None:
    def act(peer: Peer) -> None:
        front.front.shutdown()
        backend(peer)

    with scripted(act) as served, fronting(served.address) as front:
        assert front.ask(GET).endswith(b"5\r\nhello\r\n0\r\n\r\n"), "and the front closes it"


def test_a_front_on_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with Front("[::1]:0", "fastcgi", "127.0.0.1:1") as front:
        assert front.url == f"http://[::1]:{front.address[1]}/"


def test_too_many_connections_are_turned_away(fronted: Fronted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways.front, "MAX_CONNECTIONS", 1)
    with fronted.connect() as first:
        first.sendall(GET)
        first.recv(65536)
        assert fronted.ask().startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    until(lambda: not fronted.front._sessions)
    assert requests.get(fronted.url, timeout=PATIENCE).text == "hello"


class ShortListener:
    """A listening socket of a machine that is short of descriptors for a while."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.failures = [errno.EMFILE, errno.ECONNABORTED, errno.ENOBUFS]

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        if self.failures:
            code = self.failures.pop(0)
            raise OSError(code, os.strerror(code))
        return self._listener.accept()

    def fileno(self) -> int:
        return self._listener.fileno()

    def close(self) -> None:
        self._listener.close()


def test_L11_a_shortage_is_waited_for(backend: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    with scripted(backend) as served:
        log = io.StringIO()
        front = Front("127.0.0.1:0", "fastcgi", served.address, log=log)
        front._listener = ShortListener(front._listener)  # type: ignore[assignment]
        monkeypatch.setattr("gateways.front.time.sleep", pauses.append)
        fronted = Fronted(front, log)
        assert requests.get(fronted.url, timeout=PATIENCE).text == "hello"
        fronted.stop()
    assert pauses == [0.1, 0.1]
    assert log.getvalue().count("cannot accept a connection: ") == 2


def test_no_thread_left(fronted: Fronted, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr("gateways.front.Thread.start", fail)
        assert fronted.ask().startswith(b"HTTP/1.1 503 ")
    assert requests.get(fronted.url, timeout=PATIENCE).text == "hello"

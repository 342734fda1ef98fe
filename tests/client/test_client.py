"""gateways.client: requests over real sockets, to scripted backends and to flup, and connections that are kept."""

from __future__ import annotations

import select
import threading
from pathlib import Path
from typing import Any

import pytest

from gateways.client import Client, request
from gateways.client.transports import TRANSPORTS
from gateways.errors import ConfigError, ConnectError, TruncatedResponse
from tests.support import wire
from tests.support.backends import HEAD, Peer, ended, flup, saying_scgi, scripted, stdout
from tests.support.serving import PATIENCE


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


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi", "ajp"])
def test_flup_answers(protocol: str) -> None:
    """The reference peer, which shares no code with us."""
    with flup(protocol) as address, Client(protocol, address) as client:
        body = bytes(range(256)) * 1000
        for _ in range(2):
            with client.request("POST", "/a%20b?x=1", [("X-A", "1"), ("X-A", "2")], body) as response:
                text, _, received = response.read().partition(b"\n\n")
            assert received == body
            path = b"/a%20b" if protocol == "ajp" else b"/a b"  # it does not decode what mod_proxy_ajp sends
            assert {b"PATH_INFO=" + path, b"QUERY_STRING=x=1", b"HTTP_X_A=1, 2"} <= set(text.split(b"\n"))
            if protocol == "fastcgi":
                assert response.stderr == b"asked for /a b\n"


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


@pytest.mark.parametrize("protocol", TRANSPORTS)
def test_nothing_listens(protocol: str, tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match="no such socket file"):
        request(protocol, f"unix:{tmp_path}/none")


@pytest.mark.parametrize(("protocol", "address"), [("smtp", "127.0.0.1:80"), ("fastcgi", "nowhere"), ("scgi", "fd:0")])
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
@pytest.mark.parametrize("protocol", ["fastcgi", "scgi", "uwsgi"])
def test_what_cannot_be_sent(protocol: str, arguments: dict[str, Any]) -> None:
    with scripted(lambda peer: None) as backend, pytest.raises(ValueError, match=r"."):
        request(protocol, backend.address, **arguments)


# Kept connections


def until_readable(client: Client) -> None:
    """Wait until something has come over the connection that a client keeps."""
    for link in client._idle:  # none, where it has come already
        poll = select.poll()
        poll.register(link._sock, select.POLLIN)
        assert poll.poll(PATIENCE * 1000)


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
            until_readable(client)  # the close arrives


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
        until_readable(client)
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

"""gateways.server.tlssocket: any protocol through TLS, peers that read slowly, and those that speak something else."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any, cast

import pytest

from gateways.addresses import parse_address
from gateways.server.listeners import open_listeners
from gateways.server.tls import Tls
from gateways.server.tlssocket import PIECE, PLAIN_HTTP, TlsSocket
from gateways.server.worker import Server
from gateways.settings import Settings
from tests.support import tls, wire
from tests.support.applications import MIB, encode, hello, posted, read_answer
from tests.support.serving import RecordingLog, Served, until


class TlsServed(Served):
    """A server whose clients speak TLS."""

    def connect(self, source: str = "", receive_buffer: int = 0) -> socket.socket:
        return tls.shake(self.plain(receive_buffer))

    def plain(self, receive_buffer: int = 0) -> socket.socket:
        return super().connect("", receive_buffer)


@contextlib.contextmanager
def secured(application: Any, protocol: str = "fastcgi", *, check: bool = True, **settings: Any) -> Iterator[TlsServed]:
    """``serving`` with TLS. ``check``: a good request has to be answered afterwards."""
    log = RecordingLog()
    [listener] = open_listeners(protocol, parse_address("127.0.0.1:0"), environ={})
    listener.tls = Tls(tls.CERTIFICATE, tls.KEY, ["http/1.1"])
    server = Server(application, [listener], Settings(**settings), cast(Any, log), cast(Any, log))
    served = TlsServed(server, listener.sock.getsockname(), protocol, log)
    served.start()
    try:
        yield served
        if check:
            served.check_alive()
    finally:
        served.stop()


def strict(sock: socket.socket) -> ssl.SSLSocket:
    """Return a client's side that raises where an end was not said."""
    return tls.context().wrap_socket(sock, server_hostname="example.test", suppress_ragged_eofs=False)


def test_a_request_and_its_answer(protocol: str) -> None:
    with secured(hello, protocol) as served:
        assert served.request().body == b"hello"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_kept_connection_and_one_byte_at_a_time(version: ssl.TLSVersion) -> None:
    """Each byte is a record of its own, and some of them come in two pieces."""
    made = tls.context()
    made.minimum_version = made.maximum_version = version
    with secured(hello) as served, tls.shake(served.plain(), made) as sock:
        reader = wire.RecordReader(sock)
        for _ in range(2):
            for byte in wire.request(keep=True):
                sock.sendall(bytes([byte]))
            assert reader.answer().body == b"hello"
        sock.sendall(wire.request(keep=True) * 3)
        assert [reader.answer().body for _ in range(3)] == [b"hello"] * 3


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 4 * MIB])
def test_bodies_both_ways_to_a_peer_that_reads_slowly(size: int) -> None:
    """The server sends more than the system takes at once, and goes on where it stopped."""
    body = hashlib.shake_128(b"body").digest(size)

    @posted
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        data = environ["wsgi.input"].read()
        yield data[: size // 2]
        yield data[size // 2 :]

    with secured(application) as served, tls.shake(served.plain(receive_buffer=4096)) as sock:
        sock.sendall(encode("fastcgi", wire.post(size), body))
        assert read_answer(served, sock).body == body


def test_a_peer_that_sends_all_before_it_reads() -> None:
    @posted
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield bytes(MIB)
        yield hashlib.sha256(environ["wsgi.input"].read()).hexdigest().encode()

    body = bytes(range(256)) * 3600
    with secured(application) as served, tls.shake(served.plain(receive_buffer=4096)) as sock:
        sock.sendall(encode("fastcgi", wire.post(len(body)), body))
        assert read_answer(served, sock).body == bytes(MIB) + hashlib.sha256(body).hexdigest().encode()


def test_a_file_is_encrypted_too(tmp_path: Any) -> None:
    """sendfile(2) would send it as it is."""
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 1000)

    @posted
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](path.open("rb"))

    with secured(application) as served, served.connect() as sock:
        sock.sendall(encode("fastcgi", wire.post(0)))
        assert read_answer(served, sock).body == path.read_bytes()


def test_the_end_is_said() -> None:
    """Without close_notify the client could not tell an end from a cut."""
    with secured(hello, "scgi") as served, strict(served.plain()) as sock:
        sock.sendall(wire.scgi())
        assert wire.receive_all(sock).endswith(b"hello")


def test_a_broken_off_response_does_not_end_well() -> None:
    @posted
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"half"
        raise RuntimeError("broken")

    with secured(application, "scgi") as served, strict(served.plain()) as sock:
        sock.sendall(wire.scgi(wire.post(0)))
        with pytest.raises(OSError):  # noqa: PT011 - a reset, or an end without close_notify
            wire.receive_all(sock)


def test_a_client_that_ends_its_side_gets_its_answer() -> None:
    """It has said close_notify, and waits. Its records come in pieces of a byte."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with secured(hello, "scgi") as served, served.plain() as sock:
        client = tls.context().wrap_bio(incoming, outgoing, server_hostname="example.test")

        def pump() -> bool:
            for byte in outgoing.read():
                sock.sendall(bytes([byte]))
            data = sock.recv(65536)
            incoming.write(data)
            return bool(data)

        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                pump()
        client.write(wire.scgi())
        with contextlib.suppress(ssl.SSLWantReadError):
            client.unwrap()
        received = b""
        while not received.endswith(b"hello"):
            assert pump()
            with contextlib.suppress(ssl.SSLWantReadError):
                received += client.read()


def test_H64_plain_http_is_told_so() -> None:
    with secured(hello) as served:
        with served.plain() as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: example.test\r\n\r\n")
            data = wire.receive_all(sock)
        assert data.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert data.endswith(PLAIN_HTTP)
        until(lambda: "plain HTTP on a port for HTTPS" in served.log.text("info"))


@pytest.mark.parametrize("data", [b"\x80\x2e\x01\0\x02", b"\x01\x01\0\x01\0\x08\0\0", b"\0" * 100])
def test_H65_what_is_neither_tls_nor_http_is_closed(data: bytes) -> None:
    with secured(hello) as served, served.plain() as sock:
        sock.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            assert wire.receive_all(sock) == b""
        until(lambda: "neither TLS nor HTTP" in served.log.text("info"))


def test_H66_a_handshake_that_stops_holds_nobody_up() -> None:
    with secured(hello, threads=1) as served, served.plain() as sock:
        sock.sendall(b"\x16\x03\x01\x02")
        assert served.request().body == b"hello"  # by the only thread


def test_H66_a_handshake_that_stops_ends() -> None:
    with secured(hello, check=False, header_timeout=0.3) as served, served.plain() as sock:
        sock.sendall(b"\x16\x03\x01\x02")
        assert sock.recv(100) == b""


def test_H67_a_name_that_is_not_ascii_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    """Python would print a traceback."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    engine = tls.context().wrap_bio(incoming, outgoing, server_hostname="name.test")
    with pytest.raises(ssl.SSLWantReadError):
        engine.do_handshake()
    with secured(hello) as served, served.plain() as sock:
        sock.sendall(outgoing.read().replace(b"name.test", b"\xff\n\xfe\n.test"))
        with contextlib.suppress(ConnectionResetError):
            wire.receive_all(sock)
        until(lambda: "no TLS handshake, closed" in served.log.text("info"))
        assert "\n" not in served.log.text("info")
    assert capfd.readouterr() == ("", "")


def test_H67_a_handshake_that_fails_says_why_in_one_line() -> None:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody
    with secured(hello) as served, served.plain() as sock:
        with pytest.raises(ssl.SSLCertVerificationError):
            tls.shake(sock, made)
        until(lambda: "no TLS handshake, closed: tlsv1 alert unknown ca" in served.log.text("info"))
        assert "_ssl.c" not in served.log.text()


def test_H68_no_record_of_a_client_hello_is_a_failed_handshake() -> None:
    with secured(hello) as served, served.plain() as sock:
        sock.sendall(b"\x16\x03\x01\x00\x05hello" + bytes(1000))
        wire.receive_all(sock)  # an alert
        until(lambda: "no TLS handshake, closed" in served.log.text("info"))


def test_H69_garbage_after_the_handshake_ends_the_connection() -> None:
    with secured(hello) as served, served.plain() as plain:
        sock = tls.shake(plain)
        fd = sock.detach()  # the system's socket, with the keys thrown away
        with socket.socket(fileno=fd) as raw:
            raw.settimeout(45)
            raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
            wire.receive_all(raw)


def test_a_kept_connection_is_left_with_a_word() -> None:
    with secured(hello, keepalive_timeout=0.1) as served, strict(served.plain()) as sock:
        sock.sendall(wire.request(keep=True))
        assert wire.RecordReader(sock).answer().body == b"hello"
        assert sock.recv(100) == b""


def test_what_is_known_of_the_connection() -> None:
    """As variables, under the names of mod_ssl."""
    known: list[tuple[bytes, bytes]] = []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        side = TlsSocket(ours, Tls(tls.CERTIFICATE, tls.KEY).context, known.extend, pytest.fail)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = tls.context().wrap_bio(incoming, outgoing, server_hostname="example.test")
        while not known:
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
            theirs.sendall(outgoing.read())
            with contextlib.suppress(BlockingIOError):
                side.recv(65536)
            theirs.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                incoming.write(theirs.recv(65536))
            theirs.setblocking(True)
        variables = dict(known)
        assert variables[b"HTTPS"] == b"on"
        assert variables[b"SSL_PROTOCOL"] == b"TLSv1.3"
        assert variables[b"SSL_CIPHER"].startswith(b"TLS_")
        assert int(variables[b"SSL_CIPHER_USEKEYSIZE"]) >= 128
        assert variables[b"SSL_SESSION_RESUMED"] == b"Initial"
        assert variables[b"SSL_TLS_SNI"] == b"example.test"


def test_the_c_part_is_not_asked() -> None:
    """It would take for a request what is encrypted."""
    [listener] = open_listeners("fastcgi", parse_address("127.0.0.1:0"), environ={})
    listener.tls = Tls(tls.CERTIFICATE, tls.KEY)
    Server(hello, [listener], Settings(), cast(Any, RecordingLog()))._acceptor.close_all()
    assert listener.fast_path is None

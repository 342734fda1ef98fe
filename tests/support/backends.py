"""Backends for tests of the client and the front: scripted ones, which do what no server should, and flup."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from struct import pack
from time import sleep
from typing import Callable

from gateways.addresses import connect, parse_address
from gateways.errors import ConnectError
from tests.support import wire
from tests.support.serving import PATIENCE, until

#: The head of a response without a length.
HEAD = b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n"

Act = Callable[["Peer"], None]


class Peer:
    """The backend's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.records = wire.RecordReader(sock)

    def send(self, *data: bytes) -> None:
        self.sock.sendall(b"".join(data))

    def request(self) -> tuple[dict[bytes, bytes], bytes]:
        """Read a FastCGI request to its end; return variables and body."""
        variables = self.head()
        body = b""
        while piece := self.records.record().content:
            body += piece
        return variables, body

    def head(self) -> dict[bytes, bytes]:
        """Read a FastCGI request up to the end of its variables."""
        assert self.records.record().type == wire.BEGIN
        block = b""
        while piece := self.records.record().content:
            block += piece
        return dict(parse_pairs(block))

    def scgi_head(self) -> dict[bytes, bytes]:
        """Read the headers of an SCGI request."""
        size = b""
        while (digit := self._exactly(1)) != b":":
            size += digit
        block = self._exactly(int(size))
        assert self._exactly(1) == b","
        items = block.split(b"\0")
        return dict(zip(items[::2], items[1::2]))

    def scgi_request(self) -> tuple[dict[bytes, bytes], bytes]:
        """Read an SCGI request to its end; return variables and body."""
        variables = self.scgi_head()
        return variables, self._exactly(int(variables[b"CONTENT_LENGTH"]))

    def answer(self, text: bytes = b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nhello", **end: int) -> None:
        """Send a whole FastCGI response."""
        self.send(stdout(text), wire.record(wire.STDOUT, 1), ended(**end))

    def serve(self) -> None:
        """Read and answer a FastCGI request."""
        self.request()
        self.answer()

    def wait_for_close(self) -> bytes:
        """Read until the client closes or resets; return what it sent until then."""
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := self.sock.recv(65536):
                received += piece
        return received

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.sock.recv(size - len(data))
            assert piece, f"closed after {len(data)} of {size} bytes"
            data += piece
        return data


def parse_pairs(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Read name-value pairs."""
    at = 0
    while at < len(block):
        sizes = []
        for _ in range(2):
            size = block[at]
            at += 1
            if size > 127:
                size = int.from_bytes(block[at - 1 : at + 3], "big") & 0x7FFFFFFF
                at += 3
            sizes.append(size)
        middle, stop = at + sizes[0], at + sizes[0] + sizes[1]
        yield block[at:middle], block[middle:stop]
        at = stop


def stdout(data: bytes) -> bytes:
    """Write STDOUT records of request 1."""
    return wire.stream(wire.STDOUT, 1, data, end=False)


def ended(app_status: int = 0, protocol_status: int = 0) -> bytes:
    """Write END_REQUEST of request 1."""
    return wire.record(wire.END, 1, pack(">IB3x", app_status, protocol_status))


class Answering:
    """Answers every FastCGI request with ``text``, and remembers what came."""

    def __init__(self, text: bytes = HEAD + b"hello", app_status: int = 0) -> None:
        self.text = text
        self.app_status = app_status
        self.variables: list[dict[bytes, bytes]] = []
        self.bodies: list[bytes] = []

    def __call__(self, peer: Peer) -> None:
        while True:
            try:
                variables, body = peer.request()
            except (EOFError, ConnectionResetError):
                return
            self.variables.append(variables)
            self.bodies.append(body)
            peer.answer(self.text, app_status=self.app_status)


def dripping(beginning: bytes) -> Act:
    """Send the beginning of an answer, and then a byte now and then until the peer goes."""

    def act(peer: Peer) -> None:
        with contextlib.suppress(OSError):
            peer.sock.recv(65536)
            peer.send(beginning)
            while True:
                peer.send(b"a")
                sleep(0.01)

    return act


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


def greet(peer: Peer) -> None:
    """Say what no web server understands, whatever is asked."""
    with contextlib.suppress(OSError):  # it goes in the midst of it
        peer.sock.recv(1000)
        peer.send(b"220 mail.example.org ESMTP\r\n")


class Scripted:
    """A listening socket, and an act for each connection it accepts. ``accepted`` counts them."""

    def __init__(self, listener: socket.socket, address: str, acts: tuple[Act, ...]) -> None:
        self.address = address
        self.accepted = 0
        self.failures: list[BaseException] = []
        self._listener = listener
        self._acts = acts
        self._threads = [threading.Thread(target=self._accept, name="scripted backend")]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            act = self._acts[min(self.accepted, len(self._acts) - 1)]
            self.accepted += 1
            thread = threading.Thread(target=self._play, args=(sock, act), name="scripted connection")
            self._threads.append(thread)
            thread.start()

    def _play(self, sock: socket.socket, act: Act) -> None:
        with sock:
            sock.settimeout(PATIENCE)
            try:
                act(Peer(sock))
            except BaseException as error:
                self.failures.append(error)

    def stop(self) -> None:
        """Stop listening, and wait for all acts to end."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), thread.name


@contextlib.contextmanager
def scripted(*acts: Act, tcp: bool = False) -> Iterator[Scripted]:
    """Play one of ``acts`` for each connection, the last of them for all further ones; a failed act fails the test."""
    with tempfile.TemporaryDirectory() as directory:
        if tcp:
            listener = socket.create_server(("127.0.0.1", 0))
            address = f"127.0.0.1:{listener.getsockname()[1]}"
        else:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(f"{directory}/socket")
            listener.listen()
            address = f"unix:{directory}/socket"
        backend = Scripted(listener, address, acts)
        try:
            yield backend
        finally:
            backend.stop()
        for failure in backend.failures:
            raise failure


_FLUP = """
import sys
import socket
import warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
from flup.server.{module} import WSGIServer
from tests.apps.echo import application
class Listener(socket.socket):
    def accept(self):
        return super().accept()[0], ("unix", 0)
class Server(WSGIServer):
    def _setupSocket(self):  # AJP13 there is for TCP alone, with a port that is known before
        if {module!r} != "ajp":
            return super()._setupSocket()
        sock = Listener(socket.AF_UNIX)
        sock.bind(sys.argv[2])
        sock.listen()
        return sock
Server(application, bindAddress=sys.argv[2]).run()
"""


@contextlib.contextmanager
def flup(protocol: str) -> Iterator[str]:
    """Run flup's server for ``fastcgi``, ``scgi`` or ``ajp`` in a process of its own; yields its address."""
    with tempfile.TemporaryDirectory() as directory:
        address = f"unix:{directory}/socket"
        root = str(Path(__file__).parents[2])
        script = _FLUP.format(module="fcgi" if protocol == "fastcgi" else protocol)
        process = subprocess.Popen([sys.executable, "-c", script, root, f"{directory}/socket"])
        try:
            until(lambda: process.poll() is not None or _listens(address), "for flup to listen")
            assert process.poll() is None, "flup does not run"
            yield address
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _listens(address: str) -> bool:
    try:
        connect(parse_address(address), PATIENCE).close()
    except ConnectError:
        return False
    return True

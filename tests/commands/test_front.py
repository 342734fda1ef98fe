"""gateways front as a program: what it says, what it serves, and how it stops."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from gateways.cli import main
from tests.support.backends import Answering, Peer, scripted
from tests.support.fronting import GET
from tests.support.serving import PATIENCE, Recorder, serving, until


class Program:
    """A running ``gateways front`` and its URL."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stderr is not None
        self.first_line = process.stderr.readline()
        match = re.search(r"http://\S+", self.first_line)
        assert match, self.first_line
        self.url = match[0]

    def connect(self) -> socket.socket:
        address = urlsplit(self.url)
        assert address.port is not None
        return socket.create_connection((address.hostname, address.port), PATIENCE)

    def listens(self) -> bool:
        try:
            self.connect().close()
        except (ConnectionRefusedError, ConnectionResetError):  # reset: it closed while we were in its backlog
            return False
        return True

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; return exit status and the rest of standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors


@contextlib.contextmanager
def program(address: str, *arguments: str) -> Iterator[Program]:
    command = [sys.executable, "-m", "gateways", "front", "--http", "127.0.0.1:0", "--fastcgi", address, *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield Program(process)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal(number: signal.Signals) -> None:
    backend = Answering()
    with scripted(backend) as served, program(served.address, "--script-name", "/app") as front:
        assert front.first_line.endswith(f" from fastcgi {served.address}, for development\n")
        assert front.url.endswith("/app/")
        assert requests.get(front.url + "x", timeout=PATIENCE).text == "hello"
        assert backend.variables[0][b"SCRIPT_NAME"] == b"/app"
        status, errors = front.stop(number)
    assert status == 0
    assert re.fullmatch(r'127\.0\.0\.1 "GET /app/x HTTP/1\.1" 200 5 \d+ms\n', errors)


def test_a_backend_over_HTTP() -> None:
    """Its flag has a longer name here: --http is where the front itself listens."""
    recorder = Recorder()
    with serving(recorder, "http", tcp=True) as served:
        address = "{}:{}".format(*served.address)
        command = [sys.executable, "-m", "gateways", "front", "--http", "127.0.0.1:0", "--http-backend", address]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            front = Program(process)
            try:
                assert front.first_line.endswith(f" from http {address}, for development\n")
                for _ in range(2):
                    assert requests.post(front.url + "x?y", b"body", timeout=PATIENCE).text == "got body"
                chunks = requests.post(front.url, iter([b"bo", b"dy"]), timeout=PATIENCE)
                assert chunks.text == "got body"
                assert front.stop(signal.SIGTERM)[0] == 0
            finally:
                process.kill()
    assert recorder.seen[0].environ["REQUEST_URI"] == "/x?y"


def test_flags() -> None:
    def act(peer: Peer) -> None:
        peer.request()
        peer.wait_for_close()

    flags = ("--quiet", "--timeout", "50ms", "--max-body", "1k")
    with scripted(act) as served, program(served.address, *flags) as front:
        assert requests.post(front.url, bytes(1025), timeout=PATIENCE).status_code == 413
        assert requests.post(front.url, bytes(1024), timeout=PATIENCE).status_code == 504
        status, errors = front.stop(signal.SIGTERM)
    assert status == 0
    assert errors.count("\n") == 2


def test_a_second_signal_ends_it_at_once() -> None:
    asked = threading.Event()

    def act(peer: Peer) -> None:
        peer.request()
        asked.set()
        peer.wait_for_close()

    with scripted(act) as served, program(served.address) as front, front.connect() as sock:
        sock.sendall(GET)
        assert asked.wait(PATIENCE)
        front.process.send_signal(signal.SIGINT)
        until(lambda: not front.listens(), "for it to stop listening")
        assert front.process.poll() is None, "it waits for the request in hand"
        front.process.send_signal(signal.SIGINT)
        assert front.process.wait(PATIENCE) == -signal.SIGINT


def test_an_address_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted(Peer.wait_for_close, tcp=True) as served:  # type: ignore[arg-type]
        assert main(["front", "--http", served.address, "--fastcgi", ":1"]) == 4
    errors = capsys.readouterr().err
    assert errors == (
        f"gateways: error: cannot listen on {served.address}: "
        "another program listens there; stop it, or choose another port\n"
    )


def test_it_says_when_others_can_reach_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateways", "front", "--http", "0.0.0.0:0", "--scgi", f"unix:{tmp_path}/none"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "http://127.0.0.1:" in process.stderr.readline()
        assert "other machines can reach this address" in process.stderr.readline()
        process.terminate()
        assert process.wait(PATIENCE) == 0

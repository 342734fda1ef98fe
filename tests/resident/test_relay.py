"""Passing a request on, in C and in Python: what a process may answer, sent by one that does what the test says."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable

import pytest

from gateways.adapters.fastcgi import records as fcgi
from gateways.resident import place
from tests.support import cgi, wire
from tests.support.resident import Host

HEAD = b"Status: 200 OK\r\n\r\n"
END = fcgi.response_end(1, 0)


class Process:
    """Listens where the process of the script would, and serves one request."""

    def __init__(self, listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        self._listener = listener
        self._serve = serve
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        sock, _ = self._listener.accept()
        with sock:
            sock.settimeout(45)
            self._serve(sock)
            self._listener.close()  # as when the process ends


@contextmanager
def answering(host: Host, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    host.install()
    host.place.mkdir(mode=0o700)
    directory = place.Place(str(host.place), place.open_private(str(host.place)))
    with socket.socket(socket.AF_UNIX) as listener:
        directory._within(listener.bind, place.socket_name(str(host.script), str(host.program)))
        listener.listen()
        process = Process(listener, serve)
        process.thread.start()
        yield
        process.thread.join(45)
        assert not process.thread.is_alive()
    directory.close()


def receive_request(sock: socket.socket) -> bytes:
    """Read up to the end of the body, and return all of it."""
    received = b""
    while not received.endswith(fcgi.record(fcgi.STDIN, 1)):
        received += sock.recv(65536)
    return received


def ask(host: Host, answer: bytes, pieces: int = 1 << 20) -> cgi.Answer:
    """Return what the program makes of an answer that comes in pieces of a size."""

    def serve(sock: socket.socket) -> None:
        receive_request(sock)
        for start in range(0, len(answer), pieces):
            sock.sendall(answer[start : start + pieces])

    with answering(host, serve):
        return host.ask()


def out(content: bytes) -> bytes:
    return fcgi.stream(fcgi.STDOUT, 1, content)


@pytest.mark.parametrize("pieces", [1, 7, 1 << 20])
def test_records_in_pieces(host: Host, pieces: int) -> None:
    answer = out(HEAD) + fcgi.errors(1, b"for the log\n") + out(b"one ") + out(b"two") + END
    found = ask(host, answer, pieces)
    assert (found.output, found.log, found.code) == (HEAD + b"one two", "for the log\n", 0)


def test_records_of_other_kinds_are_skipped(host: Host) -> None:
    answer = fcgi.record(fcgi.UNKNOWN_TYPE, 0, bytes(8)) + out(HEAD) + fcgi.record(99, 1, b"what?") + END
    assert ask(host, answer).output == HEAD


@pytest.mark.parametrize(("status", "code"), [(0, 0), (1, 1), (255, 255), (256, 1), (1 << 31, 1)])
def test_the_exit_status_is_that_of_the_application(host: Host, status: int, code: int) -> None:
    assert ask(host, out(HEAD) + fcgi.end_request(1, status, fcgi.REQUEST_COMPLETE)).code == code


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (out(HEAD)[:10], "it has ended, or closed the connection"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "it does not speak FastCGI"),
        (fcgi.end_request(1, 0, fcgi.OVERLOADED), "it has refused the request"),
        (fcgi.record(fcgi.END_REQUEST, 1, b""), "its END_REQUEST is too short"),
    ],
)
def test_no_answer(host: Host, answer: bytes, reason: str) -> None:
    found = ask(host, answer)
    assert found.log == f"gateways: {host.script}: the process that stays for it did not answer: {reason}\n"
    assert found.code == 1
    if answer[:10] != out(HEAD)[:10]:
        assert found.status == "502 Bad Gateway"
        assert int(found.headers["Content-Length"]) == len(found.body)


def test_nobody_knows_what_became_of_a_post(host: Host) -> None:
    """It is not made once more."""
    with answering(host, lambda sock: None):
        found = host.ask("/", b"")
    assert (found.status, found.code) == ("502 Bad Gateway", 1)
    assert "it has ended, or closed the connection" in found.log


def test_a_process_that_has_ended_without_a_word_is_asked_once_more(host: Host) -> None:
    """Its socket takes connections up to its last moment."""
    with answering(host, lambda sock: None):
        found = host.ask("/pid")
    assert (found.status, found.log) == ("200 OK", "")


def test_an_answer_that_breaks_off(host: Host) -> None:
    """What has begun is no longer replaced."""
    found = ask(host, out(HEAD + b"begun"))
    assert (found.output, found.code) == (HEAD + b"begun", 1)
    assert "it has ended, or closed the connection" in found.log


def test_the_request_on_the_wire(host: Host) -> None:
    received: list[bytes] = []

    def serve(sock: socket.socket) -> None:
        received.append(receive_request(sock))
        sock.sendall(out(HEAD) + END)

    variables = {"EMPTY": "", "N" * 200: "v" * 200, "LONG": "l" * 100_000, "LATIN": b"\xe4"}
    with answering(host, serve):
        assert host.ask("/", b"body", variables=variables).code == 0
    records = list(wire.parse_records(received[0]))
    assert (records[0].type, records[0].content) == (fcgi.BEGIN_REQUEST, b"\0\1\0\0\0\0\0\0")
    block = b"".join(record.content for record in records if record.type == fcgi.PARAMS)
    pairs = dict(fcgi.decode_pairs(block))
    given = host.environment("/", {**cgi.post(b"body"), **variables})
    expected = {os.fsencode(name): os.fsencode(value) for name, value in given.items()}
    pairs.pop(b"LC_CTYPE", None)  # a Python in the C locale sets it
    assert pairs == expected
    assert b"".join(record.content for record in records if record.type == fcgi.STDIN) == b"body"


@pytest.mark.parametrize("length", ["12x", "99999999999999999999", "-1", ""])
def test_a_length_that_is_none(host: Host, length: str) -> None:
    """Nothing is read then; the process refuses it, or not."""
    read_end, write_end = os.pipe()
    os.write(write_end, b"rest")
    with answering(host, lambda sock: (receive_request(sock), sock.sendall(out(HEAD) + END))[1]):
        assert host.ask(stdin=read_end, variables={"CONTENT_LENGTH": length}).output == HEAD
    assert os.read(read_end, 9) == b"rest"
    os.close(read_end)
    os.close(write_end)


def test_a_body_that_breaks_off(host: Host) -> None:
    received: list[bytes] = []

    def serve(sock: socket.socket) -> None:
        received.append(receive_request(sock))
        sock.sendall(out(HEAD) + END)

    with answering(host, serve):
        assert host.ask("/", b"ab", variables={"CONTENT_LENGTH": "10"}).output == HEAD
    # The process is told the end, and finds it too early itself.
    assert received[0].endswith(fcgi.record(fcgi.STDIN, 1))


def test_a_process_that_ends_before_the_body_does(host: Host) -> None:
    """Its answer counts, whatever is left of the body."""

    def serve(sock: socket.socket) -> None:
        sock.recv(1)
        sock.sendall(out(HEAD + b"enough") + END)

    with answering(host, serve):
        found = host.ask("/", b"x" * 3_000_000)
    assert (found.output, found.code) == (HEAD + b"enough", 0)


def test_only_so_much_of_a_body_is_held(host: Host) -> None:
    """Nobody takes it, and nobody takes the response: there is an end to reading ahead."""
    reached, done = threading.Event(), threading.Event()

    def serve(sock: socket.socket) -> None:
        sock.recv(1)
        reached.set()
        with contextlib.suppress(OSError):  # it is killed with the rest of it
            sock.sendall(out(b"y" * 60_000) * 4)  # more than a pipe holds
        done.wait(45)

    with answering(host, serve):
        variables = {"CONTENT_LENGTH": str(1 << 30), "REQUEST_METHOD": "POST"}
        with host.start(stdin=subprocess.PIPE, variables=variables) as process:
            assert process.stdin
            assert reached.wait(45)
            os.set_blocking(process.stdin.fileno(), False)
            written, waited = 0, 0
            while waited < 10:  # a tenth of a second without any is the end of it
                try:
                    written += os.write(process.stdin.fileno(), bytes(65536))
                    waited = 0
                except BlockingIOError:
                    waited += 1
                    threading.Event().wait(0.01)
            assert written < 20 << 20
            process.kill()
        done.set()


def test_a_full_backlog(host: Host) -> None:
    """It is waited for, and another gets in."""
    host.install()
    host.place.mkdir(mode=0o700)
    directory = place.Place(str(host.place), place.open_private(str(host.place)))
    name = place.socket_name(str(host.script), str(host.program))
    with socket.socket(socket.AF_UNIX) as listener:
        directory._within(listener.bind, name)
        listener.listen(0)
        first = directory.connect(name)
        assert first is not None
        with host.start() as process:
            accepted, _ = listener.accept()
            accepted.close()
            first.close()
            sock, _ = listener.accept()
            with sock:
                receive_request(sock)
                sock.sendall(out(HEAD) + END)
            assert process.communicate(timeout=45)[0] == HEAD
    directory.close()

"""gateways get: the request it makes of its flags, what it prints, and its exit status."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateways.cli import main
from gateways.commands.get import EXIT_STATUS, HTTP_ERROR
from tests.support import wire
from tests.support.backends import HEAD, Act, Answering, Peer, ended, saying, scripted, stdout
from tests.support.serving import PATIENCE, Recorder, serving

Capture = pytest.CaptureFixture[bytes]


def get(act: Act, *arguments: str) -> int:
    """Run ``gateways get`` on a FastCGI backend that does ``act``; return the exit status."""
    with scripted(act) as backend:
        return main(["get", "--fastcgi", backend.address, *arguments])


def asked(*arguments: str) -> tuple[dict[bytes, bytes], bytes]:
    """Return variables and body of the request that the flags make."""
    backend = Answering()
    assert get(backend, *arguments) == 0
    return backend.variables[0], backend.bodies[0]


def run(address: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run ``gateways get`` as a program."""
    command = [sys.executable, "-m", "gateways", "get", "--fastcgi", address, *arguments]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False, **options)


# The request


def test_a_path() -> None:
    variables, body = asked("/a%20b?x=1")
    assert variables[b"REQUEST_METHOD"] == b"GET"
    assert variables[b"REQUEST_URI"] == b"/a%20b?x=1"
    assert variables[b"PATH_INFO"] == b"/a b"
    assert variables[b"QUERY_STRING"] == b"x=1"
    assert variables[b"HTTP_HOST"] == b"localhost"
    assert b"CONTENT_LENGTH" not in variables
    assert body == b""


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/a b", b"/a%20b"),
        ("/\xe9", b"/%C3%A9"),
        (os.fsdecode(b"/\xff"), b"/%FF"),
        ("//x", b"//x"),
        ("/%2F%", b"/%2F%"),
    ],
)
def test_what_a_shell_lets_through_is_encoded(path: str, sent: bytes) -> None:
    assert asked(path)[0][b"REQUEST_URI"] == sent


def test_flags() -> None:
    variables, _ = asked(
        *("/app/x", "-X", "PROPFIND", "-H", "X-A: 1", "-H", "X-A:2", "-H", "Host: example.test", "-H", "Empty:"),
        *("--script-name", "/app", "--param", "REMOTE_USER=ann=1", "--param", "HTTPS=on"),
    )
    expected = {
        b"REQUEST_METHOD": b"PROPFIND",
        b"SCRIPT_NAME": b"/app",
        b"PATH_INFO": b"/x",
        b"HTTP_X_A": b"1, 2",
        b"HTTP_HOST": b"example.test",
        b"HTTP_EMPTY": b"",
        b"REMOTE_USER": b"ann=1",
        b"HTTPS": b"on",
    }
    assert expected.items() <= variables.items()


def test_data() -> None:
    variables, body = asked("/", "-d", "a=b&c=\xe9")
    assert body == b"a=b&c=\xc3\xa9"
    assert variables[b"REQUEST_METHOD"] == b"POST"
    assert variables[b"CONTENT_LENGTH"] == b"8"
    assert variables[b"CONTENT_TYPE"] == b"application/x-www-form-urlencoded"
    variables, body = asked("/", "-d", "", "-X", "PUT", "-H", "content-type: text/plain")
    assert (body, variables[b"REQUEST_METHOD"], variables[b"CONTENT_TYPE"]) == (b"", b"PUT", b"text/plain")
    assert variables[b"CONTENT_LENGTH"] == b"0"


def test_data_of_a_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    (tmp_path / "data").write_bytes(content)
    variables, body = asked("/", "-d", f"@{tmp_path}/data")
    assert body == content
    assert variables[b"CONTENT_LENGTH"] == b"256000"


def test_data_of_standard_input() -> None:
    backend = Answering()
    content = bytes(range(256)) * 10000  # more than a pipe holds and than stays in memory
    with scripted(backend) as served:
        assert run(served.address, "/", "-d", "@-", input=content).stdout == b"hello"
    assert backend.bodies == [content]
    assert backend.variables[0][b"CONTENT_LENGTH"] == b"2560000"


def test_scgi(capsysbinary: Capture) -> None:
    def act(peer: Peer) -> None:
        variables, body = peer.scgi_request()
        peer.send(HEAD, variables[b"PATH_INFO"], body)

    with scripted(act) as backend:
        assert main(["get", "--scgi", backend.address, "/x", "-d", "body"]) == 0
    assert capsysbinary.readouterr().out == b"/xbody"


def test_http(capsysbinary: Capture) -> None:
    recorder = Recorder()
    with serving(recorder, "http", tcp=True) as served:
        address = "{}:{}".format(*served.address)
        assert main(["get", "--http", address, "/x", "-d", "body", "-H", "X-Y: z"]) == 0
        assert capsysbinary.readouterr().out == b"got body"
        assert recorder.seen[0].environ["HTTP_X_Y"] == "z"
        assert main(["get", "--http", address, "/x", "--param", "MY_OWN=1"]) == 2
        assert b"HTTP has no CGI variables" in capsysbinary.readouterr().err


# The output


def test_the_body_is_printed_as_it_is(capsysbinary: Capture) -> None:
    content = bytes(range(256)) * 1000
    assert get(Answering(HEAD + content), "/") == 0
    assert capsysbinary.readouterr() == (content, b"")


def test_include(capsysbinary: Capture) -> None:
    assert get(Answering(b"Status: 201 Made \xe9\r\nX-A: \xff\r\nX-A: 2\r\n\r\nhello"), "/", "-i") == 0
    assert capsysbinary.readouterr().out == b"Status: 201 Made \xe9\nX-A: \xff\nX-A: 2\n\nhello"


def test_head(capsysbinary: Capture) -> None:
    backend = Answering(b"Content-Length: 5\r\n\r\n")
    assert get(backend, "/", "-I") == 0
    assert backend.variables[0][b"REQUEST_METHOD"] == b"HEAD"
    assert capsysbinary.readouterr().out == b"Status: 200 OK\nContent-Length: 5\n\n"


def test_output(tmp_path: Path, capsysbinary: Capture) -> None:
    assert get(Answering(), "/", "-o", f"{tmp_path}/out") == 0
    assert (tmp_path / "out").read_bytes() == b"hello"
    assert get(Answering(), "/", "-o", "-") == 0
    assert capsysbinary.readouterr().out == b"hello"


def test_error_text_goes_to_standard_error(capsysbinary: Capture) -> None:
    """Also where the backend dies before its headers, when it is needed most."""
    text = wire.record(wire.STDERR, 1, b"Traceback:\n  \x1b[2JKeyError\n")
    assert get(saying(text), "/") == 1
    output, errors = capsysbinary.readouterr()
    assert output == b""
    assert errors.startswith(b"Traceback:\n  \\x1b[2JKeyError\ngateways: error: ")


def test_each_block_is_printed_as_it_comes() -> None:
    def act(peer: Peer) -> None:
        peer.request()
        peer.send(stdout(HEAD + b"first"))
        assert process.stdout is not None
        assert process.stdout.read(5) == b"first"
        peer.send(stdout(b"second"), ended())

    with scripted(act) as backend:
        command = [sys.executable, "-m", "gateways", "get", "--fastcgi", backend.address, "/"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        with process:
            process.wait(PATIENCE)
            assert process.stdout is not None
            assert process.stdout.read() == b"second"
    assert process.returncode == 0


def test_a_reader_that_has_enough_is_no_error_to_talk_about() -> None:
    def act(peer: Peer) -> None:
        peer.request()
        with contextlib.suppress(OSError):
            peer.send(stdout(HEAD + bytes(1 << 20)))

    with scripted(act) as backend:
        command = [sys.executable, "-m", "gateways", "get", "--fastcgi", backend.address, "/"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(10)
            process.stdout.close()
            assert process.stderr.read() == b""
    assert process.returncode == 1


# The exit status


def half(peer: Peer) -> None:
    """Half a response."""
    peer.request()
    peer.send(stdout(HEAD + b"half"))


def silent(peer: Peer) -> None:
    """No response."""
    peer.request()
    peer.wait_for_close()


@pytest.mark.parametrize(
    ("act", "status", "output", "told"),
    [
        (Answering(), 0, b"hello", b""),
        (Answering(b"Location: /x\r\n\r\n"), 0, b"", b""),
        (Answering(b"Status: 404 Not Found\r\n\r\nnot here"), HTTP_ERROR, b"not here", b""),
        (Answering(b"Status: 500 Oh\r\n\r\nno"), HTTP_ERROR, b"no", b""),
        (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), 1, b"", b"looks like HTTP"),
        (saying(stdout(HEAD[:10])), 1, b"", b"before the end"),
        (half, 1, b"half", b"before the end"),
        (Answering(app_status=3), 1, b"hello", b"the application ended with the status 3"),
        (silent, 6, b"", b"sent nothing for 0.1 s"),
    ],
)
def test_exit_status(act: Act, status: int, output: bytes, told: bytes, capsysbinary: Capture) -> None:
    assert get(act, "/", "--timeout", "100ms" if act is silent else f"{PATIENCE:g}s") == status
    captured = capsysbinary.readouterr()
    assert captured.out == output
    assert told in captured.err
    assert captured.err.count(b"\n") == (1 if told else 0)
    assert f"\n  {status} " in EXIT_STATUS


def test_exit_status_when_nothing_listens(tmp_path: Path, capsysbinary: Capture) -> None:
    assert main(["get", "--fastcgi", f"unix:{tmp_path}/none", "/"]) == 5
    assert b"no such socket file" in capsysbinary.readouterr().err
    assert "\n  5 " in EXIT_STATUS


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["x"], b"a path starts with"),
        (["http://localhost/"], b"a path starts with"),
        (["/x", "--script-name", "/app"], b"is not below /app"),
        (["/%00"], b"NUL"),
        (["/", "-d", "@/no/such/file"], b"cannot open /no/such/file: No such file"),
        (["/", "-o", "/no/such/file"], b"cannot open /no/such/file: No such file"),
    ],
)
def test_exit_status_of_what_cannot_be_done(arguments: list[str], told: bytes, capsysbinary: Capture) -> None:
    with scripted(Peer.wait_for_close) as backend:  # type: ignore[arg-type]
        assert main(["get", "--fastcgi", backend.address, *arguments]) == 2
    assert told in capsysbinary.readouterr().err


def test_the_manual_has_the_same_table() -> None:
    manual = (Path(__file__).parents[2] / "docs/reference/client.md").read_text("utf-8")
    for line in EXIT_STATUS.splitlines()[1:]:
        number, text = line.split(None, 1)
        assert f"| {number} | {text} |" in manual

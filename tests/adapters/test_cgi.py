"""Scripts as a web server starts them: a process, pipes or one socket, and the environment."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Protocol

import pytest

from gateways.adapters.cgi import CGI
from gateways.errors import ClientDisconnected
from tests.core import applications
from tests.support import cgi
from tests.support.cgi import Answer, post, run, start


class Script(Protocol):
    """The fixture ``script``: write a script that serves ``application`` of a source."""

    def __call__(self, source: str, serve: str = ...) -> Path: ...


ECHO = """
def application(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
"""

DUMP = """
import json, os, sys

def application(environ, start_response):
    seen = {name: value for name, value in environ.items() if isinstance(value, (str, bool))}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(seen).encode()]
"""


@pytest.fixture
def script(tmp_path: Path) -> Script:
    def write(source: str, serve: str = "run_with_cgi(application)") -> Path:
        path = tmp_path / "app.cgi"
        path.write_text(f"from gateways import run_with_cgi\n{textwrap.dedent(source)}\n{serve}\n")
        return path

    return write


def seen(answer: Answer) -> dict[str, Any]:
    assert answer.status == "200 OK", answer.log
    environ: dict[str, Any] = json.loads(answer.body)
    return environ


# The response


def test_a_response_is_what_rfc_3875_asks_for(script: Script) -> None:
    """Status is there even for 200, and last: a bare Location must not become a redirect inside the server."""
    path = script("""
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain"), ("Location", "/else"), ("X-Name", "caf\\xe9")])
            return [b"page"]
    """)
    answer = run(path)
    assert answer.output == (
        b"Content-Type: text/plain\r\nLocation: /else\r\nX-Name: caf\xe9\r\nContent-Length: 4\r\n"
        b"Status: 200 OK\r\n\r\npage"
    )
    assert (answer.log, answer.code) == ("", 0)


def test_each_block_leaves_at_once(script: Script, tmp_path: Path) -> None:
    path = script("""
        import os, time

        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            yield b"first"
            while not os.path.exists("go on"):
                time.sleep(0.005)
            yield b"second"
    """)
    with start(path) as process:
        assert process.stdout is not None
        data = b""
        while b"first" not in data:
            data += process.stdout.read1(1000)  # type: ignore[attr-defined]
        (tmp_path / "go on").touch()
        assert process.stdout.read() == b"second"


@pytest.mark.parametrize(
    ("status", "body"), [("200 OK", b""), ("204 No Content", b""), ("304 Not Modified", b""), ("404 Not Found", b"")]
)
def test_head(script: Script, status: str, body: bytes) -> None:
    path = script(f"""
        def application(environ, start_response):
            start_response({status!r}, [("ETag", "1")])
            return [b"page"]
    """)
    answer = run(path, {"REQUEST_METHOD": "HEAD"})
    assert (answer.status, answer.body, answer.code) == (status, body, 0)
    assert answer.headers.get("Content-Length") == (None if status[:3] in ("204", "304") else "4")


def test_ten_megabytes_each_way(script: Script) -> None:
    body = os.urandom(1 << 20) * 10
    answer = run(script(ECHO), post(body), body)
    assert answer.body == body
    assert answer.code == 0


def test_flags_of_the_environ_are_true(script: Script) -> None:
    environ = seen(run(script(DUMP)))
    assert environ["wsgi.multithread"] is False
    assert environ["wsgi.multiprocess"] is True
    assert environ["wsgi.run_once"] is True
    assert environ["GATEWAY_INTERFACE"] == "CGI/1.1"


@pytest.mark.parametrize("name", applications.EXPECTED)
def test_the_validator_finds_nothing(script: Script, name: str) -> None:
    path = script("from tests.core.applications import application")
    answer = run(path, {"PATH_INFO": f"/{name}"})
    assert (answer.status, answer.body, answer.code) == (*applications.EXPECTED[name], 0)
    assert answer.log == ("logged\nby lines\n" if name == "log" else "")
    head = run(path, {"PATH_INFO": f"/{name}", "REQUEST_METHOD": "HEAD"})
    assert (head.status, head.body, head.code) == (applications.EXPECTED[name][0], b"", 0)


def test_the_validator_finds_nothing_in_reading(script: Script) -> None:
    body = b"a line\nanother\n\n" + bytes(range(256)) * 1000
    answer = run(script("from tests.core.applications import application"), post(body, PATH_INFO="/echo"), body)
    assert (answer.body, answer.log) == (body, "")


# C01-C04: the body


def unread(path: Path, variables: cgi.Variables, body: bytes) -> tuple[Answer, bytes]:
    """Run a script with ``body`` in a pipe; return what it left there as well."""
    reader, writer = os.pipe()
    try:
        os.write(writer, body)
        os.close(writer)
        with start(path, variables, reader) as process:
            output, log = process.communicate(timeout=30)
        return Answer(output, log, process.returncode), os.read(reader, 65536)
    finally:
        os.close(reader)


@pytest.mark.parametrize("length", [None, "", "0", "000"])
def test_C01_without_content_length_there_is_no_body(script: Script, length: str | None) -> None:
    answer, left = unread(script(ECHO), {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": length}, b"hello")
    assert (answer.status, answer.body) == ("200 OK", b"")
    assert left == b"hello"


@pytest.mark.parametrize("length", [1, 5, 99])
def test_C02_no_byte_past_content_length_is_read(script: Script, length: int) -> None:
    answer, left = unread(script(ECHO), {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(length)}, b"x" * 100)
    assert answer.body == b"x" * length
    assert len(left) == 100 - length


def test_C02_no_byte_past_content_length_is_read_of_a_large_body(script: Script, tmp_path: Path) -> None:
    """In a file (lighttpd) the position that is left behind tells."""
    (tmp_path / "body").write_bytes(b"x" * 200_000)
    with open(tmp_path / "body", "rb", buffering=0) as file:
        with start(script(ECHO), {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "150000"}, file) as process:
            output, _ = process.communicate(timeout=30)
        assert file.tell() == 150_000
    assert Answer(output, b"", 0).body == b"x" * 150_000


def test_C02_nothing_is_read_that_the_application_does_not_ask_for(script: Script) -> None:
    path = script("""
        import sys

        def application(environ, start_response):
            assert sys.stdin.read() == ""  # the body is in wsgi.input alone
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [environ["wsgi.input"].read(0)]
    """)
    answer, left = unread(path, {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "5"}, b"hello")
    assert answer.status == "200 OK"
    assert left == b"hello"


def test_C02_the_end_of_the_input_is_not_waited_for(script: Script) -> None:
    """A server may keep standard input open (RFC 3875, section 4.2)."""
    reader, writer = os.pipe()
    try:
        os.write(writer, b"hello")
        with start(script(ECHO), {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "5"}, reader) as process:
            output, _ = process.communicate(timeout=30)
        assert output.endswith(b"\r\n\r\nhello")
    finally:
        os.close(reader)
        os.close(writer)


def test_C03_a_body_that_ends_early_is_an_end_and_a_line_in_the_log(script: Script) -> None:
    answer = run(script(ECHO), {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "5"}, b"hel")
    assert (answer.status, answer.body, answer.code) == ("200 OK", b"hel", 0)
    assert answer.log == "gateways: the body was shorter than its CONTENT_LENGTH of 5 bytes\n"


@pytest.mark.parametrize("length", ["-1", "abc", str(10**30), "+5", "5, 5", "0x5", "5_0", " 5", "5.0", b"\xb2"])
def test_C04_a_content_length_that_is_no_number_is_refused(script: Script, length: str | bytes) -> None:
    path = script("def application(environ, start_response): raise SystemError('it was called')")
    answer, left = unread(path, {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": length}, b"hello")
    assert answer.status == "400 Bad Request"
    assert left == b"hello"
    assert answer.code == 0
    assert answer.log.startswith("gateways: CONTENT_LENGTH ")
    assert answer.log.count("\n") == 1
    assert answer.log.isascii()


def test_C04_an_announced_length_allocates_nothing(script: Script) -> None:
    answer = run(script(ECHO), {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(10**17)}, b"hello")
    assert answer.body == b"hello"


@pytest.mark.parametrize("coding", ["chunked", "Chunked"])
def test_a_chunked_upload_is_read_to_its_end(script: Script, coding: str) -> None:
    """Apache undoes the chunks and passes the body on without a length."""
    body = b"hello" * 50_000
    variables = {"REQUEST_METHOD": "POST", "HTTP_TRANSFER_ENCODING": coding}
    answer = run(script(ECHO), variables, body)
    assert (answer.status, answer.body, answer.log) == ("200 OK", body, "")
    assert "HTTP_TRANSFER_ENCODING" not in seen(run(script(DUMP), variables))


# C05, C10: how it was started


def test_C05_without_request_method_it_is_no_cgi_request(script: Script) -> None:
    answer = run(script(ECHO), {"REQUEST_METHOD": None})
    assert answer.status == "500 Internal Server Error"
    assert answer.log == (
        "gateways: this is a CGI script and REQUEST_METHOD is not set: a web server has to start it\n"
    )
    assert answer.code == 2


def test_C05_a_listening_socket_does_not_make_it_a_server(script: Script) -> None:
    """What FastCGI programs are started with: run() looks for it, run_with_cgi() does not."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = start(script(ECHO), {"REQUEST_METHOD": None}, listener.fileno())
        output, _ = process.communicate(timeout=30)
    assert b"Status: 500 " in output
    assert process.returncode == 2


@pytest.mark.parametrize("arguments", [("-d", "allow=1"), ("--help",), ("-c", "import os"), ("\xad", "-s")])
def test_C10_arguments_are_ignored(script: Script, arguments: tuple[str, ...]) -> None:
    """Servers pass a query string without "=" as arguments (RFC 3875, section 4.4; CVE-2012-1823)."""
    answer = run(script(ECHO), arguments=arguments)
    assert (answer.status, answer.log, answer.code) == ("200 OK", "", 0)


# C06-C09, C18: the environment


PROXIES = """
import os, subprocess, sys, urllib.request

at_import = "HTTP_PROXY" in os.environ

def application(environ, start_response):
    child = subprocess.run([sys.executable, "-S", "-c", "import os; print('HTTP_PROXY' in os.environ)"],
                           stdout=subprocess.PIPE, text=True)
    del os.environ["REQUEST_METHOD"]  # getproxies() is careful when it is there
    found = ["HTTP_PROXY" in environ, "HTTP_PROXY" in os.environ, b"HTTP_PROXY" in os.environb, at_import,
             urllib.request.getproxies(), child.stdout.strip()]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(found).encode()]
"""


def test_C06_httpoxy(script: Script, tmp_path: Path) -> None:
    """CVE-2016-1000110: a Proxy header is no setting, neither for the application nor for its children."""
    (tmp_path / "app.py").write_text(PROXIES)
    answer = run(script("", serve="run_with_cgi('app:application')"), {"HTTP_PROXY": "http://evil.example/"})
    assert answer.body.decode() == repr([False, False, False, False, {}, "False"])


BYTES = bytes(range(0x80, 0x100))


@pytest.mark.parametrize(
    "locale",
    [
        {"LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"LANG": "C"},
        {"LANG": "C.UTF-8"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "1"},
        {"LANG": None},
    ],
)
def test_C07_bytes_of_the_environment_are_latin1_text_in_every_locale(script: Script, locale: cgi.Variables) -> None:
    variables = {"HTTP_X_BYTES": BYTES, "PATH_INFO": b"/caf\xc3\xa9/\xff", "QUERY_STRING": b"\xe2\x82\xac", **locale}
    environ = seen(run(script(DUMP), variables))
    assert environ["HTTP_X_BYTES"] == BYTES.decode("latin-1")
    assert environ["PATH_INFO"] == "/caf\xc3\xa9/\xff"
    assert environ["QUERY_STRING"] == "\xe2\x82\xac"


def test_C07_an_undecodable_environment_does_not_stop_the_log(script: Script) -> None:
    path = script("def application(environ, start_response): raise ValueError(environ['PATH_INFO'] + '\\u20ac\\udc80')")
    answer = run(path, {"PATH_INFO": b"/\xff", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"})
    assert answer.status == "500 Internal Server Error"
    assert answer.log.startswith("gateways: GET /cgi-bin/app.cgi/\xff: ValueError: /\xff\u20ac\\udc80\n")


@pytest.mark.parametrize(
    "path", [b"/a/b", b"/a%2Fb", b"/a//b", b"//a", b"/\xff\xfe", b"/a;b=c", b"/a%", b"/a b", b"/%00"]
)
@pytest.mark.parametrize("uri", [False, True])
def test_C08_the_path_is_not_decoded_again(script: Script, path: bytes, uri: bool) -> None:
    quoted = "".join(chr(byte) if chr(byte) in "/ab;=c" else f"%{byte:02X}" for byte in path)
    variables = {"PATH_INFO": path, "REQUEST_URI": f"/cgi-bin/app.cgi{quoted}?q" if uri else None}
    environ = seen(run(script(DUMP), variables))
    assert environ["SCRIPT_NAME"] == "/cgi-bin/app.cgi"
    assert environ["PATH_INFO"] == path.decode("latin-1")


def test_C08_a_script_without_path_info(script: Script) -> None:
    environ = seen(run(script(DUMP), {"REQUEST_URI": "/cgi-bin/app.cgi"}))
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/cgi-bin/app.cgi", "")


def test_C09_no_query_string_is_an_empty_one(script: Script) -> None:
    assert seen(run(script(DUMP), {"QUERY_STRING": None}))["QUERY_STRING"] == ""


@pytest.mark.parametrize(
    ("variables", "scheme"),
    [
        ({}, "http"),
        ({"HTTPS": "on"}, "https"),
        ({"HTTPS": "ON"}, "https"),
        ({"HTTPS": "1"}, "https"),
        ({"HTTPS": "https"}, "https"),
        ({"HTTPS": "off"}, "http"),
        ({"HTTPS": "0"}, "http"),
        ({"HTTPS": ""}, "http"),
        ({"REQUEST_SCHEME": "https"}, "https"),
        ({"REQUEST_SCHEME": "http"}, "http"),
        ({"REQUEST_SCHEME": "javascript"}, "http"),
        ({"HTTP_X_FORWARDED_PROTO": "https", "HTTP_HTTPS": "on"}, "http"),
    ],
)
def test_C18_url_scheme(script: Script, variables: cgi.Variables, scheme: str) -> None:
    assert seen(run(script(DUMP), variables))["wsgi.url_scheme"] == scheme


# C11: nobody reads


STREAM = """
class Page:
    def __iter__(self):
        while True:
            yield b"x" * 65536

    def close(self):
        with open("closed", "a") as file:
            file.write("closed ")

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Page()
"""


@pytest.mark.parametrize("read", [0, 100_000])
def test_C11_the_reader_has_gone(script: Script, tmp_path: Path, read: int) -> None:
    with start(script(STREAM)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(read)
        process.stdout.close()
        log = process.stderr.read().decode()
    assert log == "gateways: GET /cgi-bin/app.cgi: the response could not be written: Broken pipe\n"
    assert process.returncode == 1
    assert (tmp_path / "closed").read_text() == "closed "


def test_C11_the_reader_is_slow(script: Script) -> None:
    body = os.urandom(1 << 20)
    with start(script(ECHO), post(body), subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(body)
        process.stdin.close()
        output = b""
        while piece := process.stdout.read1(3000):  # type: ignore[attr-defined]
            output += piece
    assert Answer(output, b"", 0).body == body
    assert process.returncode == 0


def test_C11_nobody_reads_the_log(script: Script) -> None:
    path = script("""
        import sys
        def application(environ, start_response):
            environ["wsgi.errors"].write("lost\\n")
            environ["wsgi.errors"].flush()
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"page"]
    """)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, str(path)], env=cgi.environment(), stdout=subprocess.PIPE, stderr=writer, check=True
    )
    os.close(writer)
    assert done.stdout.endswith(b"page")


IGNORE = """
def application(environ, start_response):
    start_response("403 Forbidden", [("Content-Type", "text/plain")])
    return [b"x" * 3_000_000]
"""

STREAMED_ECHO = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    while block := environ["wsgi.input"].read(10_000):
        yield block
"""


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("one_socket", [False, True])
@pytest.mark.parametrize("source", [IGNORE, STREAMED_ECHO])
def test_a_server_that_sends_the_whole_body_before_it_reads(
    script: Script, source: str, one_socket: bool, chunked: bool
) -> None:
    """Apache does. Pipes hold 64 KiB: unless somebody reads ahead, both sides wait until the server's timeout."""
    body = os.urandom(3_000_000)
    variables: cgi.Variables = post(body)
    if chunked:
        variables = {"REQUEST_METHOD": "POST", "HTTP_TRANSFER_ENCODING": "chunked"}
    ours, theirs = socket.socketpair()
    with ours:
        ours.settimeout(20)
        output = theirs.fileno() if one_socket else subprocess.PIPE
        with theirs:
            process = start(script(source), variables, theirs.fileno(), output)
        ours.sendall(body)
        ours.shutdown(socket.SHUT_WR)
        with process:
            data = b"".join(iter(lambda: ours.recv(65536), b"")) if process.stdout is None else process.stdout.read()
            answer = Answer(data, b"", process.wait(20))
    assert answer.body == (body if source == STREAMED_ECHO else b"x" * 3_000_000)
    assert answer.code == 0


def test_a_socket_with_an_unread_body_does_not_lose_the_response(script: Script) -> None:
    """mod_cgid: closed with bytes in it, a socket is reset, and the response with it."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = start(
                script(IGNORE.replace("3_000_000", "4")), post(b"x" * 50_000), theirs.fileno(), theirs.fileno()
            )
        ours.sendall(b"x" * 50_000)
        with process:
            assert process.wait(20) == 0
        assert b"".join(iter(lambda: ours.recv(65536), b"")).endswith(b"\r\n\r\nxxxx")


def test_the_end_of_the_body_is_remembered() -> None:
    """Whoever waits for room to write must not find an ended input ready to read for ever."""
    reader, writer = os.pipe()
    transport = CGI(reader, -1)
    transport.expect_body(10, chunked=False)
    os.close(writer)
    assert transport.receive() == b""
    os.close(reader)
    assert transport.receive() == b""


def test_a_body_that_breaks_off_while_it_is_read_ahead() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        stdin, _ = server.accept()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()  # by a reset
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))  # until the pipe is full
    transport = CGI(stdin.fileno(), writer)
    transport.expect_body(10, chunked=False)
    with pytest.raises(ClientDisconnected, match="the body broke off: Connection reset by peer"):
        transport.send_body(b"x", False)
    stdin.close()
    os.close(reader)
    os.close(writer)


# C12: standard output is for the response alone


NOISE = """
import os, subprocess, sys

print("before")

def application(environ, start_response):
    print("print")
    sys.__stdout__.write("stdout\\n")
    sys.stdout.flush()
    sys.stdout.buffer.write(b"buffer\\n" * 5000)
    os.write(1, b"descriptor\\n")
    os.system("echo system")
    subprocess.run(["echo", "child"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"page"
    print("after")
"""


@pytest.mark.parametrize("run_as", ["pipes", "socket"])
def test_C12_what_is_printed_goes_to_the_log(script: Script, run_as: str) -> None:
    path = script(NOISE)
    answer = run(path) if run_as == "pipes" else run_on_socket(path, {}, b"")
    assert answer.output == b"Content-Type: text/plain\r\nStatus: 200 OK\r\n\r\npage"
    lines = answer.log.split()
    assert sorted(set(lines)) == ["after", "before", "buffer", "child", "descriptor", "print", "stdout", "system"]
    assert answer.code == 0


def run_on_socket(path: Path, variables: cgi.Variables, body: bytes) -> Answer:
    """mod_cgid: descriptors 0 and 1 are one connected socket."""
    ours, theirs = socket.socketpair()
    with ours, start(path, variables, theirs.fileno(), theirs.fileno()) as process:
        theirs.close()
        ours.sendall(body)
        output = b"".join(iter(lambda: ours.recv(65536), b""))
        assert process.stderr is not None
        log = process.stderr.read()
    return Answer(output, log, process.returncode)


def test_a_child_left_running_does_not_hold_the_response_open(script: Script, tmp_path: Path) -> None:
    path = script("""
        import os

        def application(environ, start_response):
            os.system("(while [ ! -e stop ]; do sleep 0.05; done) >/dev/null 2>&1 &")
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"page"]
    """)
    with start(path) as process:
        assert process.stdout is not None
        assert process.stdout.read().endswith(b"page")
        (tmp_path / "stop").touch()


def test_one_socket_is_input_and_output(script: Script) -> None:
    answer = run_on_socket(script(ECHO), post(b"hello"), b"hello")
    assert (answer.status, answer.body, answer.log, answer.code) == ("200 OK", b"hello", "", 0)


# C13, C14: failures


def test_C13_a_failure_before_the_headers(script: Script) -> None:
    path = script("""
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/html")])
            raise LookupError("se\\x1bcret")
    """)
    answer = run(path)
    assert answer.status == "500 Internal Server Error"
    assert b"cret" not in answer.body
    assert answer.log.startswith("gateways: GET /cgi-bin/app.cgi: LookupError: se\\x1bcret\n  Traceback")
    assert answer.code == 0


@pytest.mark.parametrize("headers", [[], [("Content-Length", "100")]])
def test_C13_a_failure_after_the_headers(script: Script, headers: list[tuple[str, str]]) -> None:
    path = script(f"""
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/html"), *{headers}])
            yield b"half"
            raise LookupError("lost")
    """)
    answer = run(path)
    assert (answer.status, answer.body) == ("200 OK", b"half")
    assert answer.code == 1


def test_C13_a_response_shorter_than_its_content_length(script: Script) -> None:
    path = script("""
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "100")])
            yield b"half"
    """)
    answer = run(path)
    assert answer.body == b"half"
    assert answer.code == 1
    assert "its Content-Length is 100; the response is broken off" in answer.log


@pytest.mark.parametrize("statement", ["raise SystemExit(3)", "raise KeyboardInterrupt", "import sys; sys.exit('why')"])
def test_C13_an_application_that_exits(script: Script, statement: str) -> None:
    answer = run(script(f"def application(environ, start_response): {statement}"))
    assert answer.status == "500 Internal Server Error"
    assert answer.code == 0


@pytest.mark.parametrize("status", ["99 x", "1000 y", "200", "", "100 Continue", "OK", "200 OK\r\nX: y"])
def test_C14_a_bad_status_is_a_500(script: Script, status: str) -> None:
    answer = run(
        script(f"""
        def application(environ, start_response):
            start_response({status!r}, [])
            return [b"page"]
    """)
    )
    assert answer.status == "500 Internal Server Error"
    assert "X" not in answer.headers


@pytest.mark.parametrize("status", ["200 ", "418 I'm a teapot", "599 "])
def test_C14_a_status_without_a_reason_is_fine(script: Script, status: str) -> None:
    answer = run(
        script(f"""
        def application(environ, start_response):
            start_response({status!r}, [])
            return []
    """)
    )
    assert answer.status == status
    assert answer.headers == {"Content-Length": "0", "Status": status}


def test_C14_no_start_response_is_a_500(script: Script) -> None:
    assert run(script("def application(environ, start_response): return []")).status == "500 Internal Server Error"


# Descriptors that are closed at the start


def run_closed(path: Path, closed: str, variables: cgi.Variables = cgi.REQUEST) -> Answer:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" "$1" {closed}', sys.executable, str(path)],
        env=cgi.environment(**variables),
        input=b"hello",
        capture_output=True,
        check=False,
    )
    return Answer(done.stdout, done.stderr, done.returncode)


def test_standard_input_is_closed(script: Script) -> None:
    answer = run_closed(script(ECHO), "<&-", post(b"hello"))
    assert (answer.status, answer.body, answer.code) == ("200 OK", b"", 0)
    assert "shorter than its CONTENT_LENGTH" in answer.log


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-"])
def test_standard_error_is_closed(script: Script, closed: str) -> None:
    """What is logged must not land in a descriptor that took its number."""
    path = script("""
        import os, sys

        def application(environ, start_response):
            environ["wsgi.errors"].write("logged\\n")
            print("printed")
            failed = os.system("echo child; echo child >&2")
            opened = os.open(os.devnull, os.O_RDONLY)
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"page" if opened > 2 and not failed else b"a standard descriptor is missing"]
    """)
    answer = run_closed(path, closed)
    assert (answer.status, answer.body, answer.log, answer.code) == ("200 OK", b"page", "", 0)


def test_standard_output_is_closed(script: Script) -> None:
    answer = run_closed(script(ECHO), ">&-")
    assert answer.output == b""
    assert answer.log == "gateways: standard output is closed: a CGI script has to answer there\n"
    assert answer.code == 1


def test_all_three_are_closed(script: Script) -> None:
    answer = run_closed(script(ECHO), "<&- >&- 2>&-")
    assert (answer.output, answer.code) == (b"", 1)


def test_one_socket_and_no_standard_error(script: Script) -> None:
    """The log must not go into the connection that the response travels on."""
    path = script("""
        def application(environ, start_response):
            print("printed")
            raise LookupError("lost")
    """)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            ["/bin/sh", "-c", 'exec "$0" "$1" 2>&-', sys.executable, str(path)],
            env=cgi.environment(),
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
        )
        theirs.close()
        output = b"".join(iter(lambda: ours.recv(65536), b""))
    assert process.wait(30) == 0
    assert output.endswith(
        b"\r\n\r\n500 Internal Server Error\n\nThe application failed. The reason is in the error log.\n"
    )


# Arguments of run_with_cgi


@pytest.mark.parametrize("dict_or_pairs", ["{}", "dict({})"])
def test_script_name_and_environ(script: Script, dict_or_pairs: str) -> None:
    pairs = '[("app.mode", "caf\\xe9"), ("HTTPS", "on")]'
    serve = f'run_with_cgi(application, script_name="/app", environ={dict_or_pairs.format(pairs)})'
    environ = seen(run(script(DUMP, serve), {"PATH_INFO": "/page", "REQUEST_URI": "/app/page"}))
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app", "/page")
    assert environ["app.mode"] == "caf\xc3\xa9"
    assert environ["wsgi.url_scheme"] == "https"


@pytest.mark.parametrize(
    "argument",
    ['script_name="app"', "script_name=5", 'environ=[("wsgi.input", "x")]', 'environ=["AB"]', "environ=5"],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_wrong_argument_is_one_line_and_a_500(script: Script, argument: str, method: str) -> None:
    answer = run(script(ECHO, f"run_with_cgi(application, {argument})"), {"REQUEST_METHOD": method})
    assert answer.status == "500 Internal Server Error"
    assert (answer.body == b"") == (method == "HEAD")
    assert answer.log.startswith("gateways: ")
    assert answer.log.count("\n") == 1
    assert answer.code == 2


def test_debug_shows_the_traceback(script: Script) -> None:
    source = "def application(environ, start_response): raise LookupError('lost')"
    assert b"Traceback" in run(script(source, "run_with_cgi(application, debug=True)")).body
    assert b"Traceback" not in run(script(source)).body


def test_an_application_by_name(script: Script, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(ECHO)
    answer = run(script("", serve="run_with_cgi('app:application')"), post(b"hello"), b"hello")
    assert (answer.body, answer.log) == (b"hello", "")


@pytest.mark.parametrize(
    ("source", "name", "reason"),
    [
        ("import no_such_module", "app:application", "No module named 'no_such_module'"),
        ("def application(:", "app:application", "SyntaxError"),
        ("1 / 0", "app:application", "division by zero"),
        ("", "app:application", "has no 'application'"),
        ("", "no_such_app:application", "no module 'no_such_app'"),
        ("application = 5", "app:application", "not callable"),
        ("raise SystemExit(5)", "app:application", "SystemExit: 5"),
    ],
)
def test_an_application_that_cannot_be_loaded(
    script: Script, tmp_path: Path, source: str, name: str, reason: str
) -> None:
    (tmp_path / "app.py").write_text(source)
    answer = run(script("", serve=f"run_with_cgi({name!r})"))
    assert answer.status == "500 Internal Server Error"
    assert b"could not be loaded" in answer.body
    assert reason in answer.log
    assert reason.encode() not in answer.body
    assert answer.code == 0


def test_posthooks_run_when_the_web_server_has_it_all(script: Script) -> None:
    """The web server sees the end of standard output while a hook still runs."""
    path = script(
        """
        import os, sys, time

        def wait(environ, name):
            while not os.path.exists(name):
                time.sleep(0.01)
            print("waited")

        def application(environ, start_response):
            environ["gateways.posthooks"].append((wait, (sys.argv[1],), {}))
            environ["eventlet.posthooks"].append((int, ("x",), {}))
            start_response("200 OK", [])
            return [b"hello"]
        """
    )
    go_on = path.with_name("go on")
    process = start(path, arguments=(str(go_on),))
    assert process.stdout is not None
    assert process.stdout.read().endswith(b"hello")
    go_on.touch()
    _, log = process.communicate(timeout=60)
    assert b"waited" in log
    assert b"gateways: a posthook failed: TypeError: " in log
    assert process.returncode == 0

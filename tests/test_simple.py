"""gateways.simple: a program that knew wsgiref.simple_server finds all it used."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from typing import IO, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, demo_app

import pytest

from gateways import make_server
from gateways.errors import BindError, ConfigError
from gateways.simple import SimpleServer
from tests.support import tls
from tests.support.applications import hello
from tests.support.serving import PATIENCE, until
from tests.support.simple import simple
from tests.support.source import CHECKOUT

QUIET = {"access_log": "off"}


def test_the_program_of_the_python_documentation() -> None:
    with make_server("", 0, demo_app, **QUIET) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{httpd.server_port}/") as answer:
                assert answer.read().startswith(b"Hello world!\n")
        finally:
            httpd.shutdown()
            thread.join(PATIENCE)
        assert not thread.is_alive()


def test_where_it_listens() -> None:
    with make_server("127.0.0.1", 0, hello) as server:
        assert server.server_address == ("127.0.0.1", server.server_port) == server.socket.getsockname()
        assert server.server_name == "127.0.0.1"
        assert server.fileno() == server.socket.fileno() >= 0
    assert server.fileno() == -1
    with contextlib.suppress(BindError), make_server("::1", 0, hello) as server:
        assert server.server_address[0] == "::1"


def test_it_serves_again_after_a_shutdown() -> None:
    """The system accepts connections in between."""
    with make_server("127.0.0.1", 0, hello, **QUIET) as server:
        for _ in range(2):
            with socket.create_connection(server.server_address, PATIENCE) as sock:
                sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
                thread.start()
                data = b""
                while piece := sock.recv(65536):
                    data += piece
                assert data.endswith(b"hello")
                server.shutdown()
                thread.join(PATIENCE)
                assert not thread.is_alive()


def test_one_request_at_a_time_by_handle_request() -> None:
    served: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        served.append(environ["PATH_INFO"])
        return hello(environ, start_response)

    with make_server("127.0.0.1", 0, application, **QUIET) as server, contextlib.ExitStack() as stack:
        clients = []
        for number in range(2):
            sock = stack.enter_context(socket.create_connection(server.server_address, PATIENCE))
            sock.sendall(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number)
            clients.append(sock)
        for count in (1, 2):
            server.handle_request()
            assert len(served) == count
        for sock in clients:
            data = receive(sock)
            assert b"Connection: close" in data
            assert data.endswith(b"hello")
    assert sorted(served) == ["/0", "/1"]


def receive(sock: socket.socket) -> bytes:
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def test_handle_request_takes_one_connection_only() -> None:
    """All others wait in the backlog, also while the application runs, and when several threads may serve."""
    served: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        served.append(environ["PATH_INFO"])
        if len(served) == 1:
            others[0].sendall(b"GET /other HTTP/1.1\r\nHost: h\r\n\r\n")
        return hello(environ, start_response)

    with make_server("127.0.0.1", 0, application, threads=2, **QUIET) as server, contextlib.ExitStack() as stack:
        first, *others = [
            stack.enter_context(socket.create_connection(server.server_address, PATIENCE)) for _ in range(3)
        ]
        first.sendall(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\nGET /more HTTP/1.1\r\nHost: h\r\n\r\n")
        server.handle_request()
        assert served == ["/first"]
        others[1].sendall(b"GET /last HTTP/1.1\r\nHost: h\r\n\r\n")
        for count, sock in enumerate(others, 2):
            server.handle_request()
            assert len(served) == count
            assert receive(sock).endswith(b"hello")
    assert served == ["/first", "/other", "/last"]


@pytest.mark.parametrize("end", ["handle_request", "shutdown"])
def test_a_slow_application_is_not_broken_off(end: str) -> None:
    """In a process of its own, which would end with it."""
    program = (
        "import threading, time\n"
        "from gateways import make_server\n"
        "def application(environ, start_response):\n"
        "    if END == 'shutdown':\n"
        "        threading.Thread(target=server.shutdown).start()\n"
        "    time.sleep(0.6)\n"
        "    start_response('200 OK', [])\n"
        "    return [b'slow']\n"
        "with make_server('127.0.0.1', 0, application, graceful_timeout=0.1, access_log='off') as server:\n"
        "    print(server.server_port, flush=True)\n"
        "    server.handle_request() if END == 'handle_request' else server.serve_forever()\n"
        "print('ended')\n"
    )
    command = [sys.executable, "-c", f"END = {end!r}\n{program}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.read() == b"slow"
        assert process.stdout.read().endswith("ended\n")
    assert process.returncode == 0


@contextlib.contextmanager
def program(rest: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Run a program that makes a server and goes on with ``rest``, and have it answer once."""
    text = (
        "from gateways import make_server\n"
        "from tests.support.applications import hello\n"
        "with make_server('127.0.0.1', 0, hello) as server:\n"
        "    print(server.server_port, flush=True)\n"
    )
    command = [sys.executable, "-c", text + rest]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.read() == b"hello"
        yield process, process.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_loop_of_handle_request(number: signal.Signals) -> None:
    rest = (
        "    try:\n"
        "        while True:\n"
        "            server.handle_request()\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted')\n"
    )
    with program(rest) as (process, output):
        process.send_signal(number)
        assert output.read().endswith("interrupted\n") == (number == signal.SIGINT)
    assert process.returncode == (0 if number == signal.SIGINT else -number)


def test_a_process_that_the_application_forks_off_ends_by_a_signal() -> None:
    program = (
        "import os, signal, time\n"
        "from gateways import make_server\n"
        "def application(environ, start_response):\n"
        "    out, into = os.pipe()\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        os.write(into, b'1')\n"  # Python forgets a signal that comes before this
        "        time.sleep(60)\n"
        "        os._exit(1)\n"
        "    os.read(out, 1)\n"
        "    os.kill(child, signal.SIGTERM)\n"
        "    start_response('200 OK', [])\n"
        "    return [b'%d' % os.waitpid(child, 0)[1]]\n"
        "with make_server('127.0.0.1', 0, application, access_log='off') as server:\n"
        "    print(server.server_port, flush=True)\n"
        "    server.handle_request()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.read() == b"%d" % signal.SIGTERM
    assert process.returncode == 0


def test_the_application_can_be_changed() -> None:
    def other(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"other"]

    with simple(hello) as running:
        assert running.server.get_app() is hello
        assert running.get().more == b"hello"
        running.server.set_app(other)
        assert running.get().more == b"other"


def test_without_an_application_the_answer_is_500() -> None:
    with simple(None) as running:
        assert running.get().status == "HTTP/1.1 500 Internal Server Error"
        until(lambda: "set_app was not called" in running.error_log)


def test_shutdown_of_a_server_that_does_not_run_returns() -> None:
    with make_server("127.0.0.1", 0, hello, **QUIET) as server:
        server.shutdown()
        server.serve_forever()  # it was told already
        with socket.create_connection(server.server_address, PATIENCE) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            assert receive(sock).endswith(b"hello")
            server.shutdown()
            thread.join(PATIENCE)
            assert not thread.is_alive()


class Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


class Making(WSGIServer):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)


class IPv6(WSGIServer):
    address_family = socket.AF_INET6


class Other(WSGIServer):
    def server_bind(self) -> None:
        raise AssertionError


def multithread(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [repr(environ["wsgi.multithread"]).encode()]


@pytest.mark.parametrize(
    ("given", "threads"),
    [
        ({}, b"False"),
        ({"threads": 3}, b"True"),
        ({"server_class": WSGIServer, "handler_class": WSGIRequestHandler}, b"False"),
        ({"server_class": Threads}, b"True"),
        ({"server_class": Threads, "threads": 1}, b"False"),
    ],
)
def test_how_many_requests_at_once(given: dict[str, Any], threads: bytes) -> None:
    with simple(multithread, **given) as running:
        assert running.get().more == threads


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"handler_class": Silent}, 'handler_class: nobody here would call Silent.log_message.*access_log="off"'),
        ({"server_class": Other}, "server_class: nobody here would call Other.server_bind"),
        ({"server_class": Making}, "server_class: nobody here would call Making.__init__"),
        ({"keyfile": tls.KEY}, "keyfile.*: the certificate is missing"),
        ({"proxy_protocol": True}, "proxy_protocol.*: nobody could connect"),
        ({"workers": 2}, "workers: make_server does not do that; gateways.serve does"),
        ({"user": "nobody"}, "user: make_server does not do that"),
        ({"http": ":80"}, "http: make_server does not do that"),
        ({"colour": "blue"}, "colour is not known"),
        ({"certfile": tls.CERTIFICATE}, "there is no private key"),
    ],
)
def test_what_cannot_be_is_said(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        make_server("127.0.0.1", 0, hello, **given)


def test_the_family_of_a_class_is_obeyed() -> None:
    with contextlib.suppress(BindError), make_server("", 0, hello, IPv6) as server:
        assert server.server_address == ("::", server.server_port)


def test_what_only_serve_obeys_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAYS_PM", "ondemand")
    with make_server("127.0.0.1", 0, hello):
        pass


def test_an_address_that_is_taken_or_unknown() -> None:
    with make_server("127.0.0.1", 0, hello) as server, pytest.raises(BindError, match="another process listens there"):
        make_server("127.0.0.1", server.server_port, hello)
    with (
        pytest.raises(OSError, match="another process listens there") as caught,
        make_server("127.0.0.1", 0, hello) as server,
    ):
        make_server("127.0.0.1", server.server_port, hello)
    assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(BindError, match="the host is unknown"):
        make_server("host.invalid", 0, hello)


def test_tls() -> None:
    with simple(hello, certfile=tls.CERTIFICATE, keyfile=tls.KEY) as running, tls.shake(running.connect()) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        data = b""
        while piece := sock.recv(65536):
            data += piece
        assert data.endswith(b"hello")
        assert sock.selected_alpn_protocol() is None


def test_a_signal_ends_it_in_the_main_thread() -> None:
    rest = "    server.serve_forever()\nprint('ended')\n"
    with program(rest) as (process, output):
        process.send_signal(signal.SIGTERM)
        assert output.read().endswith("ended\n")
    assert process.returncode == 0


def test_the_type_is_public() -> None:
    with make_server("127.0.0.1", 0, hello) as server:
        assert isinstance(server, SimpleServer)

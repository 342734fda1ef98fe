"""PEP 3333, clause by clause, where a clause is not the matter of one module; docs/explain/pep3333.md has the table.

``wsgiref.validate`` stands around every application, on every transport (CGI: tests/adapters/test_cgi.py).
"""

from __future__ import annotations

import functools
import io
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.core import applications
from tests.core.recording import Answer, answer, answering, make_environ
from tests.support import wire

ROOT = Path(__file__).parents[2]
TEXT = ("Content-Type", "text/plain")

Ask = Callable[..., "tuple[str, bytes, str]"]  # (method, path, body) -> (status, body, log)


@pytest.fixture(params=["core", "fastcgi", "scgi", "uwsgi", "ajp", "http"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Ask ``applications.application`` for a path, over each transport."""
    if request.param == "core":
        yield ask_core
        return
    from tests.support.serving import serving

    with serving(applications.application, request.param) as served:

        def ask_server(method: str, path: str, body: bytes = b"") -> tuple[str, bytes, str]:
            given = dict(wire.post(len(body)))
            given.update({b"REQUEST_METHOD": method.encode()})
            given.update(dict.fromkeys((b"PATH_INFO", b"REQUEST_URI"), path.encode()))
            answered = served.request(tuple(given.items()), body)
            return answered.status, answered.body, served.log.text("error", "warning")

        yield ask_server


def ask_core(method: str, path: str, body: bytes = b"") -> tuple[str, bytes, str]:
    environ = make_environ(method, path, CONTENT_LENGTH=str(len(body)))
    answered = answer(applications.application, environ, body=[body[i : i + 3] for i in range(0, len(body), 3)])
    return answered.status, answered.body, answered.log


@pytest.mark.parametrize("name", applications.EXPECTED)
def test_the_validator_finds_nothing(ask: Ask, name: str) -> None:
    status, body, log = ask("GET", f"/{name}")
    assert (status, body) == applications.EXPECTED[name]
    assert log.splitlines() == (["logged", "by lines"] if name == "log" else [])


@pytest.mark.parametrize("name", applications.EXPECTED)
def test_the_validator_finds_nothing_in_head(ask: Ask, name: str) -> None:
    status, body, _ = ask("HEAD", f"/{name}")
    assert (status, body) == (applications.EXPECTED[name][0], b"")


@pytest.mark.parametrize("body", [b"", b"hello", b"a line\nanother\n\nlast", b"\n" * 50, bytes(range(256)) * 1000])
def test_the_validator_finds_nothing_in_reading(ask: Ask, body: bytes) -> None:
    assert ask("POST", "/echo", body) == ("200 OK", body, "")


# environ Variables


REQUIRED = {
    "REQUEST_METHOD": str,
    "SCRIPT_NAME": str,
    "PATH_INFO": str,
    "QUERY_STRING": str,
    "SERVER_NAME": str,
    "SERVER_PORT": str,
    "SERVER_PROTOCOL": str,
    "wsgi.version": tuple,
    "wsgi.url_scheme": str,
    "wsgi.input": object,
    "wsgi.errors": object,
    "wsgi.multithread": bool,
    "wsgi.multiprocess": bool,
    "wsgi.run_once": bool,
}


def seen_environ(application_environ: dict[str, Any] | None = None) -> dict[str, Any]:
    """The environ as the application gets it, in full."""
    seen: list[dict[str, Any]] = []

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        assert type(environ) is dict  # "a builtin Python dictionary (not a subclass ...)"
        seen.append(dict(environ))
        start_response("200 OK", [TEXT])
        return []

    answer(application, application_environ)
    return seen[0]


def test_environ_has_all_required_keys_in_their_types() -> None:
    environ = seen_environ()
    for key, kind in REQUIRED.items():
        assert isinstance(environ[key], kind), key
    assert environ["wsgi.version"] == (1, 0)
    assert environ["wsgi.input_terminated"] is True
    assert all(type(value) is str for key, value in environ.items() if not key.startswith("wsgi."))


def test_server_name_and_port_are_never_empty() -> None:
    environ = seen_environ(make_environ(SERVER_NAME="", SERVER_PORT=""))
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("localhost", "80")


def test_input_and_errors_have_their_methods() -> None:
    environ = seen_environ()
    for name in ("read", "readline", "readlines", "__iter__"):
        assert callable(getattr(environ["wsgi.input"], name))
    for name in ("write", "writelines", "flush"):
        assert callable(getattr(environ["wsgi.errors"], name))


@pytest.mark.parametrize(("threads", "expected"), [(1, False), (4, True)])
def test_multithread_is_told_truthfully(threads: int, expected: bool) -> None:
    from tests.support.serving import Recorder, serving

    application = Recorder()
    with serving(application, threads=threads) as served:
        served.request()
    environ = application.seen[0].environ
    assert environ["wsgi.multithread"] is expected
    assert environ["wsgi.run_once"] is False


def test_each_request_has_an_environ_of_its_own() -> None:
    from tests.support.serving import Recorder, serving

    application = Recorder()
    with serving(application) as served:
        served.request()
        application.seen[0].environ.clear()
        served.request()
    assert application.seen[1].environ["REQUEST_METHOD"] == "GET"


# The Application Object, and how it is called


class ApplicationClass:
    """The example of the specification: an instance is the iterable."""

    def __init__(self, environ: Any, start_response: Any) -> None:
        self.start = start_response

    def __iter__(self) -> Iterator[bytes]:
        self.start("200 OK", [TEXT])
        yield b"page"


class ApplicationInstance:
    def __call__(self, environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [TEXT])
        return [b"page"]

    method = __call__


def function(first: Any, second: Any) -> Any:
    """Arguments are positional: their names are the application's matter."""
    second("200 OK", [TEXT])
    return [b"page"]


@pytest.mark.parametrize(
    "application",
    [ApplicationClass, ApplicationInstance(), ApplicationInstance().method, function, functools.partial(function)],
)
def test_any_callable_is_an_application(application: Any) -> None:
    assert answer(application).body == b"page"


def test_start_response_takes_three_positional_arguments_and_returns_write() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [TEXT], None)
        assert write(b"page") is None
        return ()

    assert answer(application).body == b"page"


def test_an_application_may_be_called_again_and_again() -> None:
    application = answering([b"page"])
    assert [answer(application).body for _ in range(3)] == [b"page"] * 3


# Buffering and Streaming


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi", "uwsgi"])
def test_no_block_waits_for_the_next(protocol: str) -> None:
    """The application sends its second block when the client has the first, so a block kept back stops the test."""
    from tests.support.applications import encode
    from tests.support.serving import PATIENCE, serving

    arrived = threading.Event()

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [TEXT])
        yield b"first"
        yield b"second" if arrived.wait(PATIENCE / 2) else b"the first was kept back"

    with serving(application, protocol) as served, served.connect() as sock:
        sock.sendall(encode(protocol, wire.post(0)))
        data = b""
        while b"first" not in data:
            data += sock.recv(65536)
        arrived.set()
        assert b"second" in wire.receive_all(sock)


# Optional Platform-Specific File Handling


def file_application(
    content: bytes, position: int = 0, headers: Any = (), block_size: int = 4
) -> tuple[Any, list[io.BytesIO]]:
    files: list[io.BytesIO] = []

    def application(environ: Any, start_response: Any) -> Any:
        file = io.BytesIO(content)
        file.seek(position)
        files.append(file)
        start_response("200 OK", [TEXT, *headers])
        return environ["wsgi.file_wrapper"](file, block_size)

    return application, files


@pytest.mark.parametrize(
    ("position", "headers", "body"),
    [
        (0, [], b"0123456789"),
        (3, [], b"3456789"),  # "starting at its current position"
        (10, [], b""),
        (3, [("Content-Length", "7")], b"3456789"),
        (3, [("Content-Length", "5")], b"34567"),  # no more than announced, whatever the file has
        (3, [("Content-Length", "0")], b""),
    ],
)
def test_file_wrapper_sends_from_the_position_up_to_content_length(position: int, headers: Any, body: bytes) -> None:
    application, files = file_application(b"0123456789", position, headers)
    answered = answer(application)
    assert (answered.status, answered.body, answered.ended) == ("200 OK", body, True)
    assert files[0].closed


def test_file_wrapper_with_a_file_shorter_than_content_length() -> None:
    application, files = file_application(b"0123456789", 3, [("Content-Length", "10")])
    answered = answer(application)
    assert answered.aborted
    assert files[0].closed


def test_file_wrapper_reads_block_by_block() -> None:
    application, _ = file_application(b"0123456789")
    assert answer(application).sends == [b"0123", b"4567", b"89", b""]


@pytest.mark.parametrize("block_size", [0, -1])
def test_file_wrapper_with_a_block_size_that_reads_nothing(block_size: int) -> None:
    application, _ = file_application(b"0123456789", block_size=block_size)
    assert answer(application).sends == [b"0123456789", b""]


def test_file_wrapper_in_head_and_after_an_error() -> None:
    application, files = file_application(b"0123456789")
    assert answer(application, make_environ("HEAD")).body == b""
    assert answer(application, break_at=1).response.aborted
    assert [file.closed for file in files] == [True, True]


def test_file_wrapper_with_a_real_file() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 200_000 + b"rest")
        file.seek(100_000)

        def application(environ: Any, start_response: Any) -> Any:
            start_response("200 OK", [TEXT])
            return environ["wsgi.file_wrapper"](file)

        answered: Answer = answer(application)
        assert answered.body == b"x" * 100_000 + b"rest"
        assert file.closed


# The documentation


def test_the_table_in_the_docs_names_tests_that_exist() -> None:
    table = (ROOT / "docs/explain/pep3333.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", table)
    assert len(named) > 20
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), (path, name)

"""Warm-up: the application is asked as a web server would ask it, and a bad answer is a reason in one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from gateways.core.types import Application
from gateways.errors import BootError
from gateways.loader import LazyApplication
from gateways.manager.warmup import KEY, warm_up
from gateways.settings import Settings
from tests.core.recording import answering
from tests.support.serving import RecordingLog


def warm(application: Application, *paths: str, log: RecordingLog | None = None, **settings: Any) -> None:
    warm_up(application, Settings(warmup=paths, **settings), cast(Any, log or RecordingLog()))


def failure(application: Application, path: str = "/health", log: RecordingLog | None = None) -> str:
    with pytest.raises(BootError) as caught:
        warm(application, path, log=log)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class Seeing:
    """An application that keeps each environ."""

    def __init__(self) -> None:
        self.environs: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.environs.append(environ)
        self.bodies.append(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return [b"x"]


def test_nothing_is_asked_unless_it_is_wanted() -> None:
    seeing = Seeing()
    warm(seeing)
    assert seeing.environs == []


def test_each_path_is_asked_in_order_as_a_web_server_would() -> None:
    seeing = Seeing()
    log = RecordingLog()
    warm(seeing, "/", "/caf%C3%A9/?q=a%20b", log=log, environ={"SITE": "shop"}, threads=4)
    first, second = seeing.environs
    assert (first["PATH_INFO"], first["QUERY_STRING"]) == ("/", "")
    assert (second["SCRIPT_NAME"], second["PATH_INFO"], second["QUERY_STRING"]) == (
        *("", "/café/".encode().decode("latin-1")),
        "q=a%20b",
    )
    expected = {
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": "/caf%C3%A9/?q=a%20b",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "SITE": "shop",
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.url_scheme": "http",
        KEY: True,
    }
    assert expected.items() <= second.items()
    assert seeing.bodies == [b"", b""]
    assert "warm-up of / answered 200 OK in " in log.text("info")


def test_an_application_that_is_mounted_somewhere() -> None:
    seeing = Seeing()
    warm(seeing, "/shop/health", script_name="/shop")
    assert (seeing.environs[0]["SCRIPT_NAME"], seeing.environs[0]["PATH_INFO"]) == ("/shop", "/health")


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "404 Not Found", "499 Odd"])
def test_any_answer_below_500_will_do(status: str) -> None:
    warm(answering([b"x"], status), "/health")


def test_an_answer_of_500_or_above_will_not() -> None:
    reason = failure(answering([b"x"], "503 Service Unavailable"))
    assert reason == "warm-up of /health answered 503 Service Unavailable"


def test_the_first_failure_ends_it() -> None:
    asked: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        asked.append(environ["PATH_INFO"])
        start_response("500 Internal Server Error", [])
        return []

    with pytest.raises(BootError, match=r"^warm-up of /a answered 500 "):
        warm(application, "/a", "/b")
    assert asked == ["/a"]


@pytest.mark.parametrize("error", [ValueError("two\nlines"), SystemExit(1), MemoryError()])
def test_an_exception_is_the_reason(error: BaseException) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.errors"].write("something before\n")
        raise error

    log = RecordingLog()
    reason = failure(application, log=log)
    assert reason.startswith(f"warm-up of /health answered 500 Internal Server Error: {type(error).__name__}: ")
    assert "something before" in log.text("error")
    assert "Traceback (most recent call last):" in log.text("error")


def test_the_body_is_read_whole_and_closed() -> None:
    class Body:
        count = closed = 0

        def __iter__(self) -> Iterator[bytes]:
            for _ in range(100):
                self.count += 1
                yield b"x" * 1000

        def close(self) -> None:
            self.closed += 1

    body = Body()
    warm(answering(body), "/")
    assert (body.count, body.closed) == (100, 1)


def test_a_body_that_breaks_off_is_a_failure() -> None:
    def body() -> Iterator[bytes]:
        yield b"12345"
        raise KeyError("row")

    assert failure(answering(body())) == "warm-up of /health broke off after 5 bytes: KeyError: 'row'"


def test_a_failure_after_the_complete_answer_is_none() -> None:
    class Body(list):  # type: ignore[type-arg]
        def close(self) -> None:
            raise ValueError("late")

    warm(answering(Body([b"x"])), "/")


def test_what_the_application_logs_without_end_is_not_kept() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        for _ in range(200):
            environ["wsgi.errors"].write("x" * 1000 + "\n")
        raise ValueError("at the end")

    log = RecordingLog()
    assert failure(application, log=log) == "warm-up of /health answered 500 Internal Server Error"
    assert "at the end" in log.text("error")


def test_an_application_that_could_not_be_loaded_is_not_asked() -> None:
    warm(LazyApplication("nothing.of.this:name"), "/health")

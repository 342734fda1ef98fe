"""The paths beside the application."""

from __future__ import annotations

from typing import Any

import pytest

from gateways.server.routes import answer, with_routes
from gateways.settings import Settings
from tests.support import wire
from tests.support.serving import serving


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the application"]


def status(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    return answer(start_response, "text/plain", b"the status of " + environ["QUERY_STRING"].encode())


def ask(path: str, method: str = "GET", script_name: str = "", query: str = "", **settings: Any) -> tuple[str, bytes]:
    """Return status and body."""
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": script_name,
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": query,
    }
    found: list[str] = []
    routed = with_routes(application, Settings(**settings), status)
    body = b"".join(routed(environ, lambda status, headers: found.append(status)))
    return found[0], body


BOTH = {"status": "/-/status", "ping": "/-/ping"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", b"the application"),
        ("/-/ping", b"pong"),
        ("/-/ping/", b"the application"),
        ("/-/pin", b"the application"),
        ("/-/status", b"the status of full"),
        ("/-/Status", b"the application"),
    ],
)
def test_only_the_very_path_is_answered(path: str, body: bytes) -> None:
    assert ask(path, query="full", **BOTH) == ("200 OK", body)


def test_the_path_is_the_whole_one_also_when_mounted() -> None:
    assert ask("/ping", script_name="/-", **BOTH)[1] == b"pong"
    assert ask("", script_name="/-/ping", **BOTH)[1] == b"pong"
    assert ask("/-/ping", script_name="/app", **BOTH)[1] == b"the application"


def test_a_path_of_any_letters() -> None:
    assert ask("/zustände", ping="/zustände")[1] == b"pong"


def test_the_root_can_be_it() -> None:
    assert ask("/", ping="/")[1] == b"pong"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_ping_is_for_reading(method: str) -> None:
    assert ask("/-/ping", method, **BOTH)[0] == "405 Method Not Allowed"
    assert ask("/", method, **BOTH)[0] == "200 OK"


def test_without_a_path_the_application_stays_what_it_is() -> None:
    assert with_routes(application, Settings(), status) is application
    assert with_routes(application, Settings(status="/status")) is application


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_on_the_wire(protocol: str, method: bytes) -> None:
    routed = with_routes(application, Settings(ping="/path"))
    with serving(routed, protocol) as served:
        params = tuple((name, method if name == b"REQUEST_METHOD" else value) for name, value in wire.GET)
        answer = served.request(params)
    assert answer.status == "200 OK"
    assert answer.body == (b"pong" if method == b"GET" else b"")
    head = answer.head.decode()
    assert "Content-Length: 4" in head
    assert "no-store" in head
    assert "nosniff" in head

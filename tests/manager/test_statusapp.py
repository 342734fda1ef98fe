"""The status on a path: which form is asked for, of which pool, and what every answer has."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateways.manager.scoreboard import Scoreboard
from gateways.manager.statusapp import StatusApplication
from gateways.server.slot import Phase
from tests.support import wire
from tests.support.managing import managing
from tests.support.serving import connect, until


class Answer(NamedTuple):
    status: str
    headers: dict[str, str]
    text: str


@pytest.fixture
def application() -> Iterator[StatusApplication]:
    board = Scoreboard.create(4, 2)
    for pool, worker in (("shop", 1), ("blög", 2)):
        slot = board.claim(pool, worker, 1)
        slot.threads = 2
        slot.phase = Phase.SERVING
    board.publish({"version": "1.2.3", "pools": {"shop": {"history": [[0, 1], [1, 5]]}, "blög": {}}})
    yield StatusApplication(board, "shop")
    board.close()


def ask(application: StatusApplication, query: str = "", method: str = "GET") -> Answer:
    found: list[Any] = []
    environ = {"REQUEST_METHOD": method, "QUERY_STRING": query}
    body = b"".join(application(environ, lambda status, headers: found.extend((status, dict(headers)))))
    if "Content-Length" in found[1]:
        assert found[1]["Content-Length"] == str(len(body))
    return Answer(found[0], found[1], body.decode())


@pytest.mark.parametrize(
    ("query", "content_type", "beginning"),
    [
        ("", "text/plain; charset=utf-8", "pool:                 shop\n"),
        ("full", "text/plain; charset=utf-8", "pool:                 shop\n"),
        ("json", "application/json", '{"pool": "shop"'),
        ("html", "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ("openmetrics", "application/openmetrics-text; version=1.0.0; charset=utf-8", "# TYPE gateways_build info"),
        ("script", "text/javascript; charset=utf-8", "// Keeps"),
        ("style", "text/css; charset=utf-8", ":root {"),
        ("nonsense=1&&;%ff=%", "text/plain; charset=utf-8", "pool:"),
        ("&".join("a" * 100), "text/plain; charset=utf-8", "pool:"),
    ],
)
def test_forms(application: StatusApplication, query: str, content_type: str, beginning: str) -> None:
    answer = ask(application, query)
    assert (answer.status, answer.headers["Content-Type"]) == ("200 OK", content_type)
    assert answer.text.startswith(beginning)
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert ("Content-Security-Policy" in answer.headers) is (query == "html")


def test_full_shows_workers(application: StatusApplication) -> None:
    assert "state:" not in ask(application).text
    assert ask(application, "full").text.count("state:                Idle") == 1
    assert len(json.loads(ask(application, "json&full").text)["processes"]) == 1
    assert json.loads(ask(application, "json&history").text)["history"] == [[0, 1], [1, 5]]


def test_other_pools(application: StatusApplication) -> None:
    assert ask(application, "pool=bl%C3%B6g").text.startswith("pool:                 blög\n")
    assert json.loads(ask(application, "json&pool=bl%C3%B6g").text)["pool"] == "blög"
    assert ask(application, "all").text.count("pool: ") == 2
    assert [pool["pool"] for pool in json.loads(ask(application, "json&all").text)["pools"]] == ["shop", "blög"]
    for form in ("html", "openmetrics"):
        assert "blög" in ask(application, form).text


def test_a_pool_that_is_not_there(application: StatusApplication) -> None:
    answer = ask(application, "pool=none&json")
    assert (answer.status, answer.text) == ("404 Not Found", "there is no such pool\n")
    assert ask(application, "pool=none&all").status == "200 OK"


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "TRACE"])
def test_it_is_for_reading(application: StatusApplication, method: str) -> None:
    answer = ask(application, method=method)
    assert (answer.status, answer.headers["Allow"]) == ("405 Method Not Allowed", "GET, HEAD")
    assert ask(application, method="HEAD").status == "200 OK"


CONFIG = """\
[gateways]
error_log = "{dir}/log"
access_log = "off"
workers = 1
threads = 1

[pool.shop]
application = "{app}"
fastcgi = "unix:{dir}/socket"

[pool.status]
application = "gateways.server.routes:nothing"
fastcgi = "unix:{dir}/status"
status = "/status"
"""


def test_a_pool_of_its_own_answers_while_all_workers_are_busy() -> None:
    with managing(config=CONFIG) as managed, ExitStack() as stack:
        stack.enter_context(managed.begin("busy", 600)[0])  # in hand, so that no other connection is accepted
        for _ in range(3):
            stack.enter_context(managed.send("/sleep/600"))

        def status(path: str) -> str:
            return ask_at(managed.directory / "status", path)

        until(lambda: "listen queue:         3\n" in status("/status?pool=shop"))
        text = status("/status?all&full")
        assert text.count("pool:       ") == 2
        assert "request URI:          /begin/busy/600.0\n" in text or "request URI:          /begin/busy/600\n" in text
        assert 'gateways_listen_queue{pool="shop"} 3\n' in status("/status?openmetrics")
        assert status("/other") == "there is nothing here\n"
        assert managed.stop(signal.SIGQUIT) == 1


def ask_at(socket_path: Path, path: str) -> str:
    """Return the body of an answer at another socket than the first."""
    name, _, query = path.encode().partition(b"?")
    given = {b"PATH_INFO": name, b"QUERY_STRING": query}
    with connect(socket.AF_UNIX, str(socket_path)) as sock:
        sock.sendall(wire.request([(key, given.get(key, value)) for key, value in wire.GET]))
        return wire.answer(wire.parse_records(wire.receive_all(sock))).body.decode()

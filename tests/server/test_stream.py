"""A request of a connection that carries several: where it differs from one that has a connection for itself."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from tests.support import wire
from tests.support.serving import PATIENCE, Recorder, serving, until
from tests.support.sidebyside import Answers, whole


def test_a_file_is_read_and_not_sent_from_disk(tmp_path: Path) -> None:
    """The records of others have to come in between."""
    content = bytes(range(256)) * 2000
    file = tmp_path / "file"
    file.write_bytes(content)

    def sends(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file.open("rb"))

    with serving(sends, fcgi_multiplex=4) as served, served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(whole("/a", 1) + whole("/b", 2))
        assert answers.answer(1).body == content
        assert answers.answer(2).body == content


def test_a_request_whose_connection_is_lost_while_it_waits_for_a_thread_is_not_served() -> None:
    opened = threading.Event()
    paths: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        paths.append(environ["PATH_INFO"])
        if environ["PATH_INFO"] == "/wait":
            assert opened.wait(PATIENCE)
        start_response("200 OK", [])
        return []

    with serving(application, fcgi_multiplex=4, threads=1) as served, served.connect() as other:
        other.sendall(whole("/wait", 1))
        until(lambda: paths == ["/wait"])
        with served.connect() as sock:
            sock.sendall(whole("/late", 1) + b"\2 is no version")
            opened.set()
            assert wire.receive_all(sock) == b""
        other.sendall(whole("/b", 2))
        assert Answers(other).answer(2).status == "200 OK"
    assert "/late" not in paths


def test_max_body_size_is_for_each() -> None:
    app = Recorder()
    with serving(app, fcgi_multiplex=4, max_body_size=10) as served, served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(whole("/a", 1, b"x" * 10) + whole("/b", 2, b"x" * 11) + whole("/c", 3, b"y" * 10))
        assert answers.answer(1).body == b"got " + b"x" * 10
        assert answers.answer(2).status == "413 Content Too Large"
        assert answers.answer(3).body == b"got " + b"y" * 10


def test_each_has_its_line_in_the_access_log() -> None:
    with serving(Recorder(), fcgi_multiplex=4) as served, served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(whole("/a", 1, b"1") + whole("/b", 2, b"22"))
        assert answers.answer(1).status == answers.answer(2).status == "200 OK"
        until(lambda: len(served.log.requests) == 2)
        assert sorted((line["path"], line["size"]) for line in served.log.requests) == [("/a", 5), ("/b", 6)]
        assert len(set(served.log.numbers)) == 2


def test_an_error_in_the_server_costs_the_connection() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return []

    with serving(application, fcgi_multiplex=4) as served, served.connect() as sock:
        builder = served.server.builders["FastCGI"]
        build, builder.build = builder.build, None  # type: ignore[assignment,method-assign]
        sock.sendall(whole("/a", 1))
        assert wire.receive_all(sock) == b""
        builder.build = build  # type: ignore[method-assign]
        until(lambda: not served.server._connections)
        assert "connection closed after an error in the server" in served.log.text("exception")

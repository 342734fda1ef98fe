"""gateways.server.serving: what one request leaves behind, in the answer and in the logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import wire
from tests.support.applications import MIB, encode, read_answer
from tests.support.program import running
from tests.support.serving import Recorder, serving, until


def test_an_error_before_the_headers_is_a_500_page_and_a_traceback_in_the_log(protocol: str) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise RuntimeError("my \x1b[31mfault")

    with serving(application, protocol) as served:
        answer = served.request()
        assert answer.status == "500 Internal Server Error"
        assert b"fault" not in answer.body
        assert b"Traceback" not in answer.body
        report = served.log.text("error")
    assert "RuntimeError: my \\x1b[31mfault" in report
    assert "Traceback (most recent call last)" in report
    if protocol == "fastcgi":
        assert b"RuntimeError: my \\x1b[31mfault" in answer.errors
        assert b"Traceback" in answer.errors


LEAKING = """
import os
import resource

LEAKED = []
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

def application(environ, start_response):
    while True:
        LEAKED.append(os.open(os.devnull, os.O_RDONLY))
"""


def test_an_application_that_has_used_up_all_descriptors(tmp_path: Path) -> None:
    """Nothing that is needed to say so is in a file then."""
    (tmp_path / "leaking.py").write_text(LEAKING)
    with running(tmp_path, application=tmp_path / "leaking.py") as program, program.send() as sock:
        answer = wire.answer(wire.parse_records(wire.receive_all(sock)))
        assert answer.status == "500 Internal Server Error"
        assert "OSError: [Errno 24]" in program.log
        assert "Traceback" in program.log


def test_wsgi_errors_reach_the_web_server_and_our_log(protocol: str) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.errors"].write("something\nis odd: \u20ac\n")
        start_response("200 OK", [])
        return [b"fine"]

    with serving(application, protocol) as served:
        answer = served.request()
        assert (answer.status, answer.body) == ("200 OK", b"fine")
        assert served.log.text("error").splitlines() == ["something", "is odd: \u20ac"]
    assert answer.errors == ("something\nis odd: \u20ac\n".encode() if protocol == "fastcgi" else b"")


def test_system_exit_in_the_application_does_not_end_the_server(protocol: str) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise SystemExit(3)

    with serving(application, protocol, threads=1) as served:
        assert served.request().status == "500 Internal Server Error"
        assert served.request().status == "500 Internal Server Error"


def test_an_application_may_do_to_its_environ_what_it_likes(protocol: str) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        method = environ["REQUEST_METHOD"]
        environ.clear()
        if method == "POST":
            raise RuntimeError("after clearing")
        start_response("200 OK", [])
        return [b"fine"]

    with serving(application, protocol) as served:
        assert served.request().body == b"fine"
        assert served.request(wire.post(0)).status == "500 Internal Server Error"
        until(lambda: len(served.log.requests) == 2)


@pytest.mark.parametrize("catches", [True, False])
def test_an_aborted_request_has_one_end_whatever_the_application_does(catches: bool) -> None:
    """Section 5.4. Flask, for one, answers 400 when its client is gone."""
    failed = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            failed.append(error)
            if not catches:
                raise
            with pytest.raises(OSError, match="gave the request up"):
                environ["wsgi.input"].read()
            start_response("400 Bad Request", [])
            return [b"you left"]
        start_response("200 OK", [])
        return [b"fine"]

    with serving(application) as served, served.connect() as sock:
        reader = wire.RecordReader(sock)
        for id in (1, 2):
            sock.sendall(wire.begin(id, keep=True) + wire.stream(wire.PARAMS, id, wire.pairs(wire.post(9))))
            sock.sendall(wire.record(wire.STDIN, id, b"half") + wire.record(wire.ABORT, id))
            records = [reader.record(), reader.record()]
            assert [(record.type, record.id, record.content) for record in records] == [
                (wire.STDOUT, id, b""),
                (wire.END, id, bytes([0, 0, 0, 1, 0, 0, 0, 0])),
            ]
        sock.sendall(wire.request(id=3, keep=True))
        assert reader.answer(3).body == b"fine"
    assert len(failed) == 2
    assert [request["aborted"] for request in served.log.requests[:2]] == [True, True]


def test_one_access_line_for_each_request() -> None:
    with serving(Recorder()) as served, served.connect() as sock:
        reader = wire.RecordReader(sock)
        for number in range(3):
            sock.sendall(wire.request(wire.post(number), b"x" * number, keep=True))
            reader.answer()
        until(lambda: len(served.log.requests) == 3)
        assert served.log.requests == [
            {"path": "/path", "status": "200 OK", "size": 4 + number, "aborted": False} for number in range(3)
        ]
        assert served.log.numbers == [1, 2, 3]


def test_a_body_above_max_body_size_is_answered_with_413(protocol: str, tcp: bool) -> None:
    app = Recorder()
    with serving(app, protocol, tcp, max_body_size=1000) as served, served.connect() as sock:
        sock.sendall(encode(protocol, wire.post(MIB), bytes(MIB)))
        assert read_answer(served, sock).status == "413 Content Too Large"
        assert app.seen == []
        assert served.request(wire.post(1000), bytes(1000)).status == "200 OK"


def test_a_kept_connection_survives_413() -> None:
    with serving(Recorder(), max_body_size=10) as served, served.connect() as sock:
        reader = wire.RecordReader(sock)
        for size, status in [(100_000, "413 Content Too Large"), (10, "200 OK"), (11, "413 Content Too Large")]:
            sock.sendall(wire.request(wire.post(size), bytes(size), keep=True))
            assert reader.answer().status == status

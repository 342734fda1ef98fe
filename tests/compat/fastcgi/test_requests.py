from __future__ import annotations

import io
import os
import time
from types import SimpleNamespace

import pytest

from gateways.compat.fastcgi.records import FCGI_STDERR, FCGI_STDOUT, FCGI_UNKNOWN_ROLE
from gateways.compat.fastcgi.requests import CGIRequest, Request
from gateways.errors import ClientDisconnected


class Conn:
    """A connection that keeps what it is given."""

    def __init__(self, handler, timeout=None):
        self.server = SimpleNamespace(maxwrite=8192, handler=handler, error=self.error)
        self.records = []
        self.ended = []
        self.request = Request(self, lambda conn: io.BytesIO(b"body"), timeout)
        self.request.requestId = 1

    def error(self, req):
        req.stdout.write(b"sorry")

    def writeRecord(self, record):
        self.records.append(record)

    def end_request(self, request, app_status, protocol_status):
        self.ended.append((app_status, protocol_status))

    def text(self, kind):
        return b"".join(record.contentData for record in self.records if record.type == kind)


def test_the_handler_answers():
    def handler(req):
        req.stdout.write(req.stdin.read())
        return FCGI_UNKNOWN_ROLE, 7

    conn = Conn(handler)
    conn.request.run()
    assert conn.text(FCGI_STDOUT) == b"body"
    assert conn.ended == [(7, FCGI_UNKNOWN_ROLE)]


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_error_answers_for_it(kind):
    def handler(req):
        raise kind("why")

    conn = Conn(handler)
    conn.request.run()
    assert conn.text(FCGI_STDOUT) == b"sorry"
    assert b"why" in conn.text(FCGI_STDERR)
    assert conn.ended == [(0, 0)]


def test_half_an_answer_is_no_success():
    def handler(req):
        req.stdout.write(b"half")
        raise ValueError("why")

    conn = Conn(handler)
    with pytest.raises(ValueError, match="why"):
        conn.request.run()
    assert conn.text(FCGI_STDOUT) == b"half"
    assert not conn.ended


def test_a_client_that_left_gets_no_error():
    def handler(req):
        raise ClientDisconnected("gone")

    conn = Conn(handler)
    with pytest.raises(ClientDisconnected):
        conn.request.run()
    assert not conn.records


def test_the_time_of_a_request():
    conn = Conn(lambda req: time.sleep(60), timeout=0.05)
    conn.request.run()
    assert conn.text(FCGI_STDOUT) == b"sorry"
    assert b"Timeout Exceeded" in conn.text(FCGI_STDERR)
    assert b"TimeoutException" in conn.text(FCGI_STDERR)


def test_a_cgi_request_has_the_environment(monkeypatch, capsysbinary):
    monkeypatch.setenv("REQUEST_METHOD", "PURGE")

    def handler(req):
        req.stdout.write(req.params["REQUEST_METHOD"].encode())
        return 0, 3

    request = CGIRequest(SimpleNamespace(handler=handler))
    with pytest.raises(SystemExit) as caught:
        request.run()
    assert caught.value.code == 3
    assert capsysbinary.readouterr().out == b"PURGE"
    assert request.params is not os.environ

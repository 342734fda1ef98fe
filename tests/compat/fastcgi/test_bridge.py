from __future__ import annotations

import io

import pytest

from gateways.compat.fastcgi.bridge import converse
from gateways.compat.flup.server.fcgi_base import FCGI_FILTER, FCGI_UNKNOWN_ROLE, BaseFCGIServer, Request
from gateways.errors import TruncatedResponse


class Call:
    """One request by a server's request object."""

    def __init__(self, server, cgi=False, **more):
        self.calls = []
        self.errors = io.StringIO()
        environ = {"wsgi.input": io.BytesIO(b"body"), "wsgi.errors": self.errors, "SCRIPT_NAME": "", **more}
        converse(server, environ, self.start, cgi)

    def start(self, status, headers):
        self.calls.append((status, headers))
        return self.calls.append


def make(handler):
    server = BaseFCGIServer(None)
    server.handler = handler
    return server


@pytest.mark.parametrize("cgi", [False, True])
def test_a_handler_sees_the_request_and_writes_the_answer(cgi):
    seen = []

    def handler(req):
        seen.append((req.params["X"], req.stdin.read(), req.requestId, req.aborted, req.server))
        req.stderr.write("log me\n")
        req.stdout.write(b"Status: 201 Made\r\nX-A: 1\r\n\r\n")
        req.stdout.write(b"done")
        return 0, 0

    server = make(handler)
    call = Call(server, cgi, X="x")
    assert seen == [("x", b"body", 1, False, server)]
    assert call.calls == [("201 Made", [("X-A", "1")]), b"done"]
    assert call.errors.getvalue() == "log me\n"


def test_the_role_and_the_data():
    def handler(req):
        req.stdout.write(b"X-A: %d %s\r\n\r\n" % (req.role, req.data.read()))
        return 0, 0

    call = Call(make(handler), FCGI_ROLE="FILTER", **{"fcgi.data": io.BytesIO(b"data")})
    assert call.calls[0][1] == [("X-A", f"{FCGI_FILTER} data")]


def test_a_handler_that_does_not_answer():
    with pytest.raises(TruncatedResponse):
        Call(make(lambda req: (0, 0)))


def test_a_handler_that_refuses():
    assert Call(make(lambda req: (FCGI_UNKNOWN_ROLE, 0))).calls[0][0] == "503 Service Unavailable"


def test_a_request_class_of_the_program():
    class Mine(Request):
        def run(self):
            self.stdout.write(b"X-A: mine\r\n\r\n")
            self._flush()
            self._end()

    server = BaseFCGIServer(None)
    server.request_class = Mine
    assert Call(server).calls == [("200 OK", [("X-A", "mine")])]

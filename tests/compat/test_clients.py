from __future__ import annotations

import errno
import io
import socket
import threading

import pytest

from gateways.compat.flup.client.fcgi_app import FCGIApp
from gateways.compat.flup.client.scgi_app import SCGIApp
from gateways.compat.flup.server import fcgi, scgi
from gateways.errors import GatewayError
from tests.support.compat import TEXT, running
from tests.support.serving import PATIENCE


def application(environ, start_response):
    environ["wsgi.errors"].write("log me\n")
    start_response("201 Made", [*TEXT, ("X-Custom", "1")])
    if environ["PATH_INFO"] == "/half":
        raise ValueError("no")
    facts = f"{environ['PATH_INFO']} {environ.get('HTTP_X_A')} {environ.get('DOCUMENT_ROOT')} "
    return [facts.encode(), environ["wsgi.input"].read()]


@pytest.fixture(scope="module", params=[(fcgi, FCGIApp), (scgi, SCGIApp)])
def backend(request):
    module, app = request.param
    with running(module.WSGIServer(application, bindAddress=("127.0.0.1", 0))) as run:
        yield run, app


class Asked:
    """What came back for one request."""

    def __init__(self, app, **variables):
        self.errors = io.StringIO()
        environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/p", "wsgi.errors": self.errors}
        environ.update({"HTTP_X_A": "a", "DOCUMENT_ROOT": "/srv", "SERVER_NAME": "n", "SERVER_PORT": "80"})
        environ.update({"SERVER_PROTOCOL": "HTTP/1.1", "wsgi.input": io.BytesIO(b"body and more")})
        environ.update(variables)
        self.body = b"".join(app(environ, self.start))

    def start(self, status, headers):
        self.status, self.headers = status, headers


def test_a_request(backend):
    run, app_class = backend
    asked = Asked(app_class(host=run.name[0], port=run.name[1]))
    assert asked.status == "201 Made"
    assert ("content-type", "text/plain") in asked.headers
    assert ("x-custom", "1") in asked.headers
    assert asked.body == b"/p a None "
    assert ("log me" in asked.errors.getvalue()) == (app_class is FCGIApp)


def test_a_body_and_no_byte_more(backend):
    run, app_class = backend
    assert Asked(app_class(connect=run.name), REQUEST_METHOD="POST", CONTENT_LENGTH="4").body == b"/p a None body"


def test_other_variables(backend):
    run, app_class = backend
    assert Asked(app_class(connect=run.name, filterEnviron=False)).body == b"/p a /srv "

    class Mine(app_class):
        _environPrefixes = [*app_class._environPrefixes, "DOCUMENT_"]  # noqa: N815, RUF012 - as programs write it

    assert Asked(Mine(connect=run.name)).body == b"/p a /srv "

    class Renaming(app_class):
        _environRenames = {"DOCUMENT_ROOT": "HTTP_X_A"}  # noqa: N815, RUF012

    assert b"/srv" in Asked(Renaming(connect=run.name)).body


def test_a_connection_of_the_program(backend, monkeypatch):
    run, app_class = backend
    usual = app_class._getConnection
    seen = []

    def replaced(self):
        seen.append(self)
        return usual(self)

    monkeypatch.setattr(app_class, "_getConnection", replaced)
    app = app_class(connect=run.name)
    Asked(app)
    assert seen == [app]


def test_by_a_unix_socket(tmp_path):
    server = fcgi.WSGIServer(application, bindAddress=str(tmp_path / "s"))
    with running(server):
        assert Asked(FCGIApp(connect=str(tmp_path / "s"))).status == "201 Made"


def test_nobody_there(tmp_path):
    with pytest.raises(OSError, match=r"cannot connect to unix:.*/nobody: no such socket file") as caught:
        Asked(SCGIApp(connect=str(tmp_path / "nobody")))
    assert caught.value.errno == errno.ENOENT


def test_nobody_at_a_port():
    with socket.socket() as unheard:  # bound, and not listening
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        with pytest.raises(ConnectionError, match=f"127.0.0.1:{port}: nothing listens there") as caught:
            Asked(FCGIApp(host="127.0.0.1", port=port))
    assert caught.value.errno == errno.ECONNREFUSED


def test_a_body_passes_as_it_comes():
    """A body of any size must not be here at once."""
    go_on = threading.Event()

    def slow(environ, start_response):
        start_response("200 OK", TEXT)
        yield b"first"
        assert go_on.wait(PATIENCE)
        yield b" second"

    with running(scgi.WSGIServer(slow, bindAddress=("127.0.0.1", 0))) as run:
        environ = {"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1"}
        answer = SCGIApp(connect=run.name)(environ, lambda status, headers: None)
        blocks = iter(answer)
        assert next(blocks) == b"first"
        go_on.set()
        assert b"".join(blocks) == b" second"
        answer.close()


def test_an_answer_that_nobody_reads_to_its_end(backend):
    run, app_class = backend
    answer = app_class(connect=run.name)({"REQUEST_METHOD": "GET", "PATH_INFO": "/p"}, lambda status, headers: None)
    answer.close()  # without it the socket would be left, which fails this test


def test_what_is_no_answer(backend):
    run, app_class = backend
    other = SCGIApp if app_class is FCGIApp else FCGIApp
    with pytest.raises((GatewayError, OSError)):
        Asked(other(connect=run.name))

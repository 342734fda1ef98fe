from __future__ import annotations

import pytest

from gateways.compat.flup.server import ajp
from tests.support.compat import hello, running

ANY = ("127.0.0.1", 0)


@pytest.mark.parametrize(
    ("script", "target", "expected"),
    [
        ("", "/x%20y?q", b"hello |/x y\n"),
        ("/app", "/app/x", b"hello /app|/x\n"),
        ("/app", "/app", b"hello /app|\n"),
    ],
)
@pytest.mark.parametrize("kind", ["engine", "own"])
def test_where_it_is(kind, script, target, expected):
    server = ajp.WSGIServer(hello, scriptName=script, bindAddress=ANY)
    if kind == "own":
        server._jobClass = type("Mine", (ajp.Connection,), {})
    with running(server) as run:
        assert run.read(target) == expected


def test_a_secret_of_the_environment(monkeypatch):
    monkeypatch.setenv("GATEWAYS_AJP_SECRET", "word")
    with running(ajp.WSGIServer(hello, bindAddress=ANY)) as run:
        with run.get("/x") as response:
            assert response.status == 403
        assert run.read("/x", secret="word") == b"hello |/x\n"


def test_a_request_class_of_the_program():
    class Mine(ajp.BaseAJPServer.requestClass):
        def run(self):
            self.startResponse(201, b"Mine", [(b"X-A", self.environ["PATH_INFO"].encode())])
            self.write(b"body")

    server = ajp.WSGIServer(hello, bindAddress=ANY, multithreaded=False)
    server.requestClass = Mine
    with running(server) as run, run.get("/p") as response:
        assert (response.status, response.header("X-A"), response.read()) == (201, "/p", b"body")

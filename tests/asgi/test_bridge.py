"""The WSGI application that an ASGI application becomes, without a server."""

from __future__ import annotations

import asyncio
import builtins
import io
import sys
import threading

import pytest

from gateways.asgi import Bridge
from gateways.asgi.bridge import import_a2wsgi
from gateways.errors import ConfigError
from tests.support.asgi_app import Application, answer, bridged
from tests.support.serving import RecordingLog


def ask(bridge, path="/hello", **more):
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        **more,
    }
    started = []
    result = bridge(environ, lambda *arguments: started.append(arguments))
    body = b"".join(result)
    if hasattr(result, "close"):
        result.close()
    return started[0][0], body, environ["wsgi.errors"].getvalue()


def test_it_is_a_wsgi_application():
    with bridged(Application()) as bridge:
        assert ask(bridge) == ("200 OK", b"hello", "")


def test_a_websocket_is_refused_in_a_clear_way_and_said_once():
    application = Application()
    with bridged(application) as bridge:
        status, body, errors = ask(bridge, HTTP_UPGRADE="WebSocket")
        assert (status, body) == ("501 Not Implemented", b"WebSockets are not served here.\n")
        assert "a WebSocket was asked for and answered 501" in errors
        assert len(errors.splitlines()) == 1
        assert ask(bridge, HTTP_UPGRADE="websocket")[2] == ""  # a browser tries again and again
        assert application.scopes == []
        assert ask(bridge, HTTP_UPGRADE="h2c")[1] == b"hello"


def test_nothing_is_left_behind():
    before = threading.active_count()
    with bridged(Application()) as bridge:
        ask(bridge)
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="loop has ended"):
        ask(bridge)


@pytest.mark.parametrize("how", ["SystemExit", "KeyboardInterrupt", "stop"])
def test_a_task_that_ends_the_loop_ends_nothing(how):
    log = RecordingLog()

    async def application(scope, receive, send):
        loop = asyncio.get_running_loop()
        if scope["type"] == "lifespan":
            await Application()(scope, receive, send)
        elif scope["path"] == "/end":
            if how == "stop":
                loop.call_soon(loop.stop)
            else:
                application.task = loop.create_task(end())
            while not log.entries:
                await asyncio.sleep(0.002)
            await answer(send, b"here still")
        else:
            await answer(send, b"hello")

    async def end():
        raise getattr(builtins, how)(3)

    with bridged(application, log) as bridge:
        assert ask(bridge, "/end")[1] == b"here still"
        assert ask(bridge)[1] == b"hello"
    [(_, text)] = log.entries
    assert "which goes on" in text
    if how != "stop":
        assert how in text
        with pytest.raises((SystemExit, KeyboardInterrupt)):
            application.task.result()


def test_an_answer_that_nobody_asks_for_is_let_go_of():
    with bridged(Application()) as bridge:
        environ = {"REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}
        bridge(environ, lambda *arguments: None).close()
        assert ask(bridge)[1] == b"hello"


def test_without_a2wsgi(monkeypatch):
    monkeypatch.setitem(sys.modules, "a2wsgi", None)
    with pytest.raises(ConfigError, match=r"pip install 'gateways\[asgi\]'"):
        import_a2wsgi()
    log = RecordingLog()
    with pytest.raises(ConfigError):
        Bridge(Application(), log.error, log.exception)

from __future__ import annotations

import importlib

import pytest

from gateways.compat.flup.server import NoDefault, paste_factory
from gateways.errors import ConfigError

KINDS = [f"{protocol}_{kind}" for protocol in ("fcgi", "scgi", "ajp") for kind in ("thread", "fork")]


@pytest.fixture
def made(monkeypatch):
    """What the servers were made with, by module."""
    calls = {}
    for kind in KINDS:
        name = kind.replace("_thread", "")
        module = importlib.import_module(f"gateways.compat.flup.server.{name}")

        class Server(module.WSGIServer):
            __made = name

            def __init__(self, application, **given):
                calls[self.__made] = given
                super().__init__(application, **given)

            def run(self):
                return True

        monkeypatch.setattr(module, "WSGIServer", Server)
    return calls


@pytest.mark.parametrize("kind", KINDS)
def test_texts_become_what_they_mean(made, kind):
    more = {"maxThreads": "4"} if kind.endswith("thread") else {"maxChildren": "4", "maxRequests": "5"}
    run = getattr(paste_factory, f"run_{kind}")
    assert run("app", {"debug": "yes"}, host="h", port="7", minSpare="1", maxSpare="2", **more) is None
    given = made[kind.replace("_thread", "")]
    assert given["bindAddress"] == ("h", 7)
    assert given["debug"] is True
    assert {name: given[name] for name in more} == {name: int(text) for name, text in more.items()}


def test_fastcgi(made):
    paste_factory.run_fcgi_thread("app", {})
    assert made["fcgi"]["bindAddress"] is None
    paste_factory.run_fcgi_thread("app", {}, socket="/s", umask="007", multiplexed="yes", debug="no")
    assert (made["fcgi"]["bindAddress"], made["fcgi"]["umask"]) == ("/s", 0o007)
    assert made["fcgi"]["multiplexed"] is True
    with pytest.raises(ConfigError):
        paste_factory.run_fcgi_thread("app", {}, socket="/s", host="h", port="1")
    with pytest.raises(ConfigError):
        paste_factory.run_fcgi_fork("app", {}, host="h")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("10.0.0.1 10.0.0.2", ["10.0.0.1", "10.0.0.2"]), ("none", None), ("", None), (None, None)],
)
def test_allowed_servers(made, given, expected):
    paste_factory.run_scgi_thread("app", {}, allowedServers=given)
    assert made["scgi"]["allowedServers"] == expected
    assert made["scgi"]["scriptName"] is NoDefault


@pytest.mark.parametrize(("given", "number"), [("022", 0o22), ("18", None), (18, 18), (None, None)])
def test_umasks(made, given, number):
    if isinstance(given, str) and number is None:
        with pytest.raises(ConfigError, match="umask: '18' is not an octal number"):
            paste_factory.run_fcgi_thread("app", {}, umask=given)
        return
    paste_factory.run_fcgi_thread("app", {}, umask=given)
    assert made["fcgi"]["umask"] == number


def test_a_number_that_is_none(made):
    with pytest.raises(ConfigError, match="maxThreads: 'many' is not a number"):
        paste_factory.run_fcgi_thread("app", {}, maxThreads="many")


@pytest.mark.parametrize(("runner", "given"), [("scgi_thread", {}), ("fcgi_fork", {"host": "localhost"})])
def test_a_port_that_is_none(made, runner, given):
    with pytest.raises(ConfigError, match="port: '80x' is not a number"):
        getattr(paste_factory, f"run_{runner}")(None, {}, port="80x", **given)


@pytest.mark.parametrize(("given", "expected"), [("Yes ", True), ("0", False), (1, True), (None, False)])
def test_asbool(given, expected):
    assert paste_factory.asbool(given) is expected


def test_asbool_of_neither():
    with pytest.raises(ValueError, match="neither true nor false"):
        paste_factory.asbool("maybe")


@pytest.mark.parametrize(
    ("given", "more", "expected"),
    [
        ("a b", (), ["a", "b"]),
        ("a, b", (",",), ["a", "b"]),
        ("a, b", (",", False), ["a", " b"]),
        (("a",), (), ["a"]),
        (None, (), []),
        (7, (), [7]),
    ],
)
def test_aslist(given, more, expected):
    assert paste_factory.aslist(given, *more) == expected

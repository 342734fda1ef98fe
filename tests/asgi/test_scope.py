"""``environ`` -> ``scope``."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.asgi.scope import build_scope

ENVIRON = {
    "REQUEST_METHOD": "POST",
    "SCRIPT_NAME": "/shop",
    "PATH_INFO": "/caf\xc3\xa9",
    "QUERY_STRING": "a=%20",
    "REQUEST_URI": "/shop/caf%C3%A9?a=%20",
    "SERVER_NAME": "shop.example",
    "SERVER_PORT": "8080",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "203.0.113.9",
    "REMOTE_PORT": "50000",
    "CONTENT_TYPE": "text/plain",
    "CONTENT_LENGTH": "3",
    "HTTP_HOST": "shop.example:8080",
    "HTTP_X_NAME": "\xe9",
    "wsgi.url_scheme": "https",
}


def scope_of(**changes: Any) -> dict[str, Any]:
    return build_scope({**ENVIRON, **changes}, None)


def test_everything_is_where_the_specification_wants_it():
    scope = scope_of()
    assert (scope["type"], scope["http_version"], scope["method"], scope["scheme"]) == ("http", "1.1", "POST", "https")
    assert (scope["path"], scope["root_path"], scope["raw_path"]) == ("/shop/café", "/shop", b"/shop/caf%C3%A9")
    assert (scope["query_string"], scope["client"]) == (b"a=%20", ("203.0.113.9", 50000))
    assert scope["server"] == ("shop.example", 8080)
    assert sorted(scope["headers"]) == [
        (b"content-length", b"3"),
        (b"content-type", b"text/plain"),
        (b"host", b"shop.example:8080"),
        (b"x-name", b"\xe9"),
    ]
    assert scope["wsgi_environ"]["SERVER_NAME"] == "shop.example"
    assert "state" not in scope


def test_the_state_is_a_copy_for_each_request():
    state = {"database": object()}
    scope = build_scope(dict(ENVIRON), state)
    assert scope["state"] == state
    scope["state"]["user"] = 1
    assert "user" not in state


@pytest.mark.parametrize(
    ("protocol", "version"),
    [("HTTP/1.0", "1.0"), ("HTTP/2.0", "2"), ("INCLUDED", "1.1"), ("HTTP/x", "1.1"), ("", "1.1")],
)
def test_version(protocol, version):
    assert scope_of(SERVER_PROTOCOL=protocol)["http_version"] == version


def test_what_a_web_server_does_not_say():
    scope = scope_of(REMOTE_ADDR="", SERVER_PORT="", CONTENT_TYPE="", CONTENT_LENGTH="", REQUEST_URI="")
    assert (scope["client"], scope["server"]) == (None, ("shop.example", 0))
    assert (b"content-type", b"") not in scope["headers"]
    assert scope["raw_path"] == b"/shop/caf%C3%A9"


def test_a_header_cannot_pass_for_another():
    """HTTP_CONTENT_LENGTH is what a client makes of ``Content_Length`` behind a web server that lets it through."""
    headers = dict(scope_of(HTTP_CONTENT_LENGTH="999")["headers"])
    assert headers[b"content-length"] == b"3"


@settings(max_examples=30)
@given(st.dictionaries(st.sampled_from(sorted(set(ENVIRON) - {"wsgi.url_scheme"})), st.text(max_size=30)))
def test_no_value_is_an_error(values):
    scope = scope_of(**values)
    assert all(isinstance(part, bytes) for pair in scope["headers"] for part in pair)

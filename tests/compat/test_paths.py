from __future__ import annotations

import pytest

from gateways.compat.paths import complete_paths, split_paths


def test_what_is_missing():
    environ = {"REQUEST_URI": "/app/a%20b?x=1", "SCRIPT_NAME": "/app"}
    complete_paths(environ)
    assert environ["PATH_INFO"] == "/a b"
    assert environ["QUERY_STRING"] == "x=1"
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["SERVER_PORT"] == "80"


def test_what_is_there_stays():
    given = {
        "REQUEST_URI": "/x?y",
        "SCRIPT_NAME": "/app",
        "PATH_INFO": "/p",
        "QUERY_STRING": "q",
        "REQUEST_METHOD": "PUT",
        "SERVER_NAME": "n",
        "SERVER_PORT": "1",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    environ = dict(given)
    complete_paths(environ)
    assert environ == given


@pytest.mark.parametrize(
    ("script", "path", "name", "expected"),
    [
        ("", "/app/x", "/app", ("/app", "/x")),
        ("/app", "/x", "/app", ("/app", "/x")),
        ("/app/x", "", "/app/", ("/app", "/x")),
        ("", "/app", "/app", ("/app", "")),
        ("", "/application", "/app", ("/app", "/application")),
        ("/a", "/b", "", ("", "/a/b")),
    ],
)
def test_divided_anew(script, path, name, expected):
    environ = {"SCRIPT_NAME": script, "PATH_INFO": path}
    split_paths(environ, name)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == expected

"""gateways.commands.arguments: what a person is told about a flag that cannot be used."""

from __future__ import annotations

import pytest

from gateways.cli import main


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["get", "/"], "one of the arguments --fastcgi --scgi --uwsgi --ajp --http"),
        (["get", "/", "--fastcgi", ":1", "--scgi", ":1"], "not allowed with argument --fastcgi"),
        (["get", "/", "--fastcgi", "/run/x.sock"], "for a Unix socket write unix:/run/x.sock"),
        (["get", "--fastcgi", ":1"], "PATH"),
        (["get", "/", "--scgi", ":1", "--timeout", "soon"], "give a time from"),
        (["get", "/", "--scgi", ":1", "--timeout", "0"], "give a time from"),
        (["get", "/", "--scgi", ":1", "--script-name", "app"], "give a path that starts with"),
        (["get", "/", "--scgi", ":1", "--param", "NAME"], "give NAME=VALUE"),
        (["get", "/", "--scgi", ":1", "-H", "Accept"], "is not a header; write it as"),
        (["get", "/", "--scgi", ":1", "-H", "A: b\nC: d"], "is not a header"),
        (["get", "/", "--scgi", ":1", "-X", "GET /"], "is not a request method"),
        (["front"], "one of the arguments --fastcgi --scgi --uwsgi --ajp --http-backend"),
        (["get", "/", "--fastcgi", "fd:0"], "can only be listened on"),
        (["front", "--fastcgi", "fd:0"], "can only be listened on"),
        (["front", "--scgi", "systemd:x"], "can only be listened on"),
        (["front", "--fastcgi", ":0"], "give the port the server listens on"),
        (["front", "--fastcgi", ":1", "--http", "8000"], "for a port of this machine write :8000"),
        (["front", "--fastcgi", ":1", "--max-body", "much"], "give a size from"),
    ],
)
def test_one_line_that_says_what_to_write(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("gateways: error: ")
    assert told in errors
    assert errors.count("\n") == 1

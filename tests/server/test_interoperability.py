"""A program that others wrote talks to our server: libfcgi's cgi-fcgi. (The clients in flup fail on Python 3.)"""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

from tests.support.requirements import require_program
from tests.support.serving import serving


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with what was asked for, and say something to the error log."""
    body = environ["wsgi.input"].read()
    environ["wsgi.errors"].write("seen\n")
    start_response("200 Fine", [("Content-Type", "text/plain"), ("X-Query", environ["QUERY_STRING"])])
    return [environ["REQUEST_METHOD"].encode(), b" ", environ["PATH_INFO"].encode("latin-1"), b" ", body]


VARIABLES = {
    "REQUEST_METHOD": "POST",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/a b",
    "QUERY_STRING": "x=1",
    "SERVER_NAME": "example.org",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
}


@pytest.mark.parametrize("size", [0, 5, 300_000])
@pytest.mark.parametrize("threads", [1, 8])
def test_cgi_fcgi_of_libfcgi(size: int, threads: int) -> None:
    program = require_program("cgi-fcgi")
    body = b"x" * size
    with serving(echo, threads=threads) as served:
        environ = {**os.environ, **VARIABLES, "CONTENT_LENGTH": str(size)}
        command = [program, "-bind", "-connect", served.address]
        done = subprocess.run(command, input=body, env=environ, capture_output=True, timeout=30, check=False)
    head, _, rest = done.stdout.partition(b"\r\n\r\n")
    assert b"Status: 200 Fine" in head
    assert b"X-Query: x=1" in head
    assert rest == b"POST /a b " + body
    assert done.stderr == b"seen\n"

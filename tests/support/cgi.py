"""Start a CGI script as a web server does, and read what it answers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Union

ROOT = Path(__file__).parents[2]

#: The least that a web server says of a request (RFC 3875, section 4.1).
REQUEST = {
    "GATEWAY_INTERFACE": "CGI/1.1",
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "/cgi-bin/app.cgi",
    "QUERY_STRING": "",
    "SERVER_NAME": "example.test",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_SOFTWARE": "test",
    "REMOTE_ADDR": "127.0.0.1",
}

Variables = Mapping[str, Union[str, bytes, None]]
File = Union[int, IO[bytes]]


class Answer:
    """What a script has answered: ``output`` as it came, and taken apart; ``log`` is its standard error."""

    def __init__(self, output: bytes, log: bytes, code: int) -> None:
        self.output = output
        self.log = log.decode()
        self.code = code
        head, self.separator, self.body = output.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode("latin-1").split("\r\n")]
        self.headers = {name: value for name, colon, value in lines if colon}
        self.status = self.headers.get("Status", "")


def environment(**variables: str | bytes | None) -> dict[str, str | bytes]:
    """The environment of a request; None takes a variable out."""
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **REQUEST, **variables}
    return {name: value for name, value in given.items() if value is not None}


def start(
    script: Path,
    variables: Variables = REQUEST,
    stdin: File = subprocess.DEVNULL,
    stdout: File = subprocess.PIPE,
    options: tuple[str, ...] = (),
    arguments: tuple[str, ...] = (),
) -> subprocess.Popen[bytes]:
    """Start ``script`` with Python ``options`` and command line ``arguments``."""
    return subprocess.Popen(
        [sys.executable, *options, str(script), *arguments],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment(**variables),
        cwd=script.parent,
    )


def run(
    script: Path,
    variables: Variables = REQUEST,
    body: bytes = b"",
    options: tuple[str, ...] = (),
    arguments: tuple[str, ...] = (),
) -> Answer:
    """Run ``script`` with ``body`` as standard input, closed after it."""
    with start(script, variables, subprocess.PIPE, subprocess.PIPE, options, arguments) as process:
        output, log = process.communicate(body, timeout=30)
    return Answer(output, log, process.returncode)


def post(body: bytes, **variables: str) -> dict[str, str]:
    """The variables of a POST with ``body``."""
    return {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(len(body)), **variables}

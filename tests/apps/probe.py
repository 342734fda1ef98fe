"""The application of the live tests: it tells what arrived, and misbehaves on request.

`/do/NAME` is one of the actions below; every other path answers the environ and the body's digest as JSON. The whole
application stands behind `wsgiref.validate`, so a violation of PEP 3333 by the gateway is a 500.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from wsgiref.util import request_uri
from wsgiref.validate import validator

PATIENCE = 5.0
"""Seconds an action waits for the file that the test makes."""

TEXT = ("Content-Type", "text/plain; charset=utf-8")
UNBUFFERED = ("X-Accel-Buffering", "no")
"""What nginx wants to hear from an application that streams."""


def dump(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer the environ as the application sees it, and what the body was."""
    digest = hashlib.sha256()
    length = 0
    while block := environ["wsgi.input"].read(65536):
        digest.update(block)
        length += len(block)
    answer = {
        "environ": {name: value if isinstance(value, (str, bool, list)) else repr(value)
                    for name, value in environ.items()},
        "types": {name: type(value).__name__ for name, value in environ.items()},
        "uri": request_uri(environ),
        "body": {"length": length, "sha256": digest.hexdigest()},
        "process": {"pid": os.getpid(), "thread": threading.get_ident(), "cwd": os.getcwd()},
    }  # fmt: skip
    body = json.dumps(answer).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def stream(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Send a line, wait until the client has it (it makes the file), send another."""
    start_response("200 OK", [TEXT, UNBUFFERED])
    yield b"first\n"
    yield b"released\n" if wait_for(asked(environ, "file")) else b"the first line did not arrive\n"


class Endless:
    """Blocks until somebody closes it, then make the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.end = time.monotonic() + PATIENCE * 2

    def __iter__(self) -> Iterator[bytes]:
        while time.monotonic() < self.end:
            yield b"x" * 65536
            time.sleep(0.01)

    def close(self) -> None:
        self.path.write_text("closed" if time.monotonic() < self.end else "nobody noticed")


def endless(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Say who we are in the file `started`, and go on sending: so the gateway can notice that nobody listens."""
    start_response("200 OK", [TEXT, UNBUFFERED])
    asked(environ, "started").write_text(str(os.getpid()))
    return Endless(asked(environ, "file"))


def error(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Fail before the response begins."""
    raise RuntimeError(f"probe fails early: {environ['QUERY_STRING']}")


def error_in_iterator(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Fail after start_response, before the first block: still early enough for a 500."""
    start_response("200 OK", [TEXT])
    if environ["QUERY_STRING"]:
        raise RuntimeError(f"probe fails before the first block: {environ['QUERY_STRING']}")
    yield b""


def error_late(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Fail when a part of the response is on its way."""
    start_response("200 OK", [TEXT, UNBUFFERED])
    yield b"half\n" * 4096
    if "file=" in environ["QUERY_STRING"]:
        wait_for(asked(environ, "file"))
    raise RuntimeError(f"probe fails late: {environ['QUERY_STRING']}")


def short(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Send less than Content-Length promised."""
    start_response("200 OK", [TEXT, ("Content-Length", "100"), UNBUFFERED])
    return [b"x" * 10]


def log(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Write to wsgi.errors; wait for `file`, if there is one to wait for."""
    environ["wsgi.errors"].write(f"probe logs: {environ['QUERY_STRING']}\n")
    environ["wsgi.errors"].flush()
    if "file=" in environ["QUERY_STRING"]:
        wait_for(asked(environ, "file"))
    return text(start_response, "logged\n")


def chatter(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Print to standard output, in each way that scripts do."""
    print("probe prints")
    sys.stdout.flush()
    os.system("echo probe runs a command")
    return text(start_response, "the body\n")


def not_modified(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """A 304 for the entity tag that the client holds."""
    if environ.get("HTTP_IF_NONE_MATCH") == '"tag"':
        start_response("304 Not Modified", [("ETag", '"tag"')])
        return []
    start_response("200 OK", [TEXT, ("ETag", '"tag"')])
    return [b"the entity\n"]


def no_content(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """A 204."""
    start_response("204 No Content", [])
    return []


def headers(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """A status of its own and repeated headers."""
    cookies = [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/")]
    start_response("418 I am a Teapot", [TEXT, *cookies, ("X-Latin", "caf\xe9")])
    return [b"short and stout\n"]


def status(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The status that the query string names."""
    start_response(f"{environ['QUERY_STRING']} Status", [TEXT])
    return [environ["QUERY_STRING"].encode()]


def long_header(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """A header field of so many bytes as the query string says."""
    start_response("200 OK", [TEXT, ("X-Long", "x" * int(environ["QUERY_STRING"]))])
    return [b"long\n"]


def redirect(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """A redirect to an absolute URL."""
    start_response("302 Found", [TEXT, ("Location", "http://elsewhere.example/path?q=1")])
    return [b"elsewhere\n"]


def large(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """10 MiB in blocks, without a length; every block differs."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    for number in range(160):
        yield bytes([number]) * 65536


def unread(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer without looking at the body."""
    return text(start_response, "unread\n")


def slow(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Say who we are in the file `started`, and wait for the file `file`: a request in hand while the server stops."""
    start_response("200 OK", [TEXT])
    asked(environ, "started").write_text(str(os.getpid()))
    yield b"released\n" if wait_for(asked(environ, "file")) else b"nobody released it\n"


def hold(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Make the file `started`, and answer when the file `file` is there: as long as the test itself would wait."""
    asked(environ, "started").write_text("")
    return text(start_response, "released\n" if wait_for(asked(environ, "file"), 60.0) else "nobody released it\n")


def hand_over(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Have the web server send a file: the query string names the header, and what it says."""
    names = parse_qs(environ["QUERY_STRING"])
    start_response("200 OK", [TEXT, (names["header"][0], names["value"][0])])
    return [b"the web server does not know that header\n"]


def text(start_response: Any, body: str) -> list[bytes]:
    """A short plain answer."""
    start_response("200 OK", [TEXT])
    return [body.encode()]


def asked(environ: dict[str, Any], name: str) -> Path:
    """A path from the query string."""
    return Path(parse_qs(environ["QUERY_STRING"])[name][0])


def wait_for(path: Path, seconds: float = PATIENCE) -> bool:
    """Say whether the file appeared before the patience ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if path.exists():
            return True
        time.sleep(0.01)
    return False


ACTIONS = {
    "chatter": chatter,
    "endless": endless,
    "error": error,
    "error-in-iterator": error_in_iterator,
    "error-late": error_late,
    "hand-over": hand_over,
    "headers": headers,
    "hold": hold,
    "large": large,
    "log": log,
    "long-header": long_header,
    "no-content": no_content,
    "not-modified": not_modified,
    "redirect": redirect,
    "short": short,
    "status": status,
    "slow": slow,
    "stream": stream,
    "unread": unread,
}


def probe(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Do what the path asks for."""
    head, _, name = environ.get("PATH_INFO", "").rpartition("/")
    action = ACTIONS.get(name, dump) if head == "/do" else dump
    return action(environ, start_response)


application = validator(probe)

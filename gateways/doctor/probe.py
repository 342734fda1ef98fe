"""An application that tells ``gateways doctor URL`` what has arrived of its requests.

Serve it for a while in the place of your own, at the same address, and examine the URL::

    gateways serve gateways.doctor.probe:application --fastcgi unix:/run/gateways/app.sock
    gateways doctor https://example.org/app/

It only says what the client sent itself and what the web server made of that: no files, no environment, no other
header. So it needs no password. Where the application has to stay, ``Probe(application, secret)`` goes in front of it,
and answers only requests that hold the secret.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateways.core.types import Application

#: The header by which the doctor asks (``echo``, ``stream SECONDS``, ``head BYTES``), and by which it knows the answer.
HEADER = "Gateways-Probe"
#: The header that holds the secret.
SECRET = "Gateways-Probe-Secret"

#: What is told of a request.
TOLD = (
    *("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH", "SERVER_NAME"),
    *("SERVER_PORT", "SERVER_PROTOCOL", "REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST", "HTTP_AUTHORIZATION"),
    *("HTTP_COOKIE", "HTTP_X_DOCTOR", "HTTP_PROXY"),
)

#: A client can hold a thread for this long, seconds, and have a response header of so many bytes.
_LONGEST_PAUSE = 10.0
_LONGEST_HEADER = 32768
_BLOCK = 65536


class Probe:
    """The application. In front of another one it answers only requests that hold the secret."""

    def __init__(self, application: Application | None = None, secret: str = "") -> None:
        if application is not None and not secret:
            raise ValueError("in front of an application the probe needs a secret: Probe(application, secret)")
        self._application = application
        self._secret = secret.encode("utf-8")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request of the doctor, and leave any other to the application."""
        given = str(environ.get("HTTP_GATEWAYS_PROBE_SECRET", "")).encode("latin-1", "replace")
        if self._application is not None and not hmac.compare_digest(given, self._secret):
            return self._application(environ, start_response)
        words = str(environ.get("HTTP_GATEWAYS_PROBE", "echo")).split()
        kind, number = (words or ["echo"])[0], _number(words[1] if len(words) > 1 else "")
        if kind == "stream":
            return _stream(start_response, min(number, _LONGEST_PAUSE))
        padding = "x" * int(min(number, _LONGEST_HEADER)) if kind == "head" else ""
        return _echo(environ, start_response, padding)


def _echo(environ: dict[str, Any], start_response: Any, padding: str) -> Iterable[bytes]:
    """Say what has arrived."""
    length, digest = 0, hashlib.sha256()
    while block := environ["wsgi.input"].read(_BLOCK):
        length += len(block)
        digest.update(block)
    told = {name: environ[name] for name in TOLD if name in environ}
    body = json.dumps({"environ": told, "length": length, "sha256": digest.hexdigest()}).encode("ascii")
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), (HEADER, "1")]
    headers += [("Cache-Control", "no-store"), ("Set-Cookie", "doctor=1"), ("Set-Cookie", "gateways=2")]
    if padding:
        headers.append(("X-Padding", padding))
    start_response("200 OK", headers)
    return [body]


def _stream(start_response: Any, pause: float) -> Iterator[bytes]:
    """Send an event, and a second one some time later."""
    headers = [("Content-Type", "text/event-stream"), (HEADER, "1"), ("Cache-Control", "no-store")]
    start_response("200 OK", [*headers, ("X-Accel-Buffering", "no")])
    yield b"data: first\n\n"
    time.sleep(pause)
    yield b"data: last\n\n"


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0


application = Probe()

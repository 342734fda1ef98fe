"""The requests of ``./dev demo --check``, and what the application of cgi-bin/ has to answer to each."""

from __future__ import annotations

import hashlib
import http.client
import time
from typing import NamedTuple
from urllib.parse import urlsplit

TIMEOUT = 60.0
UPLOAD = bytes(range(256)) * 400


class WrongAnswer(Exception):
    """A page is not what it should be."""


class Page(NamedTuple):
    """A request and its answer: the status, a piece of the page or header, and how the body comes."""

    method: str
    path: str
    status: int
    holds: bytes = b""
    body: bytes = b""
    content_type: str = ""
    location: str = ""
    streamed: bool = False
    broken_off: bool = False


def multipart(boundary: bytes, content: bytes) -> bytes:
    """Return a form with one file."""
    head = b'Content-Disposition: form-data; name="file"; filename="demo.bin"\r\nContent-Type: application/octet-stream'
    return b"--%b\r\n%b\r\n\r\n%b\r\n--%b--\r\n" % (boundary, head, content, boundary)


PAGES = [
    Page("GET", "/", 200, b"It works"),
    Page("GET", "/a%20b/%C3%A9?q=%2F", 404, "/a b/é".encode()),
    Page("GET", "/redirect", 303, location="/request?redirected=yes"),
    Page(
        "POST",
        "/form",
        200,
        hashlib.sha256(UPLOAD).hexdigest().encode(),
        body=multipart(b"demo", UPLOAD),
        content_type="multipart/form-data; boundary=demo",
    ),
    Page("GET", "/stream", 200, b"Line 10 of 10", streamed=True),
    Page("GET", "/error", 500),
    Page("GET", "/error-late", 200, b"Half a page", broken_off=True),
]


def request(url: str, page: Page) -> str:
    """Request one page below ``url`` and return a line that tells what came; ``WrongAnswer`` if it is not right."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=TIMEOUT)
    begun = time.monotonic()
    try:
        headers = {"Content-Type": page.content_type} if page.content_type else {}
        connection.request(page.method, page.path, page.body or None, headers)
        response = connection.getresponse()
        data, arrivals, complete = read(response)
    except (OSError, http.client.HTTPException) as error:
        raise WrongAnswer(f"{page.method} {page.path}: no answer: {error or type(error).__name__}") from error
    finally:
        connection.close()
    taken = milliseconds(begun)
    line = f"{page.method} {page.path} → {response.status}, {len(data)} bytes, {taken} ms"
    if page.streamed and arrivals:
        line += f", in {len(arrivals)} pieces, the first after {milliseconds(begun, arrivals[0])} ms"
    if not complete:
        line += ", broken off"
    wrong = judge(page, response, data, arrivals, complete)
    if wrong:
        raise WrongAnswer(f"{line}: {wrong}")
    return line + (" as it should be" if page.broken_off else "")


def milliseconds(begun: float, ended: float | None = None) -> int:
    """Return the time since ``begun``, or between both."""
    return round(((time.monotonic() if ended is None else ended) - begun) * 1000)


def read(response: http.client.HTTPResponse) -> tuple[bytes, list[float], bool]:
    """Return the body, when each piece of it came, and whether it came to its proper end."""
    pieces, arrivals = [], []
    try:
        while piece := response.read1(65536):
            pieces.append(piece)
            arrivals.append(time.monotonic())
    except (http.client.IncompleteRead, ConnectionError):
        return b"".join(pieces), arrivals, False
    return b"".join(pieces), arrivals, not response.length


def judge(page: Page, response: http.client.HTTPResponse, data: bytes, arrivals: list[float], complete: bool) -> str:
    """Say what is wrong with an answer; nothing when it is right."""
    if response.status != page.status:
        return f"status {page.status} expected"
    if page.holds not in data:
        return f"{page.holds!r} is not in the page"
    if not response.getheader("Location", "").endswith(page.location):
        return f"Location ends with {page.location} expected"
    if page.streamed and (not arrivals or arrivals[-1] - arrivals[0] < 0.2):  # it takes 2 s, less what we were late
        return "the page was held back, and came at once"
    if complete == page.broken_off:
        return "the page ends as if it were complete" if complete else "the page was broken off"
    return ""

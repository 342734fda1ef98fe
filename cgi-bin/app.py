"""A small WSGI application to click through: it shows that a deployment works, and what does not.

app.cgi and app.fcgi beside this file serve it. It needs nothing but Python, and makes every link from SCRIPT_NAME, so
it works wherever it is mounted.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import platform
import re
import time
from collections.abc import Iterable, Iterator
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, quote
from wsgiref.util import application_uri, request_uri

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MAX_FORM = 32 * 1024 * 1024
"""Bytes of a form that are read into memory; a larger one is answered 413."""

STREAM_LINES = 10
STREAM_PAUSE = 0.2

counter = itertools.count(1)
"""Counts the requests of this process: it stays at 1 under plain CGI, and grows under FastCGI and SCGI."""

STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
nav a { margin-right: 1em }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .2em .6em .2em 0; border-bottom: 1px solid #ddd }
td { font-family: ui-monospace, monospace; overflow-wrap: anywhere }
"""


class Field(NamedTuple):
    """One field of a form. `filename` is None for an ordinary field."""

    name: str
    filename: str | None
    content: bytes


class Page(NamedTuple):
    """What a page function answers: the status line, the title, the HTML below it, and headers beside Content-Type."""

    title: str
    body: str
    status: str = "200 OK"
    headers: tuple[tuple[str, str], ...] = ()


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The WSGI application (PEP 3333)."""
    path = environ.get("PATH_INFO", "")
    if path == "/stream":
        return stream(environ, start_response)
    if path == "/error-late":
        return error_late(environ, start_response)
    page = PAGES.get(path, not_found)(environ)
    body = render(environ, page).encode()
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body))), *page.headers]
    start_response(page.status, headers)
    return [body]


# The pages


def index(environ: WSGIEnvironment) -> Page:
    """What is served, by whom, and where to click next."""
    facts = {
        "The URL you asked for": request_uri(environ),
        "Web server": environ.get("SERVER_SOFTWARE", "?"),
        "Your address": environ.get("REMOTE_ADDR", "?"),
        "Python": f"{platform.python_version()} in process {os.getpid()}",
        "Requests of this process": str(next(counter)),
        "Processes": "a new one for each request (CGI)" if environ["wsgi.run_once"] else "one that stays",
        "Threads": "several at once" if environ["wsgi.multithread"] else "one request at a time",
    }
    steps = (
        ("/request", "everything the web server told the application about your request"),
        ("/form", "a form with an upload: is the request body passed on?"),
        ("/stream", f"a page that comes a line each {STREAM_PAUSE} s: does the web server hold it back?"),
        ("/redirect", "a redirect to an absolute URL: does it lead back here?"),
        ("/a%20b/%C3%A9?q=%2F", "an encoded path: answered 404, but with the path as it was meant"),
        ("/error", "an application that fails: an error page here, the traceback in the error log"),
        ("/error-late", "one that fails in the middle of a page: your browser should call it broken off"),
    )
    links = "".join(f'<li><a href="{link(environ, to)}">{escape(to)}</a>: {what}</li>' for to, what in steps)
    return Page("It works", f"{table(facts)}<h2>Try</h2><ul>{links}</ul>")


def show_request(environ: WSGIEnvironment) -> Page:
    """The environ, escaped: it holds what the client sent."""
    rows = {name: str(value) if isinstance(value, str) else repr(value) for name, value in sorted(environ.items())}
    return Page("Your request", table(rows))


def form(environ: WSGIEnvironment) -> Page:
    """A form; and, when it is posted, what arrived."""
    if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
        return Page("A form", FORM.format(action=link(environ, "/form")))
    if environ["REQUEST_METHOD"] != "POST":
        allow = ("Allow", "GET, HEAD, POST")
        return Page("Method not allowed", "<p>GET or POST.</p>", "405 Method Not Allowed", (allow,))
    body = read_body(environ)
    if body is None:
        return Page("Too large", f"<p>This page takes {MAX_FORM} bytes.</p>", "413 Content Too Large")
    rows = {f"{number}. {field.name}": describe(field) for number, field in enumerate(fields(environ, body), 1)}
    again = f'<p><a href="{link(environ, "/form")}">Once more</a></p>'
    return Page("The form arrived", f"<p>{len(body)} bytes.</p>{table(rows)}{again}")


def redirect(environ: WSGIEnvironment) -> Page:
    """An absolute URL, made from what the web server said about host, port and scheme."""
    target = application_uri(environ).rstrip("/") + "/request?redirected=yes"
    here = f'<p><a href="{escape(target)}">This way</a></p>'
    return Page("See other", here, "303 See Other", (("Location", target),))


def error(environ: WSGIEnvironment) -> Page:
    """Fail before the response has begun."""
    raise RuntimeError("/error was asked for: this traceback belongs in the error log")


def not_found(environ: WSGIEnvironment) -> Page:
    """No such page; the path is shown as the client meant it."""
    path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")
    return Page("Not found", f"<p>There is no page <code>{escape(path)}</code>.</p>", "404 Not Found")


PAGES = {
    "": index,
    "/": index,
    "/request": show_request,
    "/form": form,
    "/redirect": redirect,
    "/error": error,
}


# The streamed pages


def stream(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """A page in pieces; each one should be seen when it is sent."""
    # nginx takes this header as the wish not to collect the response; others ignore it.
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("X-Accel-Buffering", "no")])
    yield head(environ, "A line at a time").encode()
    begun = time.monotonic()
    for number in range(1, STREAM_LINES + 1):
        yield f"<p>Line {number} of {STREAM_LINES}, sent after {time.monotonic() - begun:.1f} s</p>\n".encode()
        time.sleep(STREAM_PAUSE)
    yield b"<p>If the lines came one by one, streaming works.</p></body></html>\n"


def error_late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Fail when half the page has been sent."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("X-Accel-Buffering", "no")])
    yield head(environ, "Half a page").encode() + b"<p>The application fails after this line.</p>\n"
    raise RuntimeError("/error-late was asked for: the client must see that the page is not complete")


# Reading a form


def read_body(environ: WSGIEnvironment) -> bytes | None:
    """The request body, or None when it is larger than MAX_FORM. It need not have a Content-Length."""
    blocks: list[bytes] = []
    left = MAX_FORM + 1
    while left > 0:
        block = environ["wsgi.input"].read(min(left, 65536))
        if not block:
            return b"".join(blocks)
        blocks.append(block)
        left -= len(block)
    return None


def fields(environ: WSGIEnvironment, body: bytes) -> list[Field]:
    """The fields of a form, in the order they were sent; any other body is one nameless field."""
    content_type = environ.get("CONTENT_TYPE", "")
    kind = content_type.partition(";")[0].strip().lower()
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    if kind == "multipart/form-data" and boundary:
        return multipart(body, boundary[1].encode("latin-1"))
    if kind == "application/x-www-form-urlencoded":
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True)
        return [Field(name, None, value.encode()) for name, value in pairs]
    return [Field("(the body)", kind, body)]


def multipart(body: bytes, boundary: bytes) -> list[Field]:
    """Take a multipart/form-data body apart (RFC 7578)."""
    found = []
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]:
        if part.startswith(b"--"):
            break
        header, _, content = part.partition(b"\r\n\r\n")
        text = header.decode("utf-8", "replace")
        name = re.search(r'[; ]name="([^"]*)"', text)
        filename = re.search(r'[; ]filename="([^"]*)"', text)
        found.append(Field(name[1] if name else "?", filename[1] if filename else None, content))
    return found


def describe(field: Field) -> str:
    """An ordinary field as text; a file by its name, size and digest, to compare with `sha256sum`."""
    if field.filename is None:
        return field.content.decode("utf-8", "replace")
    return f"file {field.filename!r}, {len(field.content)} bytes, sha256 {hashlib.sha256(field.content).hexdigest()}"


# HTML


def link(environ: WSGIEnvironment, to: str) -> str:
    """The URL path of `to` below the place where the application is mounted."""
    return escape(quote(environ.get("SCRIPT_NAME", "").encode("latin-1")) + to)


def table(rows: dict[str, Any]) -> str:
    """Names and values as an HTML table, both escaped."""
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>\n" for name, value in rows.items())
    return f"<table>\n{cells}</table>" if rows else "<p>Nothing.</p>"


def head(environ: WSGIEnvironment, title: str) -> str:
    """Everything of a page above its own content."""
    home = link(environ, "/")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>\n'
        f'<body><nav><a href="{home}">gateways</a></nav><h1>{title}</h1>\n'
    )


def render(environ: WSGIEnvironment, page: Page) -> str:
    """A whole page."""
    return f"{head(environ, page.title)}{page.body}\n</body></html>\n"


FORM = """
<form action="{action}" method="post" enctype="multipart/form-data">
<p><label>Some text <input name="text" value="Grüße, 世界"></label></p>
<p><label>A file <input name="file" type="file"></label></p>
<p><button>Send</button></p>
</form>
"""

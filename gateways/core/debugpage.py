"""The page that ``debug`` shows in a browser when an application has failed: what, where, and for which request.

It shows what a developer needs to find a fault, and no secret: the source around each line, the request, and of all
other variables the names only. With ``secrets`` also the local variables, cookies, and what the process was given.
Whatever comes from elsewhere is escaped; no script runs, and the policy the page brings along forbids any.
"""

from __future__ import annotations

import linecache
import os
import sys
from base64 import b64encode
from hashlib import sha256
from html import escape
from pathlib import Path

from gateways import __version__
from gateways.core.failures import cut, title_of
from gateways.core.shortrepr import short_repr
from gateways.errors import BootError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import FrameType, TracebackType

    from gateways.core.types import Environ, Headers

#: Lines of source before and after the one at fault.
_CONTEXT = 4
#: Frames shown from each end of a traceback: a recursion without an end has a thousand.
_FRAMES = 20
#: Exceptions shown of a chain of causes.
_CHAIN = 10
#: Lines shown of the notes of an exception.
_NOTES = 50
#: Characters of one value.
_VALUE = 2000

#: Variables that tell of the request and hold no secret (RFC 3875, section 4.1, and what web servers add).
_REQUEST = frozenset(
    (
        *("CONTENT_LENGTH", "CONTENT_TYPE", "DOCUMENT_ROOT", "DOCUMENT_URI", "FCGI_ROLE", "GATEWAY_INTERFACE", "HTTPS"),
        *("PATH_INFO", "PATH_TRANSLATED", "QUERY_STRING", "REDIRECT_STATUS", "REDIRECT_URL", "REMOTE_ADDR"),
        *("REMOTE_HOST", "REMOTE_PORT", "REQUEST_METHOD", "REQUEST_SCHEME", "REQUEST_URI", "SCRIPT_FILENAME"),
        *("SCRIPT_NAME", "SERVER_ADDR", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE"),
        *("SSL_CIPHER", "SSL_PROTOCOL"),
    )
)
#: Headers that hold no secret (HTTP_*): of all others nobody knows which of them proves who somebody is.
_HEADERS = frozenset(
    (
        *("ACCEPT", "ACCEPT_CHARSET", "ACCEPT_ENCODING", "ACCEPT_LANGUAGE", "CACHE_CONTROL", "CONNECTION"),
        *(
            "CONTENT_ENCODING",
            "CONTENT_LANGUAGE",
            "DNT",
            "EXPECT",
            "FORWARDED",
            "HOST",
            "IF_MATCH",
            "IF_MODIFIED_SINCE",
        ),
        *("IF_NONE_MATCH", "IF_RANGE", "IF_UNMODIFIED_SINCE", "ORIGIN", "PRAGMA", "RANGE", "REFERER"),
        *("SEC_FETCH_DEST", "SEC_FETCH_MODE", "SEC_FETCH_SITE", "SEC_FETCH_USER", "TE", "TRAILER", "TRANSFER_ENCODING"),
        *("UPGRADE", "UPGRADE_INSECURE_REQUESTS", "USER_AGENT", "VIA", "X_FORWARDED_FOR", "X_FORWARDED_HOST"),
        *("X_FORWARDED_PORT", "X_FORWARDED_PROTO", "X_REAL_IP", "X_REQUESTED_WITH"),
    )
)
#: What PEP 3333 asks for, and this package adds.
_WSGI = frozenset(
    (
        *("errors", "file_wrapper", "input", "input_terminated", "multiprocess", "multithread", "run_once"),
        *("url_scheme", "version"),
    )
)
#: What the page says of itself: why it is shown, what to do against that, and what is said for a secret.
SETTING = ("The setting debug is on", "Switch it off on a public site", "hidden; --debug-secrets shows it")
_REMARK = ' class="hidden"'

#: What the page may do: show itself, in its own style.
_POLICY = "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def is_wanted(environ: Environ) -> bool:
    """Say whether a browser asks: programs, which do not name HTML, are served better by plain text."""
    return "text/html" in str(environ.get("HTTP_ACCEPT", ""))


def render(
    status: str,
    line: str,
    environ: Environ,
    error: BaseException,
    origin: TracebackType | None,
    secrets: bool,
    *,
    words: tuple[str, str, str] = SETTING,
) -> tuple[Headers, bytes]:
    """Return headers and body of the page.

    ``line`` is the request in one line, ``origin`` the first frame of ``error`` that is of interest; ``secrets`` shows
    local variables and the values of all variables. ``words`` are those of whoever shows the page.
    """
    reason, remedy, hidden = words
    style = Path(__file__).with_suffix(".css").read_text(encoding="ascii")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    title = title_of(error)
    first, *before = _chain(error)
    failures = [_failure(first, origin if first is error else first.__traceback__, secrets)]
    failures += [_failure(one, one.__traceback__, secrets, f"Before that: {title_of(one)}") for one in before]
    body = f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{escape(title)}</title>
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<style>{style}</style>
</head>
<body>
<p class="about">{escape(status)} · {escape(line)}</p>
<h1>{escape(title)}</h1>
{"".join(failures)}<h2>Request</h2>
{_table(_shown(_request(environ), secrets, hidden))}<h2>Other variables</h2>
{_table(_shown(_others(environ), secrets, hidden))}<h2>Process</h2>
{_table(_process())}{_environment(environ) if secrets else ""}<footer>
<p>{reason}: everybody who meets this failure sees this page. {remedy}; the same \
traceback is in the error log.</p>
</footer>
</body>
</html>
"""
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", _POLICY.format(digest)),
        ("X-Content-Type-Options", "nosniff"),
    ]
    return headers, body.encode("utf-8", "backslashreplace")


def _chain(error: BaseException) -> list[BaseException]:
    """Return ``error`` and what it was raised from; a ``BootError`` that has a cause says nothing more than that."""
    found = [(error.__cause__ or error.__context__ or error) if isinstance(error, BootError) else error]
    while len(found) < _CHAIN:
        last = found[-1]
        before = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
        if before is None or any(before is one for one in found):
            break
        found.append(before)
    return found


def _failure(
    error: BaseException, origin: TracebackType | None, secrets: bool, title: str = "Traceback, last call first"
) -> str:
    """Return the calls that led to one exception, the last one first and open."""
    frames = list(reversed(list(_frames(origin))))
    left_out = len(frames) - 2 * _FRAMES
    rows = [_frame(frame, number, secrets, index == 0) for index, (frame, number) in enumerate(frames[:_FRAMES])]
    if left_out > 0:
        rows.append(f'<p class="about">{left_out} calls are left out here.</p>\n')
    rows += [_frame(frame, number, secrets, False) for frame, number in frames[_FRAMES:][-_FRAMES:]]
    return f"<h2>{escape(title)}</h2>\n{_notes(error)}{_members(error)}{_syntax(error)}{''.join(rows)}"


def _notes(error: BaseException) -> str:
    """Return what was added to an exception (PEP 678, Python 3.11)."""
    notes = getattr(error, "__notes__", None)
    texts = [note for note in notes if isinstance(note, str)] if isinstance(notes, (list, tuple)) else []
    lines = [line for text in texts for line in text.splitlines()]
    return "".join(f"<p>{escape(cut(line, _VALUE))}</p>\n" for line in lines[:_NOTES])


def _members(error: BaseException) -> str:
    """Return what an exception group holds (Python 3.11)."""
    if not type(error).__name__.endswith("ExceptionGroup"):
        return ""
    return "".join(f"<p>{escape(title_of(one))}</p>\n" for one in error.exceptions[:_CHAIN])  # type: ignore[attr-defined]


def _frames(origin: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while origin is not None:
        yield origin.tb_frame, origin.tb_lineno
        origin = origin.tb_next


def _frame(frame: FrameType, number: int, secrets: bool, opened: bool) -> str:
    code = frame.f_code
    lines = linecache.getlines(code.co_filename, frame.f_globals)
    values = sorted(frame.f_locals.items()) if secrets else ()
    local = _table([(name, short_repr(value), False) for name, value in values]) if secrets else ""
    # co_qualname: Python 3.11
    return f"""\
<details{" open" if opened else ""}>
<summary><code>{escape(getattr(code, "co_qualname", code.co_name))}</code> \
<span>{escape(code.co_filename)}, line {number}</span></summary>
{_source(lines, number)}{local}</details>
"""


def _syntax(error: BaseException) -> str:
    """Show the line that is no Python: no frame has it."""
    if not isinstance(error, SyntaxError) or not error.filename or not error.lineno:
        return ""
    lines = linecache.getlines(error.filename) or ["\n"] * (error.lineno - 1) + [error.text or ""]
    return f"""\
<details open>
<summary><span>{escape(str(error.filename))}, line {error.lineno}</span></summary>
{_source(lines, error.lineno)}</details>
"""


def _source(lines: list[str], number: int) -> str:
    first = max(1, number - _CONTEXT)
    rows = []
    for at, text in enumerate(lines[first - 1 : number + _CONTEXT], first):
        mark = ' class="at"' if at == number else ""
        rows.append(f"<span{mark}>{at:>5}  {escape(cut(text.rstrip(), 500))}</span>")
    return f"<pre>{''.join(rows)}</pre>\n" if rows else '<p class="about">The source cannot be read.</p>\n'


def _request(environ: Environ) -> Iterator[tuple[str, object]]:
    for name in sorted(map(str, environ)):
        if name in _REQUEST or name.startswith("HTTP_"):
            yield name, environ[name]


def _others(environ: Environ) -> Iterator[tuple[str, object]]:
    """Give what the web server, the settings and the application have added; for CGI, the process's environment."""
    for name in sorted(map(str, environ)):
        if name not in _REQUEST and not name.startswith("HTTP_"):
            yield name, environ[name]


def _shown(variables: Iterable[tuple[str, object]], secrets: bool, remark: str) -> Iterator[tuple[str, str, bool]]:
    for name, value in variables:
        kind, _, rest = name.partition("." if name.startswith("wsgi.") else "_")
        open_to_all = name in _REQUEST or rest in {"HTTP": _HEADERS, "wsgi": _WSGI}.get(kind, ())
        hidden = not (secrets or open_to_all)
        yield name, remark if hidden else value if isinstance(value, str) else short_repr(value), hidden


def _process() -> list[tuple[str, str, bool]]:
    try:
        directory = os.getcwd()
    except OSError as error:
        directory = str(error.strerror)
    return [
        ("Python", f"{sys.version.split()[0]}, {sys.executable}", False),
        ("gateways", __version__, False),
        ("modules from", "\n".join(map(str, sys.path)), False),
        ("working directory", directory, False),
        ("process", f"{os.getpid()}, user {os.geteuid()}, group {os.getegid()}", False),
    ]


def _environment(environ: Mapping[str, object]) -> str:
    rows = [(name, value, False) for name, value in sorted(os.environ.items()) if name not in environ]
    return f"<h2>Environment of the process</h2>\n{_table(rows)}" if rows else ""


def _table(rows: Iterable[tuple[str, str, bool]]) -> str:
    """Return a table of names and values; a value may only be a remark."""
    cells = "".join(
        f'<tr><th scope="row">{escape(cut(name, 200))}</th>'
        f"<td{_REMARK if remark else ''}>{escape(cut(value, _VALUE))}</td></tr>\n"
        for name, value, remark in rows
    )
    return f"<table>\n{cells}</table>\n" if cells else '<p class="about">none</p>\n'

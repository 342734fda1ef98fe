"""What an answer means that is an error: who has given it, why, and where to look."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from gateways.doctor.errorlog import last_lines
from gateways.doctor.findings import ERROR, NOTE, OK, WARNING, Code, Finding, declare, quoted
from gateways.doctor.live.exchange import Answer

ANSWERS = declare("url-answers", OK, "The URL was answered, by whom and how fast.")
REDIRECTS = declare("url-redirects", NOTE, "The URL leads to another one, which is not followed.")
BAD_GATEWAY = declare("url-502", ERROR, "The web server gets no answer from the application that it understands.")
UNAVAILABLE = declare("url-503", ERROR, "The web server cannot connect to the application, or is told not to.")
GATEWAY_TIMEOUT = declare("url-504", ERROR, "The application took longer than the web server waits.")
FAILS = declare("url-500", ERROR, "The application or its start has failed; what it is shows who says so.")
TOO_LARGE = declare("url-413", ERROR, "A limit of the web server is passed.")
NOT_FOUND = declare("url-404", WARNING, "It is the web server that knows no such page: the application was not asked.")
FORBIDDEN = declare("url-403", ERROR, "The web server does not allow it; the application was not asked.")
REFUSED = declare("url-4xx", WARNING, "The request is refused by the web server or the application.")
INCOMPLETE = declare(
    "url-incomplete", ERROR, "The answer broke off: the application was stopped or fell in the midst of it."
)
ENDLESS = declare(
    "url-endless", NOTE, "The answer has begun, and its end did not come in the time of an examination (--timeout)."
)
LOOP = declare(
    "url-redirect-loop", ERROR,
    "The page leads to itself, so browsers give up. Mostly https ends at a proxy, and the application is not told.",
)  # fmt: skip
SOURCE = declare("url-source", ERROR, "The source of the program is sent to everybody, instead of what it says.")

_APACHE = rb'<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\s*<html><head>\s*<title>\d\d\d |<address>Apache'
_LIGHTTPD = rb'<\?xml version="1.0" encoding="iso-8859-1"\?>\s*<!DOCTYPE html.*?<title>\d\d\d '
#: The pages that web servers show by themselves.
_PAGES = (
    ("nginx", re.compile(rb"<center>(?:nginx|openresty)(?:/[\d.]+)?</center>")),
    ("Apache", re.compile(_APACHE)),
    ("lighttpd", re.compile(_LIGHTTPD, re.DOTALL)),
    ("HAProxy", re.compile(rb"^<html><body><h1>\d\d\d [^<]*</h1>\s*[^<]*\.\s*</body></html>\s*$")),
)

#: Where the web servers of this machine write what has gone wrong.
LOGS = {
    "nginx": ("/var/log/nginx/error.log",),
    "Apache": ("/var/log/apache2/error.log", "/var/log/httpd/error_log"),
    "lighttpd": ("/var/log/lighttpd/error.log",),
}
_FILES = {
    "nginx": "gateways doctor /etc/nginx/nginx.conf",
    "Apache": "gateways doctor /etc/apache2/sites-enabled/*.conf",
    "lighttpd": "gateways doctor /etc/lighttpd/lighttpd.conf",
}
_TAIL = 4096

#: What a status means by which server; "" is for those that are not named.
_MEANINGS: dict[int, tuple[Code, dict[str, str]]] = {
    502: (
        BAD_GATEWAY,
        {
            "": "nothing listens at the address of its backend, its account may not connect, another protocol is "
            "spoken there, or the answer is broken or has too large a header"
        },
    ),
    503: (
        UNAVAILABLE,
        {"": "nothing listens at the address of its backend, or its account may not connect; it tries again later"},
    ),
    504: (GATEWAY_TIMEOUT, {"": "the application was silent for longer than it waits; all its workers may be busy"}),
    500: (
        FAILS,
        {
            "nginx": "its configuration leads it in a circle, or a subrequest has failed",
            "Apache": "the script has not started or has said nothing, .htaccess holds what is not allowed, or "
            "mod_fcgid has met a limit",
            "": "the script has not started or has said nothing, or the answer of the backend is none",
        },
    ),
    413: (TOO_LARGE, {"": "the request is larger than its limit"}),
    404: (NOT_FOUND, {"": "it does not hand this path to the application"}),
    403: (
        FORBIDDEN,
        {"": "its account cannot enter a directory, a script has no +ExecCGI, or a rule denies it"},
    ),
}

#: What a program begins with, as long as nobody runs it.
_PROGRAM = re.compile(rb"\A(?:\xef\xbb\xbf)?#!\s*/|\A(?:from|import) [\w.]+(?: import [\w, *]+)?\r?\n")


def speaker(answer: Answer) -> str:
    """Return the web server whose own page this is; "" if it is the application's, as far as can be told."""
    if answer.status < 400:
        return ""
    return next((name for name, page in _PAGES if page.search(answer.body)), "")


def judge(answer: Answer, where: str, local: bool = False, asked: str = "") -> Iterator[Finding]:
    """Yield what an answer means.

    ``local``: the web server runs on this machine, so its log may be here. ``asked`` is the URL that was asked for,
    if it is not ``where``.
    """
    server = answer.header("Server") or "a server without a name"
    by = speaker(answer)
    if not answer.whole:
        what = f"the answer {answer} broke off after {len(answer.body)} bytes"
        yield INCOMPLETE.found(where, what, "look into the logs of the application and of the web server")
    elif _PROGRAM.search(answer.body) and answer.status == 200:
        what = f"{server} sends a program: {quoted(answer.body[:60].splitlines()[0])}"
        yield SOURCE.found(
            where, what, "make it a script (AddHandler, SetHandler, cgi.assign): gateways doctor DIRECTORY"
        )
    elif answer.status in (301, 302, 303, 307, 308) and _leads_to_itself(answer, asked or where):
        what = f"{answer} to {answer.header('Location')}, which is the page that was asked for"
        remedy = "behind a proxy with https: X-Forwarded-Proto (or fastcgi_param HTTPS on;) and --forwarded-allow-ips"
        yield LOOP.found(where, what, remedy)
    elif 300 <= answer.status < 400:
        yield REDIRECTS.found(where, f"{answer} to {answer.header('Location')}", "examine that URL")
    elif answer.status < 300:
        yield ANSWERS.found(where, f"{answer} by {server}, after {answer.seconds * 1000:.0f} ms")
        if answer.endless:
            what = f"{len(answer.body)} bytes have come, and no end of them"
            yield ENDLESS.found(where, what, "a stream may be so; if it is a page, gateways status says what it does")
    elif by or answer.status in (502, 504):
        yield _of_server(answer, by or server, where, local)
    elif answer.status >= 500:
        code = _MEANINGS.get(answer.status, (FAILS, {}))[0]
        what = f"the application behind {server} itself answers {answer}"
        yield code.found(where, what, "its own log has the reason: a traceback for 500")
    else:
        remedy = "the application was reached; try a page that it has"
        yield ANSWERS.found(where, f"{answer} by the application behind {server}", remedy)


def _leads_to_itself(answer: Answer, asked: str) -> bool:
    if answer.header("Set-Cookie"):
        return False  # with the cookie the page may be another
    try:
        return _normal(urljoin(asked, answer.header("Location"))) == _normal(asked)
    except ValueError:
        return False


def _normal(url: str) -> tuple[str, str, int, str, str]:
    """Return a URL so that it can be compared. Raises ``ValueError`` for one that is none."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, parts.hostname or "", port, parts.path or "/", parts.query


def _of_server(answer: Answer, by: str, where: str, local: bool) -> Finding:
    code, meanings = _MEANINGS.get(answer.status, (REFUSED if answer.status < 500 else FAILS, {}))
    meaning = meanings.get(by) or meanings.get("") or "the application was not asked"
    said = _last_line(by) if local else ""
    log = f"; its log says {quoted(said)}" if said else ""
    look = _FILES.get(by, "examine its configuration")
    return code.found(where, f"{by} answers {answer}: {meaning}{log}", f"{look}, and its error log")


def _last_line(server: str) -> str:
    for path in LOGS.get(server, ()):
        try:
            lines = last_lines(path, _TAIL)
        except OSError:
            continue
        return next((line for line in reversed(lines) if line.strip()), "")
    return ""

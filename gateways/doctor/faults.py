"""The faults that configuration files of web servers have, whichever server it is."""

from __future__ import annotations

from gateways.doctor.directives import NotIncluded
from gateways.doctor.findings import ERROR, NOTE, WARNING, Finding, declare

SYNTAX = declare("config-syntax", ERROR, "The web server cannot read the file, so it does not start with it.")
INCLUDE = declare("config-include", WARNING, "A file that is included is not there: the web server does not start.")
UNREAD = declare(
    "config-unread",
    WARNING,
    "An included file cannot be read by this user, or is none: what it says does not count.",
)
DISABLED = declare("config-disabled", WARNING, "The web server does not read the file: nothing includes it.")
MODULE = declare(
    "module-missing", ERROR, "A module that the file needs is not loaded: it does not start, or answers 500."
)
ADDRESS = declare("pass-address", ERROR, "The address of the backend is not written as the web server reads it.")
SLASH = declare(
    "pass-slash", ERROR, "One side ends with a slash and the other does not: paths are put together wrongly."
)
ORDER = declare("pass-order", ERROR, "The first line that fits is taken: this one, behind a wider one, never is.")
NO_CHECK_LOCAL = declare(
    "check-local", ERROR, "lighttpd looks for a file of that name first and answers 404 where there is none."
)
DENIED = declare("access-denied", ERROR, "Nothing allows access to the directory, so Apache answers 403.")
FILES_ONLY = declare(
    "try-files-404", ERROR,
    "nginx (`try_files`) or Caddy (`php_fastcgi`) looks for a file of that name first, and answers without the "
    "application where there is none.",
)  # fmt: skip
INTERNAL = declare(
    "location-internal", ERROR, "`internal` keeps clients from the location, and the application has no other."
)
SERVER_TWICE = declare(
    "server-twice", WARNING, "Two sites have the same name and port: the first is served, and the other never."
)
NOT_RUN = declare(
    "script-not-run", ERROR, "Nothing makes the web server run the script: it answers 403, or its source."
)
NO_SCRIPT = declare("script-absent", ERROR, "The file names a script that is not there.")
VARIABLE = declare(
    "variable-missing",
    WARNING,
    "A CGI variable that applications need is not passed; without some of them nothing works.",
)
TWICE = declare(
    "variable-twice", WARNING,
    "A CGI variable is passed twice with different values; which of them counts depends on the backend.",
)  # fmt: skip
PATH_INFO = declare(
    "path-info-missing", WARNING,
    "`SCRIPT_NAME` holds the whole path and `PATH_INFO` nothing. gateways sorts it out by `REQUEST_URI`; flup, uWSGI "
    "and others find no page, or build wrong links.",
)  # fmt: skip
NO_PATH = declare(
    "path-missing", ERROR, "Neither `PATH_INFO` nor `REQUEST_URI` is passed: every page is the start page."
)
SPLIT = declare("path-split", WARNING, "The path is divided into `SCRIPT_NAME` and `PATH_INFO` at a wrong place.")
MOUNT_TWICE = declare(
    "mount-twice", WARNING, "The mount point is in `SCRIPT_NAME` and at the beginning of `PATH_INFO`."
)
WIDE = declare(
    "mount-wide", NOTE, "A mount point without a slash at its end takes more than it should: `/apple` for `/app`."
)
REWRITE = declare(
    "rewrite-path", WARNING,
    "A rewrite rule puts the decoded path behind the script: paths with `%25`, `%3F` or `//` arrive changed or not.",
)  # fmt: skip
HTTPOXY = declare(
    "httpoxy-header", NOTE,
    "A client's `Proxy:` header becomes `HTTP_PROXY`. gateways drops it; in other backends HTTP clients obey it.",
)  # fmt: skip
AUTHORIZATION = declare(
    "authorization-lost",
    WARNING,
    "The `Authorization` header does not reach the application: logins by Basic or token fail.",
)
BODY_DROPPED = declare(
    "body-dropped",
    ERROR,
    "The body of requests is left out and its length is passed: the application waits for it in vain.",
)
BODY_LIMIT = declare(
    "body-limit", WARNING, "Uploads above the limit are refused before the application sees them: 413, mod_fcgid 500."
)
UNMEASURED = declare(
    "body-unmeasured",
    NOTE,
    "Uploads without a length (chunked) are refused (411) or arrive without one; many frameworks read none.",
)
BUFFERED = declare(
    "stream-buffered",
    NOTE,
    "Responses are collected before they are sent: event streams and long pages come late or at once.",
)
KEEPALIVE_UNUSED = declare(
    "keepalive-unused", WARNING, "Connections are to be kept, and another setting closes each of them."
)
KEEPALIVE_LONGER = declare(
    "keepalive-longer", WARNING,
    "The web server keeps idle connections longer than the backend: now and then a request meets one that was just "
    "closed (502 or 503).",
)  # fmt: skip
TIMEOUT = declare(
    "timeout-short", WARNING, "The web server gives up (504, or 500) before pages that take long are there."
)
ENCODED_SLASH = declare("encoded-slash", NOTE, "Paths with `%2F` are answered 404 by Apache, or arrive as other paths.")
NOT_UTF8 = declare("path-not-utf8", NOTE, "Paths that are not UTF-8 are answered 400 before the application sees them.")
URL_CHANGED = declare("url-changed", WARNING, "The URL is decoded and written anew before it is passed on by HTTP.")
HOST = declare(
    "host-lost", WARNING, "The application does not get the host name that the client asked for: links are wrong."
)
HTTPS = declare(
    "https-unseen", WARNING, "The application cannot know that the client came by https: links and cookies are wrong."
)
TRAVERSAL = declare(
    "alias-traversal",
    ERROR,
    "Anybody can read files beside the directory: `/static../app.py`. Everything there may be secret.",
)
ALIAS = declare(
    "alias-slash", WARNING, "One side of an alias ends with a slash and the other does not: its files are not found."
)

#: gateways' keepalive_timeout, seconds: web servers have to close idle connections before.
KEEPALIVE = 75.0
#: Bytes of an upload that every deployment should take.
USUAL_BODY = 1 << 20


def not_included(line: NotIncluded) -> Finding:
    """Return that a file is not there, or cannot be read."""
    error = line.error
    if error is None:
        return INCLUDE.found(line.where, f"{line.line}: there is no such file", "correct the path")
    remedy = "run as a user who may read it" if isinstance(error, PermissionError) else "correct the path"
    return UNREAD.found(line.where, f"{line.line}: {error.filename}: {error.strerror}", remedy)

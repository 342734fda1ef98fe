"""Where deployments differ: every exception that the live tests make, with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.live.deployments import Deployment


CGI = ("apache-cgi*", "apache-htaccess-cgi", "lighttpd-cgi")
PLAIN_CGI = (*CGI, "!*-resident")
FCGID = ("apache-fcgid", "apache-htaccess-fcgid")
SCGI = ("nginx-scgi*", "apache-proxy-scgi", "lighttpd-scgi")
UWSGI = ("nginx-uwsgi*", "apache-proxy-uwsgi", "lighttpd-uwsgi")
AJP = ("apache-proxy-ajp", "lighttpd-ajp")
NOT_AJP = tuple(f"!{name}" for name in AJP)
HTTP = ("http-*",)
NOT_HTTP = ("nginx-*", "apache-*", "lighttpd-*")

NO_LENGTH = "half a response without a length looks whole"
WITH_LENGTH = "half a response with a length looks whole"
STREAM = "half a streamed page looks whole"


@dataclass(frozen=True)
class Difference:
    """What is otherwise somewhere. `where` holds patterns for the names of deployments; ``!`` begins an exception."""

    what: tuple[str, ...]
    where: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        return self.what[0]


DIFFERENCES = (
    Difference(
        ("errors stay with the backend",), (*SCGI, *AJP, *HTTP),
        "SCGI, AJP13 and HTTP have no stream for errors: wsgi.errors and tracebacks are in the backend's error log.",
    ),
    Difference(
        ("errors stay with the backend",), UWSGI,
        "uwsgi has no stream for errors, as SCGI.",
    ),
    Difference(
        ("errors stay with the backend",), ("caddy-*",),
        "Caddy 2.6 drops what comes by FCGI_STDERR; from 2.7 on, capture_stderr in its transport logs it.",
    ),
    Difference(
        (NO_LENGTH, STREAM), CGI,
        "Neither Apache nor lighttpd look at the exit status of a CGI program: without a length, its end is the end.",
    ),
    Difference(
        (WITH_LENGTH,), ("apache-cgi*", "apache-htaccess-cgi"),
        "Apache drops the Content-Length of CGI programs (CVE-2024-24795), and with it the only measure.",
    ),
    Difference(
        (NO_LENGTH, STREAM), ("nginx-scgi",),
        "The end of the connection is the end of an SCGI response; TCP can reset it, a Unix socket cannot.",
    ),
    Difference(
        (NO_LENGTH, STREAM), ("caddy-*", "h2o-*"),
        "The end of the connection is the end of a response without a length.",
    ),
    Difference(
        (NO_LENGTH, STREAM), ("nginx-uwsgi",),
        "uwsgi ends a response as SCGI does, by the end of the connection.",
    ),
    Difference(
        (NO_LENGTH,), ("apache-proxy-uwsgi",),
        "Broken off before Apache has sent anything, what there is is sent as a whole.",
    ),
    Difference(
        (NO_LENGTH, STREAM), FCGID,
        "mod_fcgid notices, and appends its page for 500 to what it has sent already.",
    ),
    Difference(
        (WITH_LENGTH,), FCGID,
        "mod_fcgid notices, and fills up what is missing with its page for 500.",
    ),
    Difference(
        (NO_LENGTH,), ("lighttpd-*", "http-lighttpd"),
        "Broken off before lighttpd has sent anything, what there is gets its length and is sent as a whole.",
    ),
    Difference(
        ("process killed when the client leaves",), PLAIN_CGI,
        "The web server ends the program with SIGTERM, and an iterable that is not closed ends with it.",
    ),
    Difference(
        ("stream held back",), ("apache-htaccess-fcgid",),
        "FcgidOutputBufferSize, 64 KiB unless changed, cannot be set in .htaccess.",
    ),
    Difference(
        ("chunked upload without a length",), ("apache-cgi*", "apache-htaccess-cgi", "apache-proxy-ajp"),
        "Apache passes a chunked upload on while it arrives: CONTENT_LENGTH is missing, wsgi.input ends by itself.",
    ),
    Difference(
        ("chunked upload without a length",), ("caddy-*",),
        "Caddy passes it on while it arrives; from 2.9 on it answers 411, unless request_buffers collects it.",
    ),
    Difference(
        ("large chunked upload refused",), ("haproxy-*",),
        "HAProxy collects it in one buffer (tune.bufsize, 16 KiB) to know its length, and answers 400 to a larger one.",
    ),
    Difference(
        ("chunked upload refused",), ("apache-proxy-scgi",),
        "SCGI needs the length first, and mod_proxy_scgi does not collect the upload: 411.",
    ),
    Difference(
        ("a connection for each request",), ("apache-proxy-fcgi-balancer",),
        "A machine that stops closes those it keeps, and a POST that is on its way just then would be answered 502.",
    ),
    Difference(
        ("chunked upload refused",), ("apache-proxy-uwsgi",),
        "uwsgi needs the length first, and mod_proxy_uwsgi does not collect the upload: 411.",
    ),
    Difference(
        ("path refused: /a%2Fb",), ("apache-htaccess-*",),
        "AllowEncodedSlashes belongs to the virtual host: Apache answers 404.",
    ),
    Difference(
        ("path passed as it is",), ("http-nginx", "http-apache"),
        "The application gets the URL as the client wrote it: only so is %2F kept apart from a slash.",
    ),
    Difference(
        ("cookie lines joined by a comma",), ("apache-*", "caddy-*", "http-apache"),
        "Repeated headers are joined with a comma, cookies too; browsers send one Cookie line (RFC 6265, 5.4).",
    ),
    Difference(
        ("cookie lines joined without a space",), ("h2o-*",),
        "h2o joins them with a semicolon alone: cookie parsers take the two for the same.",
    ),
    Difference(
        ("reason phrase replaced",), ("lighttpd-*", "http-lighttpd"),
        "lighttpd sends its own text for a status, and none for one it does not know.",
    ),
    Difference(
        ("no HTTP_CONNECTION",), ("caddy-*", "haproxy-*"),
        "A proxy takes the field for itself (RFC 9110, 7.6.1).",
    ),
    Difference(
        ("no SERVER_ADDR",), ("caddy-*",),
        "Caddy 2.6 does not send it; SERVER_NAME and SERVER_PORT are there.",
    ),
    Difference(
        ("no REQUEST_SCHEME",), ("h2o-*",),
        "h2o sends HTTPS alone, and wsgi.url_scheme is made from that.",
    ),
    Difference(
        ("reason phrase replaced",), ("caddy-*",),
        "Caddy sends the standard text for a status.",
    ),
    Difference(
        ("folded header field refused",), ("nginx-*", "http-nginx"),
        "nginx answers 400, as RFC 9112, 5.2 allows. No client folds any more.",
    ),
    Difference(
        ("folded header field cut",), ("h2o-*",),
        "h2o passes on the first line alone.",
    ),
    Difference(
        ("long response header refused",), ("nginx-*", "http-nginx"),
        "The header of a response has 4 KiB, unless fastcgi_buffer_size (or scgi_, uwsgi_, proxy_) is larger: 502.",
    ),
    Difference(
        ("path as it is: /a//b",), ("caddy-*", "haproxy-*", "h2o-*"),
        "Slashes are not merged.",
    ),
    Difference(
        ("path as it is: /a/./b/../c",), ("caddy-*", "haproxy-*"),
        "Dot segments are not resolved; browsers and curl have done so before they ask.",
    ),
    Difference(
        ("method refused: PATCH",), ("lighttpd-ajp",),
        "AJP13 has no number for it, and lighttpd does not send such a method as text: 400.",
    ),
    Difference(
        ("no SERVER_ADDR",), ("lighttpd-ajp",),
        "AJP13 has no field for SERVER_ADDR and REMOTE_PORT; Apache sends them as attributes, lighttpd does not.",
    ),
    Difference(
        ("query normalised",), ("lighttpd-*", "http-lighttpd"),
        "lighttpd encodes what RFC 3986 does not allow in a query: [ and ] become %5B and %5D.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Variable:
    """A variable that an application sees behind some web servers only, and nobody should need."""

    names: tuple[str, ...]
    where: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        return self.names[0]


VARIABLES = (
    Variable(
        ("SERVER_SOFTWARE",), ("*", *NOT_AJP),
        "Everywhere, with a value that only this server can have; AJP13 has no place for it.",
    ),
    Variable(
        ("gateways.posthooks", "eventlet.posthooks"), (*PLAIN_CGI, *HTTP),
        "A list for what is to be done after the response; by other ways where posthooks is set.",
    ),
    Variable(
        ("DOCUMENT_ROOT",), (*NOT_HTTP, *NOT_AJP, "caddy-*", "haproxy-*"),
        "Everywhere but by HTTP and AJP13, which cannot tell it; h2o sends it where fastcgi.document_root is set.",
    ),
    Variable(
        ("REMOTE_PORT",), (*NOT_HTTP, "caddy-*", "haproxy-*", "h2o-*", "!lighttpd-ajp"),
        "Everywhere but by HTTP, which cannot tell it, where the web server sends it.",
    ),
    Variable(
        ("REMOTE_PORT",), ("http-apache",),
        "That of the web server's own connection; a Unix socket has none.",
    ),
    Variable(
        ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"), HTTP,
        "How a web server tells of the client by HTTP.",
    ),
    Variable(
        ("HTTP_X_FORWARDED_HOST",), ("http-apache", "http-lighttpd"),
        "Host, once more.",
    ),
    Variable(
        ("HTTP_X_FORWARDED_SERVER",), ("http-apache",),
        "The name of Apache's virtual host.",
    ),
    Variable(
        ("HTTP_X_HOST",), ("http-lighttpd",),
        "Host, once more, in lighttpd's own way.",
    ),
    Variable(
        ("GATEWAY_INTERFACE",),
        (
            *("nginx-*", "apache-cgi*", "apache-fcgid", "apache-proxy-fcgi*", "apache-proxy-uwsgi"),
            *("apache-htaccess-*", "lighttpd-*", "!lighttpd-ajp", "caddy-*", "haproxy-*", *HTTP),
        ),
        "mod_proxy_scgi and h2o do not send it, and AJP13 has no place for it.",
    ),
    Variable(
        ("GATEWAYS_RESIDENT_DIR",), ("*-resident",),
        "Set by the tests, so that nobody else's processes are in that directory.",
    ),
    Variable(
        ("FCGI_ROLE",), ("*-fastcgi*", "*-resident", "apache-fcgid", "apache-proxy-fcgi*", "apache-htaccess-fcgid"),
        "The role of the application, from the FastCGI request itself.",
    ),
    Variable(("SCGI",), SCGI, "Part of every SCGI request."),
    Variable(
        ("SCRIPT_FILENAME",), ("apache-*", "lighttpd-*", "caddy-*", "haproxy-*", *NOT_AJP),
        "Names a file, or for mod_proxy_fcgi the backend; nginx and h2o know no scripts.",
    ),
    Variable(
        ("PATH_TRANSLATED",),
        ("apache-cgi*", "apache-fcgid", "apache-proxy-fcgi*", "lighttpd-*", "!lighttpd-ajp", "caddy-*", "haproxy-*"),
        "PATH_INFO below the document root, where the server makes it up.",
    ),
    Variable(
        ("CONTEXT_DOCUMENT_ROOT", "CONTEXT_PREFIX", "SERVER_ADMIN", "SERVER_SIGNATURE", "PATH"), ("apache-*", *NOT_AJP),
        "Apache's own; PATH is Apache's search path for programs.",
    ),
    Variable(
        ("REDIRECT_STATUS",), ("apache-htaccess-*", "lighttpd-*", "!lighttpd-ajp"),
        "Apache says that RewriteRule has been at work; lighttpd sends it for PHP.",
    ),
    Variable(
        ("REDIRECT_URL", "REDIRECT_QUERY_STRING"), ("apache-htaccess-*",),
        "The URL before RewriteRule changed it.",
    ),
    Variable(
        ("proxy-sendcl",), ("apache-proxy-fcgi*",),
        "Apache passes on what SetEnv sets, directions to its own modules too.",
    ),
    Variable(
        ("proxy-fcgi-pathinfo",), ("apache-proxy-fcgi", "apache-proxy-fcgi-balancer"),
        "Apache passes on what SetEnvIf sets, directions to its own modules too.",
    ),
    Variable(
        ("BALANCER_NAME", "BALANCER_WORKER_NAME", "BALANCER_WORKER_ROUTE"), ("apache-proxy-fcgi-balancer",),
        "Which machine mod_proxy_balancer has chosen.",
    ),
    Variable(
        ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO"), ("caddy-*",),
        "Caddy says what it knows to every backend; what a client sends by these names it drops.",
    ),
    Variable(
        ("DOCUMENT_URI", "REMOTE_HOST"), ("caddy-*",),
        "Caddy's own, for PHP; REMOTE_HOST is the address.",
    ),
    Variable(
        ("LC_CTYPE",), PLAIN_CGI,
        "Python sets it for itself in the C locale (PEP 538), before the script begins.",
    ),
)  # fmt: skip


def applies(row: Difference | Variable, deployment: Deployment) -> bool:
    """Say whether a row is about the deployment."""
    found = [pattern for pattern in row.where if fnmatchcase(deployment.name, pattern.lstrip("!"))]
    return bool(found) and not any(pattern.startswith("!") for pattern in found)


def known(deployment: Deployment, what: str) -> bool:
    """Say whether a difference exists in the deployment."""
    return any(what in row.what and applies(row, deployment) for row in DIFFERENCES)


def expected_path(deployment: Deployment, path: str, path_info: str) -> str | None:
    """PATH_INFO for a path; None where the web server refuses it."""
    if known(deployment, f"path as it is: {path}") or ("%" not in path and known(deployment, "path passed as it is")):
        return path
    return None if known(deployment, f"path refused: {path}") else path_info


def expected_query(deployment: Deployment, query: str) -> str:
    """QUERY_STRING for a query."""
    return query.replace("[", "%5B").replace("]", "%5D") if known(deployment, "query normalised") else query


def expected_cookie(deployment: Deployment) -> str:
    """HTTP_COOKIE for two Cookie lines."""
    if known(deployment, "cookie lines joined without a space"):
        return "a=1;b=2"
    return "a=1, b=2" if known(deployment, "cookie lines joined by a comma") else "a=1; b=2"

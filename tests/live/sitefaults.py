"""Faults in configurations of web servers: the change that makes each, where doctor finds it, and what is seen of it.

The files are those of ``conf/``. ``changes`` are regular expressions and what they become; each has to match. What a
visitor sees of a fault is ``seen``; STOPS says that the web server does not start with the file.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.live.answers import Answer, ask
from tests.live.site import PATIENCE

MIB = 1 << 20


@dataclass(frozen=True)
class Visit:
    """Asks the web server at a port."""

    port: int

    def __call__(
        self, target: str, headers: Mapping[str, str] | None = None, body: Any = None, chunked: bool = False
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        method = "POST" if body is not None else "GET"
        sent = {"Host": "example.org", "Gateways-Probe": "echo", **(headers or {})}
        return ask(connection, method, target, body=body, headers=sent, encode_chunked=chunked)

    def begun_without_a_length(self) -> int:
        """Return the status of a chunked upload of which nothing has been sent yet."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.putrequest("POST", "/", skip_host=True)
            connection.putheader("Host", "example.org")
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            return connection.getresponse().status
        finally:
            connection.close()


Seen = Callable[[Visit], bool]
STOPS: Seen | None = None


@dataclass(frozen=True)
class Fault:
    """One change of one file. ``at`` is in the line that the doctor points to."""

    code: str
    conf: str
    changes: tuple[tuple[str, str], ...]
    at: str
    seen: Seen | None
    name: str = ""

    def __str__(self) -> str:
        return f"{self.conf.rpartition('/')[2].partition('.')[0]}-{self.name or self.code}"


def status(number: int, target: str = "/page", **request: Any) -> Seen:
    """It is answered with that status."""
    return lambda visit: visit(target, **request).status == number


def told(name: str, value: Any, target: str = "/page", **request: Any) -> Seen:
    """The application sees that variable with that value; None: not at all."""
    return lambda visit: visit(target, **request).environ.get(name) == value


def fine(visit: Visit) -> bool:
    """Nothing is seen of it by a visitor who comes once."""
    return visit("/page").status == 200


def _without(name: str) -> tuple[tuple[str, str], ...]:
    return ((rf"(?m)^ *(fastcgi|scgi|uwsgi)_param +{name} .*$", ""),)


FASTCGI, SCGI, UWSGI, HTTP = (f"nginx/{name}.conf" for name in ("fastcgi", "scgi", "uwsgi", "http"))
TOKEN = {"Authorization": "Bearer token"}
PASS = (("fastcgi_pass example_app;", "fastcgi_pass example_app; {}"),)


def _add(line: str) -> tuple[tuple[str, str], ...]:
    """Add a line where the request is handed on."""
    return ((r"(?m)^( *\w+_pass (?:http://)?example_app;)", rf"\1\n{line}"),)


NGINX = (
    Fault(
        "protocol-other",
        FASTCGI,
        (("fastcgi_pass example_app", "proxy_pass http://example_app"),),
        "server unix:",
        status(502),
    ),
    Fault(
        "protocol-other",
        HTTP,
        (
            ("proxy_pass http://example_app", "include /etc/nginx/fastcgi_params; fastcgi_pass example_app"),
            (r"proxy_http_version.*", ""),
        ),
        "server unix:",
        status(502),
    ),
    Fault(
        "protocol-other",
        SCGI,
        (("scgi_pass", "uwsgi_pass"), ("scgi_param", "uwsgi_param")),
        "server unix:",
        status(502),
    ),
    Fault("socket-absent", FASTCGI, (("app[.]fastcgi", "ap.fastcgi"),), "server unix:", status(502)),
    Fault("socket-stale", FASTCGI, (("app[.]fastcgi", "stale"),), "server unix:", status(502)),
    Fault("socket-is-file", FASTCGI, (("app[.]fastcgi", "file"),), "server unix:", status(502)),
    Fault("socket-mode", FASTCGI, (("app[.]fastcgi", "closed"),), "server unix:", status(502)),
    Fault("socket-directory", FASTCGI, (("app[.]fastcgi", "private/app"),), "server unix:", status(502)),
    Fault("port-closed", FASTCGI, (("server unix:.*?;", "server 127.0.0.1:1;"),), "server 127.0.0.1:1", status(502)),
    Fault(
        "port-elsewhere", FASTCGI, (("server unix:.*?;", "server 127.0.0.2:{tcp};"),), "server 127.0.0.2", status(502)
    ),
    Fault(
        "pass-address", FASTCGI, (("fastcgi_pass example_app", "fastcgi_pass /run/app.sock"),), "fastcgi_pass /", STOPS
    ),
    Fault("pass-address", HTTP, (("proxy_pass http://example_app", "proxy_pass example_app"),), "proxy_pass", STOPS),
    Fault(
        "pass-address",
        FASTCGI,
        (("server unix:[^;]*", "server unix:/" + "long/" * 30 + "s"),),
        "server unix:",
        STOPS,
        "path-too-long",
    ),
    Fault("config-syntax", FASTCGI, (("fastcgi_keep_conn on;", "fastcgi_keep_conn on"),), "fastcgi_keep_conn", STOPS),
    Fault("config-syntax", FASTCGI, ((r"\}\s*\Z", ""),), "server {", STOPS, "open"),
    Fault("config-include", FASTCGI, _add("include fastcgi_parms;"), "include", STOPS),
    Fault(
        "variable-missing",
        FASTCGI,
        _without("REQUEST_METHOD"),
        "fastcgi_pass",
        lambda visit: visit("/page").status != 200,
        "method",
    ),
    Fault(
        "variable-missing",
        SCGI,
        _without("QUERY_STRING"),
        "scgi_pass",
        fine,
        "query",
    ),
    Fault(
        "variable-missing",
        UWSGI,
        _without("CONTENT_TYPE"),
        "uwsgi_pass",
        lambda visit: not visit("/", {"Content-Type": "text/a"}, b"a").environ.get("CONTENT_TYPE"),
        "type",
    ),
    Fault("variable-twice", FASTCGI, _add("include /etc/nginx/fastcgi_params;"), "SCRIPT_NAME", fine),
    Fault(
        "path-info-missing",
        FASTCGI,
        (*_without("PATH_INFO"), *_without("SCRIPT_NAME"), *_add("fastcgi_param SCRIPT_NAME $fastcgi_script_name;")),
        "fastcgi_pass",
        fine,
    ),
    Fault(
        "path-missing",
        FASTCGI,
        (*_without("PATH_INFO"), *_without("REQUEST_URI")),
        "fastcgi_pass",
        lambda visit: visit("/page").status != 200 or visit("/page").environ["PATH_INFO"] != "/page",
    ),
    Fault("mount-twice", FASTCGI, ((r'SCRIPT_NAME +"";', "SCRIPT_NAME /app;"),), "fastcgi_pass", fine),
    Fault(
        "path-split",
        FASTCGI,
        (("PATH_INFO +[$]document_uri", "PATH_INFO $fastcgi_path_info"),),
        "PATH_INFO",
        fine,
        "none",
    ),
    Fault(
        "path-split",
        FASTCGI,
        (
            ("PATH_INFO +[$]document_uri", "PATH_INFO $fastcgi_path_info"),
            *_add("fastcgi_split_path_info ^(/app)(.*)$;"),
        ),
        "fastcgi_split",
        fine,
        "loose",
    ),
    Fault(
        "path-split",
        FASTCGI,
        (
            ("PATH_INFO +[$]document_uri", "PATH_INFO $fastcgi_path_info"),
            *_add(r"fastcgi_split_path_info ^(.+\\.php)(/.+)$;"),
        ),
        "fastcgi_split",
        fine,
        "php",
    ),
    Fault("try-files-404", FASTCGI, _add("try_files $uri =404;"), "try_files", status(404)),
    Fault("location-internal", FASTCGI, _add("internal;"), "internal", status(404)),
    Fault("path-split", FASTCGI, _add("fastcgi_split_path_info ^()(/.*)$;"), "fastcgi_split", fine, "unused"),
    Fault("httpoxy-header", FASTCGI, _without("HTTP_PROXY"), "fastcgi_pass", fine),
    Fault(
        "authorization-lost",
        FASTCGI,
        _add("fastcgi_pass_request_headers off;"),
        "fastcgi_pass_request_headers",
        told("HTTP_AUTHORIZATION", None, headers=TOKEN),
    ),
    Fault(
        "authorization-lost",
        HTTP,
        _add('proxy_set_header Authorization "";'),
        "proxy_pass",
        told("HTTP_AUTHORIZATION", None, headers=TOKEN),
    ),
    Fault("body-dropped", FASTCGI, _add("fastcgi_pass_request_body off;"), "fastcgi_pass_request_body", fine),
    Fault(
        "body-limit",
        FASTCGI,
        (("client_max_body_size 100m;", ""),),
        "server {",
        status(413, body=b"x" * (MIB + 1)),
        "default",
    ),
    Fault(
        "body-limit",
        HTTP,
        (("client_max_body_size 100m;", "client_max_body_size 1k;"),),
        "client_max_body_size",
        status(413, body=b"x" * 2000),
    ),
    Fault(
        "stream-buffered", FASTCGI, _add("fastcgi_ignore_headers X-Accel-Buffering;"), "fastcgi_ignore_headers", fine
    ),
    Fault("keepalive-unused", FASTCGI, (("fastcgi_keep_conn on;", ""),), "fastcgi_pass", fine),
    Fault("keepalive-unused", HTTP, (("proxy_http_version 1.1;", ""),), "proxy_pass", fine),
    Fault(
        "keepalive-longer", FASTCGI, (("keepalive_timeout 60s;", "keepalive_timeout 2m;"),), "keepalive_timeout", fine
    ),
    Fault(
        "timeout-short",
        FASTCGI,
        (("(?m)fastcgi_read_timeout.*$", "fastcgi_read_timeout 100ms;"),),
        "fastcgi_read_timeout",
        fine,
    ),
    Fault(
        "alias-traversal",
        FASTCGI,
        (("location .*/static/ ", "location /static "),),
        "location /static",
        status(200, "/static../secret.txt"),
    ),
    Fault("alias-slash", FASTCGI, (("static/;", "static;"),), "alias", status(404, "/static/style.css")),
    Fault("mount-wide", FASTCGI, (("location / {", "location /app {"),), "location /app", status(200, "/apple")),
    Fault(
        "host-lost",
        HTTP,
        ((r"(?m)^ *proxy_set_header +Host .*$", ""),),
        "proxy_pass",
        lambda visit: visit("/page").environ["HTTP_HOST"].endswith("_app"),
    ),
    Fault(
        "url-changed",
        HTTP,
        (("proxy_pass http://example_app;", "proxy_pass http://example_app/;"),),
        "proxy_pass",
        fine,
    ),
    Fault(
        "https-unseen",
        HTTP,
        (
            ("listen 80;", "listen 80; listen 127.0.0.1:{tls} ssl; ssl_certificate {crt}; ssl_certificate_key {key};"),
            (r"(?m)^ *proxy_set_header +X-Forwarded-Proto .*$", ""),
        ),
        "proxy_pass",
        fine,
    ),
)

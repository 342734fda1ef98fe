"""The faults in configurations of Caddy; see ``sitefaults``."""

from __future__ import annotations

from tests.live.sitefaults import STOPS, Fault, Seen, Visit, fine, status, told

SITE = "caddy/Caddyfile"
TOKEN = {"Authorization": "Bearer token"}

_TRANSPORT = r"(?s)\t*transport fastcgi \{.*?\n\t+\}\n"
TO_HTTP = (
    (_TRANSPORT, "transport http {\nkeepalive 60s\n}\n"),
    ("app[.]fastcgi", "app.http"),
)
_PROXY = r"reverse_proxy unix//\S+ \{"
#: The whole of reverse_proxy, with the two braces behind it: of handle, and of route.
_WHOLE = r"(?s)reverse_proxy unix//.*\}\s*\}\s*\}\s*\Z"


def _in_proxy(line: str) -> tuple[tuple[str, str], ...]:
    return ((f"({_PROXY})", rf"\1\n{line}"),)


def _in_transport(line: str) -> tuple[tuple[str, str], ...]:
    return ((r"(transport fastcgi \{)", rf"\1\n{line}"),)


def _proxy(line: str) -> tuple[tuple[str, str], ...]:
    """Another reverse_proxy, with all that is in its block."""
    return ((_PROXY, line),)


def empty(target: str) -> Seen:
    """Nobody answers: the page is empty, and its status is 200."""
    return lambda visit: visit(target).status == 200 and not visit(target).body


def unmeasured(visit: Visit) -> bool:
    """A chunked upload arrives without a length."""
    return visit("/", body=iter([b"a"]), chunked=True).environ.get("CONTENT_LENGTH", "") in ("", "-1")


CADDY = (
    Fault("protocol-other", SITE, ((_TRANSPORT, ""),), "reverse_proxy", status(502), "http"),
    Fault("protocol-other", SITE, (("app[.]fastcgi", "app.http"),), "reverse_proxy", status(502), "fastcgi"),
    Fault("socket-absent", SITE, (("app[.]fastcgi", "ap.fastcgi"),), "reverse_proxy", status(502)),
    Fault("socket-stale", SITE, (("app[.]fastcgi", "stale"),), "reverse_proxy", status(502)),
    Fault("socket-is-file", SITE, (("app[.]fastcgi", "file"),), "reverse_proxy", status(502)),
    Fault("socket-mode", SITE, (("app[.]fastcgi", "closed"),), "reverse_proxy", status(502)),
    Fault("socket-directory", SITE, (("app[.]fastcgi", "private/app"),), "reverse_proxy", status(502)),
    Fault("port-closed", SITE, _proxy("reverse_proxy 127.0.0.1:1 {"), "127.0.0.1:1", status(502)),
    Fault("port-elsewhere", SITE, _proxy("reverse_proxy 127.0.0.2:{tcp} {"), "127.0.0.2", status(502)),
    Fault("pass-address", SITE, (("unix//", "unix:/"),), "reverse_proxy", status(502), "as-nginx"),
    Fault("pass-address", SITE, (("unix//", "unix/"),), "reverse_proxy", status(502), "relative"),
    Fault("pass-address", SITE, (("proxy unix//", "proxy /"),), "reverse_proxy", empty("/page"), "path"),
    Fault("pass-address", SITE, _proxy("reverse_proxy http://127.0.0.1:{tcp}/app {"), "/app {", STOPS, "url"),
    Fault("pass-address", SITE, _proxy("reverse_proxy 127.0.0.1:{tcp}; {"), "reverse_proxy", status(502), "semicolon"),
    Fault("module-missing", SITE, ((_TRANSPORT, "transport uwsgi\n"),), "transport uwsgi", STOPS),
    Fault("config-syntax", SITE, ((r"\}\s*\Z", "b.org {\n}\n"),), "{", STOPS, "open"),
    Fault("config-syntax", SITE, (("transport fastcgi {", "transport fastcgi{"),), "fastcgi{", STOPS, "space"),
    Fault("config-syntax", SITE, ((r"\Z", "http://:{tls} {\n}\nhttp://:{tls} {\n}\n"),), "http://", STOPS, "two-sites"),
    Fault("config-syntax", SITE, ((_TRANSPORT, "transport fastcgi { capture_stderr }\n"),), "{ capture", STOPS, "line"),
    Fault("config-syntax", SITE, _in_proxy("env SCRIPT_NAME /app"), "env", STOPS, "env"),
    Fault("config-syntax", SITE, ((_WHOLE, "proxy / 127.0.0.1:{http}\n}\n}\n}\n"),), "proxy /", STOPS, "old"),
    Fault("config-include", SITE, _in_proxy("import nothing.caddyfile"), "import", STOPS),
    Fault("try-files-404", SITE, ((_WHOLE, "php_fastcgi 127.0.0.1:{tcp}\n}\n}\n}\n"),), "php_fastcgi", empty("/page")),
    Fault("matcher-exact", SITE, _proxy("reverse_proxy / unix/{run}/app.fastcgi {"), "reverse_proxy /", empty("/page")),
    Fault("matcher-exact", SITE, (("handle {", "handle /app {"),), "handle /app", empty("/app/page"), "handle"),
    Fault("mount-wide", SITE, (("handle {", "handle /app* {"),), "handle /app", status(200, "/apple")),
    Fault(
        "mount-lost", SITE, (("handle {", "handle_path /app/* {"), *TO_HTTP),
        "handle_path", told("SCRIPT_NAME", "", "/app/page"),
    ),
    Fault("path-info-missing", SITE, _in_transport("split .php"), "split", fine),
    Fault("mount-twice", SITE, (("handle {", "handle /app/* {"), *_in_transport("env SCRIPT_NAME /app")), "env", fine),
    Fault("path-split", SITE, _in_transport("env PATH_INFO {uri}"), "env PATH_INFO", fine),
    Fault(
        "pass-order", SITE,
        ((r"(?s)\troute \{\n.*handle \{\n", "\tfile_server /static/*\n"), (r"\}\s*\}\s*\Z", "")),
        "file_server /static", status(200, "/static/no.css"), "sorted",
    ),
    Fault("pass-order", SITE, (("handle @example_static1 {", "handle {"),), "handle", status(404), "route"),
    Fault("static-path", SITE, (('(?m)^.*strip_prefix "/static".*$', ""),), "root", status(404, "/static/style.css")),
    Fault("root-matcher", SITE, ((r"\A((?:.*\n)*?)\troot \* ", r"\1\troot "),), "root /", STOPS),
    Fault("body-limit", SITE, (("max_size 104857600", "max_size 1KB"),), "max_size", status(413, body=b"x" * 2000)),
    Fault(
        "body-limit", SITE, (("max_size 104857600", "max_size 1KB"), *TO_HTTP), "max_size",
        lambda visit: visit("/", body=b"x" * 2000).status >= 400, "http",
    ),
    Fault("body-unmeasured", SITE, (), "reverse_proxy", unmeasured),
    Fault("stream-buffered", SITE, (("flush_interval -1", ""),), "reverse_proxy", fine),
    Fault("timeout-short", SITE, (("read_timeout 60s", "read_timeout 500ms"),), "read_timeout", fine),
    Fault("keepalive-longer", SITE, (*TO_HTTP, ("keepalive 60s", "keepalive 2m")), "keepalive", fine),
    Fault(
        "host-lost", SITE, (*_in_proxy("header_up Host {upstream_hostport}"), *TO_HTTP), "header_up",
        lambda visit: visit("/page").environ.get("HTTP_HOST") != "example.org",
    ),
    Fault(
        "https-unseen", SITE, (*_in_proxy("header_up -X-Forwarded-Proto"), *TO_HTTP), "header_up",
        fine,
    ),
    Fault(
        "https-unseen", SITE, (), "reverse_proxy",
        told("HTTP_X_FORWARDED_PROTO", None, headers={"X-Forwarded-Proto": "https"}), "behind",
    ),
    Fault(
        "authorization-lost", SITE, _in_proxy("header_up -Authorization"), "header_up",
        told("HTTP_AUTHORIZATION", None, headers=TOKEN),
    ),
)  # fmt: skip

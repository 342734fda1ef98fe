"""The faults in configurations of h2o; see ``sitefaults``."""

from __future__ import annotations

from tests.live.sitefaults import STOPS, Fault, Visit, fine, status, told

FASTCGI = "h2o/fastcgi.conf"

_CONNECT = r"fastcgi.connect:\n *port: (\S+)\n *type: unix"
_TIMEOUT = r"( *)(fastcgi.timeout.io: .*)"
_Changes = tuple[tuple[str, str], ...]


def _instead(line: str) -> _Changes:
    """Another backend."""
    return ((_CONNECT, line),)


def _behind(line: str) -> _Changes:
    """A line more where requests are handed on."""
    return ((_TIMEOUT, rf"\1\2\n\1{line}"),)


def _above(line: str) -> _Changes:
    """A line more at the top."""
    return (("(?m)^hosts:", f"{line}\nhosts:"),)


HTTP = _instead('proxy.reverse.url: "http://127.0.0.1:{http}/"')
WITH_HOST = (*HTTP, *_behind("proxy.preserve-host: ON"))


def _at(path: str, changes: _Changes = ()) -> _Changes:
    """Mounted there."""
    return (*changes, ('"/":', f'"{path}":'))


def bad(visit: Visit) -> bool:
    """h2o says that it gets no answer."""
    return visit("/page").status >= 500


def cut(visit: Visit) -> bool:
    """What comes after a pause does not arrive."""
    return b"last" not in visit("/page", {"Gateways-Probe": "stream 2"}).body


def at_another(visit: Visit) -> bool:
    """The first host answers in the place of the second."""
    return visit("/page", {"Host": f"example.org:{visit.port}"}).status == 404


def another_host(visit: Visit) -> bool:
    """The application is told of another host."""
    return visit("/page").environ["HTTP_HOST"] != "example.org"


H2O = (
    Fault("protocol-other", FASTCGI, (("app[.]fastcgi", "app.http"),), "port:", bad),
    Fault(
        "protocol-other",
        FASTCGI,
        _instead('proxy.reverse.url: "http://127.0.0.1:{tcp}/"'),
        "proxy.reverse.url",
        bad,
        "http-to-fastcgi",
    ),
    Fault("socket-absent", FASTCGI, (("app[.]fastcgi", "ap.fastcgi"),), "port:", bad),
    Fault("socket-stale", FASTCGI, (("app[.]fastcgi", "stale"),), "port:", bad),
    Fault("socket-mode", FASTCGI, (("app[.]fastcgi", "closed"),), "port:", bad),
    Fault("socket-directory", FASTCGI, (("app[.]fastcgi", "private/app"),), "port:", bad),
    Fault("socket-is-file", FASTCGI, (("app[.]fastcgi", "file"),), "port:", bad),
    Fault("port-closed", FASTCGI, _instead("fastcgi.connect: 1"), "fastcgi.connect", bad),
    Fault("pass-address", FASTCGI, ((r"\n *type: unix", ""),), "port:", STOPS, "no-type"),
    Fault("pass-address", FASTCGI, _instead(r"fastcgi.connect: \1"), "fastcgi.connect", STOPS, "path-alone"),
    Fault(
        "pass-address", FASTCGI, _instead("fastcgi.connect: 127.0.0.1:{tcp}"), "fastcgi.connect", bad, "host-and-port"
    ),
    Fault("pass-address", FASTCGI, ((r"port: /\S+", "port: {tcp}"),), "port:", bad, "port-of-a-socket"),
    Fault("pass-address", FASTCGI, _instead("proxy.reverse.url: 127.0.0.1:{http}"), "proxy", STOPS, "no-scheme"),
    Fault("pass-address", FASTCGI, _instead(r"proxy.reverse.url: http://unix:\1"), "proxy", STOPS, "no-brackets"),
    Fault(
        "pass-order",
        FASTCGI,
        (('(?s)(file.dir: .*?/static"\n)(.*)( {8}fastcgi.timeout)', r"\1\2        \1\3"),),
        "file.dir",
        told("PATH_INFO", "/style.css", "/style.css"),
        "files-behind",
    ),
    Fault(
        "pass-order",
        FASTCGI,
        ((_CONNECT, r"redirect: /other\n        fastcgi.connect: { port: \1, type: unix }"),),
        "fastcgi.connect",
        status(302),
        "redirect-before",
    ),
    Fault(
        "path-split", FASTCGI, _at("/app"), "fastcgi.connect", told("PATH_INFO", "/app/page", "/app/page"), "mounted"
    ),
    Fault(
        "path-split",
        FASTCGI,
        _at("/app", WITH_HOST),
        "proxy.reverse.url",
        told("PATH_INFO", "/page", "/app/page"),
        "mount-lost",
    ),
    Fault("path-unmatched", FASTCGI, _at("app"), '"app":', status(404, "/app/page")),
    Fault("mount-narrow", FASTCGI, _at("/app/"), '"/app/":', status(404, "/app")),
    Fault(
        "body-limit",
        FASTCGI,
        (("limit-request-body: .*", "limit-request-body: 2000"),),
        "limit-request-body",
        status(413, body=b"x" * 3000),
    ),
    Fault(
        "body-limit",
        FASTCGI,
        (("limit-request-body: .*", "limit-request-body: 100M"),),
        "limit-request-body",
        status(413, body=b"x" * 3000),
        "unit",
    ),
    Fault("timeout-short", FASTCGI, (("timeout.io: .*", "timeout.io: 60"),), "fastcgi.timeout.io", cut),
    Fault("keepalive-crash", FASTCGI, _behind("fastcgi.timeout.keepalive: 5000"), "fastcgi.timeout.keepalive", fine),
    Fault(
        "host-port",
        FASTCGI,
        (('  "example.org":', '  "other.org":\n    paths: {}\n  "example.org":'),),
        '"example.org"',
        at_another,
    ),
    Fault("host-lost", FASTCGI, HTTP, "proxy.reverse.url", another_host),
    Fault(
        "https-unseen",
        FASTCGI,
        (*WITH_HOST, *_above("proxy.emit-x-forwarded-headers: OFF")),
        "proxy.emit",
        fine,
    ),
    Fault(
        "keepalive-longer",
        FASTCGI,
        (*WITH_HOST, *_behind("proxy.timeout.keepalive: 80000")),
        "proxy.timeout.keepalive",
        fine,
    ),
    Fault("alias-absent", FASTCGI, (('/static"\n', '/statik"\n'),), "file.dir", status(404, "/static/style.css")),
    Fault(
        "script-absent",
        FASTCGI,
        (*_instead('fastcgi.spawn: "exec /srv/nothing.fcgi"'), ("timeout.io: .*", "timeout.io: 300")),
        "fastcgi.spawn",
        bad,
    ),
    Fault("config-syntax", FASTCGI, (("  paths:", "\tpaths:"),), "paths:", STOPS, "tab"),
    Fault("config-syntax", FASTCGI, (('"example.org":', '"example.org"'),), "paths:", STOPS, "no-colon"),
    Fault("config-syntax", FASTCGI, (("pid-file: ", "pid-file:"),), "pid-file", STOPS, "no-space"),
    Fault("config-syntax", FASTCGI, (("file.dir: ", "file.dir:"),), '"/static/"', STOPS, "no-space-below"),
    Fault("config-syntax", FASTCGI, (('"example.org":', "*.example.org:"),), "*.example.org", STOPS, "star"),
    Fault("config-syntax", FASTCGI, (("listen:\n *port: 80\n", ""),), '"example.org"', STOPS, "no-listen"),
    Fault(
        "config-syntax",
        FASTCGI,
        ((r" {4}paths:\n(?s:.*)\n\n", "    access-log: off\n\n"),),
        '"example.org"',
        STOPS,
        "no-paths",
    ),
    Fault("config-syntax", FASTCGI, _above("fastcgi.connect: 9000"), "fastcgi.connect", STOPS, "level"),
    Fault("config-syntax", FASTCGI, _behind("fastcgi.document_root: srv"), "document_root", STOPS, "document-root"),
    Fault("config-include", FASTCGI, (("paths:", "paths: !file absent.conf\n    access-log:"),), "!file", STOPS),
)

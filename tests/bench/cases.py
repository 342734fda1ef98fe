"""The cases: which backends are measured under which load, and to whom they are compared."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench import cgi, peers
from tests.bench.backends import HTTP, KEPT, NEW, SCGI, UWSGI, Backend, ours
from tests.bench.direct import Direct, Idle
from tests.bench.model import Case, Load, Row
from tests.bench.stage import FILE_SIZE, MIB, afresh, behind_nginx
from tests.bench.transfer import Transfer
from tests.bench.wrk import HEADERS, SlowAndQuick, Wrk

CONNECTIONS = 16
IDLE_CONNECTIONS = 10_000

#: What ``--quick`` measures of ``hello``.
_QUICK = ("c1", "c8", "pure1", "c1-uwsgi", "uwsgi", "uwsgi-fastcgi", "uwsgi-scgi", "libfcgi-new", "gunicorn", "flup")


def rows(backends: Sequence[Backend], load: Load, variant: str = "", quick: Sequence[str] = ()) -> tuple[Row, ...]:
    """The backends under one load."""
    return tuple(Row(backend, load, variant, backend.id in quick) for backend in backends)


def every() -> dict[str, Case]:
    """All cases by their name, in the order they are measured."""
    made = [
        *(hello(), one(), threads(), new(), scgi(), http(), direct(), slow(), large()),
        *(headers(), frameworks(), imports(), plain_cgi(), idle()),
    ]
    return {case.name: case for case in made}


def hello() -> Case:
    backends = [
        *(ours(), ours(threads=8), ours(threads=8, access_log=True), ours(c=False), ours(c=False, threads=8)),
        *(ours(UWSGI), ours(UWSGI, c=False)),
        *(peers.uwsgi(), peers.uwsgi(NEW), peers.uwsgi(SCGI), peers.gunicorn(), peers.flup(), peers.flipflop()),
        # Kept, it serves one of the 16 connections and lets the others wait: see the case "one".
        *(peers.libfcgi(NEW), peers.php(NEW), peers.waitress(), peers.granian()),
    ]
    title = f"Hello world, {CONNECTIONS} connections"
    references = ("uwsgi", "libfcgi-new", "flup", "gunicorn")
    return Case("hello", title, rows(backends, Wrk(CONNECTIONS), quick=_QUICK), behind_nginx, references)


def one() -> Case:
    backends = [ours(), ours(c=False), peers.libfcgi(KEPT), peers.php(KEPT), peers.uwsgi()]
    title = "Hello world, one connection: wake-ups rule"
    return Case("one", title, rows(backends, Wrk(1)), behind_nginx, ("libfcgi", "uwsgi"))


def threads() -> Case:
    backends = [ours(), ours(threads=8), ours(c=False), ours(c=False, threads=8)]
    title = f"Our threads: 8 beside 1, {CONNECTIONS} connections"
    return Case("threads", title, rows(backends, Wrk(CONNECTIONS)), behind_nginx, ("c1", "pure1"))


def new() -> Case:
    backends = [ours(NEW), ours(NEW, threads=8), ours(NEW, c=False)]
    backends += [peers.uwsgi(NEW), peers.libfcgi(NEW), peers.php(NEW), peers.flup(NEW)]
    title = f"FastCGI, a new connection for each request, {CONNECTIONS} at a time"
    references = ("uwsgi-fastcgi", "libfcgi-new", "flup-new")
    return Case("new", title, rows(backends, Wrk(CONNECTIONS)), behind_nginx, references)


def scgi() -> Case:
    backends = [ours(SCGI), ours(SCGI, threads=8), ours(SCGI, c=False), peers.uwsgi(SCGI)]
    return Case(
        "scgi", f"SCGI, {CONNECTIONS} connections", rows(backends, Wrk(CONNECTIONS)), behind_nginx, ("uwsgi-scgi",)
    )


def http() -> Case:
    backends = [ours(HTTP), ours(HTTP, threads=8), ours(HTTP, c=False), ours(UWSGI), ours(UWSGI, c=False)]
    backends += [peers.uwsgi(HTTP), peers.uwsgi(), peers.gunicorn(HTTP), peers.gunicorn(HTTP, threads=8)]
    backends += [peers.gunicorn(), peers.waitress(), peers.granian()]
    references = ("uwsgi", "uwsgi-http", "gunicorn-gthread", "granian")
    title = f"HTTP, and the uwsgi protocol beside it, {CONNECTIONS} connections"
    return Case("http", title, rows(backends, Wrk(CONNECTIONS)), behind_nginx, references)


def direct() -> Case:
    # flup and flipflop start too few threads for 16 connections that come at once, and leave the rest without an answer
    # until one of the others closes; libfcgi serves one connection anyway.
    many = [ours(), ours(threads=8), ours(c=False)]
    single = [ours(), ours(c=False), peers.libfcgi(KEPT), peers.flup(), peers.flipflop()]
    measured = rows(many, Direct(CONNECTIONS), f"{CONNECTIONS} connections") + rows(single, Direct(1), "1 connection")
    title = "FastCGI on kept connections from our own client, no web server between"
    return Case("direct", title, measured, behind_nginx, ("flup", "libfcgi"))


def slow() -> Case:
    count = 8
    backends = [
        ours(threads=count, app="mixed"),
        ours(c=False, threads=count, app="mixed"),
        peers.uwsgi(threads=count, app="mixed"),
    ]
    title = f"{count} threads, half of the requests sleep 50 ms"
    return Case("slow", title, rows(backends, SlowAndQuick(count)), behind_nginx, ("uwsgi",), ratio="share")


def large() -> Case:
    loads = {
        "response of 1 MiB": Transfer("1MiB", MIB),
        "response of 100 MiB": Transfer("100MiB", FILE_SIZE),
        "upload of 100 MiB": Transfer("upload", FILE_SIZE, upload=True),
        "file of 100 MiB": Transfer("file", FILE_SIZE),
    }
    backends = [ours(app="mixed"), ours(SCGI, app="mixed"), ours(c=False, app="mixed")]
    backends += [peers.uwsgi(app="mixed"), peers.uwsgi(NEW, app="mixed")]
    measured = tuple(row for variant, load in loads.items() for row in rows(backends, load, variant))
    return Case(
        "large", "Large responses and uploads, one at a time", measured, behind_nginx, ("uwsgi",), ratio="throughput"
    )


def headers() -> Case:
    backends = [ours(), ours(c=False), peers.uwsgi(), peers.libfcgi(NEW), peers.gunicorn(), peers.flup()]
    title = f"Hello world, {len(HEADERS)} headers of a browser and its proxies, a cookie of 4 KiB among them"
    load = Wrk(CONNECTIONS, HEADERS)
    return Case("headers", title, rows(backends, load), behind_nginx, ("uwsgi", "libfcgi-new", "flup", "gunicorn"))


def frameworks() -> Case:
    measured: tuple[Row, ...] = ()
    for variant, app in (("Flask", "flask_hello"), ("Django", "django_hello")):
        backends = [ours(app=app), ours(c=False, app=app), peers.uwsgi(app=app)]
        measured += rows(backends, Wrk(CONNECTIONS), variant)
    return Case("frameworks", "Hello world of a framework", measured, behind_nginx, ("uwsgi",))


def imports() -> Case:
    title = "Plain CGI: what importing the gateway adds to a bare interpreter"
    return Case("import", title, rows(cgi.gateways(), cgi.imports), cgi.alone, ("wsgiref",), ratio="import")


def plain_cgi() -> Case:
    title = "Plain CGI: a Flask hello over Apache's mod_cgid, a process for each request"
    backends = [*cgi.gateways(), *cgi.resident()]
    return Case("cgi", title, rows(backends, cgi.flask_hello), cgi.on_apache, ("wsgiref",), ratio="p50")


def idle() -> Case:
    backends = [ours(), ours(threads=8), ours(c=False)]
    title = f"{IDLE_CONNECTIONS:,} idle kept connections"
    return Case("idle", title, rows(backends, Idle(IDLE_CONNECTIONS)), afresh, ratio="each")

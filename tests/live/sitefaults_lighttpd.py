"""The faults in configurations of lighttpd; see ``sitefaults``."""

from __future__ import annotations

from tests.live.sitefaults import STOPS, Fault, Visit, fine, status

FASTCGI, SCGI, AJP, HTTP, SPAWNED = (
    f"lighttpd/{name}.conf" for name in ("fastcgi", "scgi", "ajp13", "http", "fastcgi-spawned")
)


def _add(line: str) -> tuple[tuple[str, str], ...]:
    return ((r"\Z", f"{line}\n"),)


TO_SCGI = (("fastcgi[.]server", "scgi.server"), ("mod_fastcgi", "mod_scgi"))


def broken(visit: Visit) -> bool:
    """It does not work."""
    return visit("/page").status != 200


LIGHTTPD = (
    Fault("protocol-other", FASTCGI, TO_SCGI, '"socket"', status(500)),
    Fault("protocol-other", HTTP, (("app[.]http", "app.fastcgi"),), '"socket"', lambda visit: visit("/").status >= 500),
    Fault("socket-absent", FASTCGI, (("app[.]fastcgi", "ap.fastcgi"),), '"socket"', status(503)),
    Fault("socket-stale", FASTCGI, (("app[.]fastcgi", "stale"),), '"socket"', status(503)),
    Fault("socket-mode", FASTCGI, (("app[.]fastcgi", "closed"),), '"socket"', lambda visit: visit("/").status >= 500),
    Fault("port-closed", SCGI, ((r'"port" +=> \d+', '"port" => 1'),), '"host"', status(503, "/app")),
    Fault("check-local", FASTCGI, (('(?m)^ *"check-local".*$', ""),), '"socket"', status(404)),
    Fault("path-split", FASTCGI, (('(?m)^ *"fix-root-scriptname".*$', ""),), '"socket"', fine),
    Fault("path-split", AJP, ((r'ajp13.server = \( ""', 'ajp13.server = ( "/"'),), '"host"', fine, "ajp"),
    Fault("module-missing", FASTCGI, ((', "mod_fastcgi"', ""),), '"socket"', broken),
    Fault("config-syntax", FASTCGI, ((r"\)\)\s*\n( *server.stream)", r")\n\1"),), "", STOPS),
    Fault("stream-buffered", FASTCGI, (("(?m)^ *server.stream-response-body.*$", ""),), '"socket"', fine),
    Fault(
        "body-unmeasured",
        FASTCGI,
        _add("server.stream-request-body = 1"),
        "server.stream-request-body",
        lambda visit: visit.begun_without_a_length() == 411,
    ),
    Fault(
        "body-limit",
        FASTCGI,
        (("server.max-request-size = .*", "server.max-request-size = 2"),),
        "server.max-request-size",
        status(413, body=b"x" * (3 * 1024)),
    ),
    Fault("path-not-utf8", FASTCGI, (("(?m)^server.http-parseopts.*$", ""),), '"socket"', status(400, "/%FF")),
    Fault("alias-slash", FASTCGI, (('static/" \\)', 'static" )'),), "alias.url", status(404, "/static/style.css")),
    Fault("script-absent", SPAWNED, (("app.fcgi", "nothing.fcgi"),), '"bin-path"', STOPS),
)

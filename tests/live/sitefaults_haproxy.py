"""The faults in configurations of HAProxy; see ``sitefaults``."""

from __future__ import annotations

import http.client
import ssl
from contextlib import closing
from time import monotonic

from tests.live.answers import ask
from tests.live.site import PATIENCE
from tests.live.sitefaults import STOPS, TOKEN, Fault, Visit, fine, status, told
from tests.support.serving import until

FASTCGI = "haproxy/fastcgi.cfg"
SERVER = r"server app 127\.0\.0\.1:\d+ proto fcgi"
#: The file for a backend that speaks HTTP.
TO_HTTP = ((r"(?m)^ *use-fcgi-app example\n", ""), (SERVER, "server app 127.0.0.1:{http}"))
#: It usually tries three times, a second apart.
AT_ONCE = ("(?m)^    mode http$", "    mode http\n    retries 0")
TO_FASTCGI = (SERVER, "server app 127.0.0.1:{tcp}")


def _in_backend(lines: str) -> tuple[tuple[str, str], ...]:
    return ((r"(?m)^    use-fcgi-app", f"{lines}\n    use-fcgi-app"),)


def _in_frontend(lines: str) -> tuple[tuple[str, str], ...]:
    return ((r"(?m)^    default_backend", f"{lines}\n    default_backend"),)


def _in_application(lines: str) -> tuple[tuple[str, str], ...]:
    return ((r"(?m)^    docroot", f"{lines}\n    docroot"),)


def _server(address: str, more: str = "") -> tuple[tuple[str, str], ...]:
    return ((SERVER, f"server app {address} proto fcgi{more}"),)


def dead(visit: Visit) -> bool:
    """The health check fails, and nobody is left to answer."""
    until(lambda: visit("/page").status == 503)
    return True


def taken_for_plain(visit: Visit) -> bool:
    """A client comes by https, and the application sees http."""
    connection = http.client.HTTPSConnection("127.0.0.1", visit.port, timeout=PATIENCE, context=_trusting())
    answer = ask(connection, "GET", "/page", headers={"Host": "example.org", "Gateways-Probe": "echo"})
    return bool(answer.environ["wsgi.url_scheme"] == "http")


def _trusting() -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def cut_off(visit: Visit) -> bool:
    """A page that takes a while does not come to its end."""
    try:
        return visit("/page", {"Gateways-Probe": "stream 2"}).status == 504
    except http.client.IncompleteRead:
        return True


def one_at_a_time(visit: Visit) -> bool:
    """A page waits for another, which has begun and takes its time."""
    until(lambda: _seconds_behind_a_slow_page(visit) > 1)
    return True


def _seconds_behind_a_slow_page(visit: Visit) -> float:
    slow = http.client.HTTPConnection("127.0.0.1", visit.port, timeout=PATIENCE)
    with closing(slow):
        slow.request("GET", "/slow", headers={"Host": "example.org", "Gateways-Probe": "stream 2"})
        response = slow.getresponse()
        begun = monotonic()
        assert visit("/quick").status == 200
        took = monotonic() - begun
        response.read()
        return took


HAPROXY = (
    Fault("protocol-other", FASTCGI, _server("127.0.0.1:{http}"), "server app", lambda visit: visit("/").status >= 500),
    Fault("protocol-other", FASTCGI, (TO_HTTP[0], TO_FASTCGI), "server app", status(502), "http"),
    Fault("port-closed", FASTCGI, (*_server("127.0.0.1:1"), AT_ONCE), "server app", status(503)),
    Fault("port-elsewhere", FASTCGI, (*_server("127.0.0.2:{tcp}"), AT_ONCE), "server app", status(503)),
    Fault("socket-absent", FASTCGI, _server("{run}/ap.fastcgi"), "server app", status(503)),
    Fault("socket-stale", FASTCGI, _server("{run}/stale"), "server app", status(503)),
    Fault("socket-mode", FASTCGI, _server("{run}/closed"), "server app", status(503)),
    Fault("socket-directory", FASTCGI, _server("{run}/private/app"), "server app", status(503)),
    Fault("pass-address", FASTCGI, _server("unix:{run}/app.fastcgi"), "server app", STOPS, "prefix"),
    Fault("pass-address", FASTCGI, _server("http://127.0.0.1:{tcp}"), "server app", STOPS, "url"),
    Fault("pass-address", FASTCGI, _server("127.0.0.1"), "server app", lambda visit: visit("/").status >= 500, "port"),
    Fault("pass-address", FASTCGI, _server("abns@app"), "server app", status(503), "abstract"),
    Fault("name-absent", FASTCGI, (("default_backend example_app", "default_backend example"),), "default_b", STOPS),
    Fault("name-absent", FASTCGI, (("use-fcgi-app example", "use-fcgi-app exmple"),), "use-fcgi-app", STOPS, "app"),
    Fault("name-absent", FASTCGI, _in_frontend("    http-request deny if bots"), "http-request deny", STOPS, "acl"),
    Fault("route-absent", FASTCGI, ((r"(?m)^    default_backend.*$", ""),), "frontend", status(503)),
    Fault(
        "pass-order",
        FASTCGI,
        (*_in_frontend("    use_backend none if { path_beg / }\n    use_backend example_app if { path_beg /page/ }"),
         ("\nbackend example_app\n", "\nbackend none\n    http-request deny deny_status 404\n\nbackend example_app\n")),
        "path_beg /page/",
        status(404, "/page/1"),
    ),
    Fault(
        "mount-wide",
        FASTCGI,
        ((r"(?m)^    default_backend example_app", "    use_backend example_app if { path_beg /app }"),
         (r"\^\(\)\(/\.\*\)\$", r"^(/app)(.*)$")),
        "use_backend",
        status(200, "/apple"),
    ),
    Fault("config-syntax", FASTCGI, (("    mode http\n", ""),), "use-fcgi-app", STOPS, "mode"),
    Fault("config-syntax", FASTCGI, ((" proto fcgi", ""),), "server app", STOPS, "proto"),
    Fault("config-syntax", FASTCGI, ((r"(?m)^    use-fcgi-app.*\n", ""),), "server app", STOPS, "application"),
    Fault("config-syntax", FASTCGI, ((r"(?m)^    docroot.*\n", ""),), "fcgi-app example", STOPS, "docroot"),
    Fault("config-syntax", FASTCGI, ((r"\n\Z", ""),), "log-stderr", STOPS, "cut"),
    Fault("config-syntax", FASTCGI, (("(?m)^    docroot .*$", "    docroot '/srv"),), "docroot", STOPS, "quote"),
    Fault("path-info-missing", FASTCGI, (("(?m)^    path-info.*$", ""),), "fcgi-app example", fine),
    Fault("path-split", FASTCGI, ((r"\^\(\)\(/\.\*\)\$", r"^(/.+\\.php)(/.*)?$"),), "path-info", fine, "php"),
    Fault(
        "path-split",
        FASTCGI,
        ((r"\^\(\)\(/\.\*\)\$", "^(/[^/]*)(/.*)?$"),),
        "path-info",
        told("SCRIPT_NAME", "/page", "/page/1"),
        "first",
    ),
    Fault(
        "authorization-lost",
        FASTCGI,
        (("(?m)^    pass-header Authorization$", ""),),
        "fcgi-app example",
        told("HTTP_AUTHORIZATION", None, headers=TOKEN),
    ),
    Fault(
        "authorization-lost",
        FASTCGI,
        (*_in_backend("    http-request del-header Authorization"), *TO_HTTP),
        "del-header",
        told("HTTP_AUTHORIZATION", None, headers=TOKEN),
        "http",
    ),
    Fault(
        "host-lost",
        FASTCGI,
        _in_backend("    http-request set-header Host backend.local"),
        "set-header Host",
        told("HTTP_HOST", "backend.local"),
    ),
    Fault("https-unseen", FASTCGI, (*TO_HTTP, ("bind :80", "bind :80 ssl crt {pem}")), "_app", taken_for_plain),
    Fault(
        "remote-address",
        FASTCGI,
        (*_in_backend("    source 127.0.0.5"), *TO_HTTP),
        "_app",
        told("REMOTE_ADDR", "127.0.0.5"),
    ),
    Fault(
        "body-unmeasured",
        FASTCGI,
        (),
        "use-fcgi-app",
        lambda visit: visit("/", body=iter([b"x" * 20000]), chunked=True).status == 400,
    ),
    Fault(
        "body-limit",
        FASTCGI,
        (("104857600", "2000"),),
        "http-request deny",
        status(413, body=b"x" * 3000),
    ),
    Fault(
        "timeout-short",
        FASTCGI,
        (("timeout server 60s", "timeout server 60 "),),
        "timeout server",
        cut_off,
    ),
    Fault("keepalive-unused", FASTCGI, _in_backend("    http-reuse never"), "option keep-conn", fine),
    Fault("keepalive-longer", FASTCGI, ((" proto fcgi", " proto fcgi pool-purge-delay 2m"),), "server app", fine),
    Fault("request-repeated", FASTCGI, _in_backend("    retry-on all-retryable-errors"), "retry-on", fine),
    Fault(
        "health-check",
        FASTCGI,
        (*_in_backend("    option httpchk GET / HTTP/1.1"), *TO_HTTP,
         (r"(server app \S+)", r"\1 check inter 50ms fall 1")),
        "option httpchk",
        dead,
        "host",
    ),
    Fault(
        "health-check",
        FASTCGI,
        (*_in_backend("    option httpchk GET /\n    http-check expect status 204"),
         (" proto fcgi", " proto fcgi check inter 50ms fall 1")),
        "http-check expect",
        dead,
    ),
    Fault(
        "multiplex-unsupported",
        FASTCGI,
        (*_in_backend("    http-reuse always"), *_in_application("    option mpxs-conns\n    option max-reqs 8"),
         ("(?m)^global$", "global\n    nbthread 1")),
        "option mpxs-conns",
        one_at_a_time,
    ),
)  # fmt: skip

"""With the probe behind the web server: do requests arrive as they were sent, and do responses come back so?"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from gateways.doctor import faults
from gateways.doctor.findings import ERROR, NOTE, OK, WARNING, Finding, declare
from gateways.doctor.live.anything import COOKIE, HEADERS, UPLOAD, judge_upload
from gateways.doctor.live.exchange import Answer, Site
from gateways.doctor.live.statuses import speaker
from gateways.doctor.probe import HEADER

PATH = declare("probe-path", ERROR, "A path does not arrive as the client wrote it.")
SLASHES = declare("probe-slashes", NOTE, "Two slashes in a path arrive as one: the web server merges them.")
MOUNT = declare(
    "probe-mount", WARNING, "The application is mounted below a path and does not know it: its links lead out of it."
)
QUERY = declare("probe-query", ERROR, "The query does not arrive as the client wrote it.")
LOST = declare("probe-header", ERROR, "A request header does not arrive as the client wrote it.")
COOKIES = declare("probe-cookies", ERROR, "Of several cookies of a response not all come back as they were set.")
METHOD = declare(
    "probe-method", WARNING, "A request method is refused before the application sees it, or arrives as another."
)
BODY = declare("probe-body", ERROR, "An upload arrives changed or cut.")
RESPONSE_HEADER = declare(
    "response-header", NOTE, "A response with more than 4 KB of headers is refused by the web server."
)
REMOTE = declare("remote-address", ERROR, "The application does not see the address of the client.")
FAILED = declare("probe-failed", ERROR, "A request of the examination was not answered as the one before.")
RIGHT = declare("probe-right", OK, "What was sent and came back as it should.")

#: Paths, and the code of what it means if they arrive otherwise.
_PATHS = {
    "/a/b": PATH, "/a%20b": PATH, "/caf%C3%A9": PATH, "/100%25": PATH, "/a%3Fb": PATH, "/a+b;c=d": PATH, "/%7Ea": PATH,
    "/a%2Fb": faults.ENCODED_SLASH, "/a//b": SLASHES, "/%FF%FE": faults.NOT_UTF8,
}  # fmt: skip
_QUERY = "a=1&b=%C3%A9&c=x%2Fy%26z;d=+&a=2"
_AUTHORIZATION = "Basic ZG9jdG9yOmdhdGV3YXlz"
_VALUE = 'words, "quoted"; a=b %41 +'
_METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")
#: More than nginx's fastcgi_buffer_size and its like have by default, bytes.
_RESPONSE_HEADER = 5000
#: Seconds between two pieces of a stream. The second, longer one decides: a busy machine may swallow the first.
_PAUSES = (1.0, 5.0)


def examine(site: Site, headers: dict[str, str]) -> Iterator[Finding]:
    """Yield what does not arrive, and at the end what does. ``headers`` make the probe answer."""
    wrong = 0
    for check in (_paths, _request, _bodies, _responses, _streams):
        try:
            for finding in check(site, headers):
                wrong += finding.severity in (ERROR, WARNING)
                yield finding
        except (OSError, http.client.HTTPException) as error:
            wrong += 1
            what = f"a request was not answered any more: {str(error) or type(error).__name__}"
            yield FAILED.found(site.url, what, "look into the error log of the web server")
    if not wrong:
        what = "paths, query, headers, methods, uploads and streams arrive as they were sent"
        yield RIGHT.found(site.url, what)


def _environ(answer: Answer) -> dict[str, Any] | None:
    """Return what the probe has seen of a request, or None if it was not the probe that answered."""
    if answer.status != 200 or not answer.header(HEADER):
        return None
    told: dict[str, Any] = json.loads(answer.body)
    return told


def _refused(answer: Answer) -> str:
    return f"is answered {answer} by {speaker(answer) or answer.header('Server') or 'the web server'}"


def _paths(site: Site, headers: dict[str, str]) -> Iterator[Finding]:
    for path, code in _PATHS.items():
        answer = site.ask("GET", path, headers)
        told = _environ(answer)
        wanted = unquote_to_bytes(site.path + path).decode("latin-1")
        remedy = _PATH_REMEDIES.get(code.name, "gateways doctor the configuration of the web server; see its PATH_INFO")
        if told is None:
            yield code.found(site.url, f"the path {path} {_refused(answer)}", remedy)
            continue
        environ = told["environ"]
        name, info = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
        if name + info != wanted:
            what = f"the path {site.path}{path} arrives as SCRIPT_NAME {name!r} and PATH_INFO {info!r}"
            yield code.found(site.url, what, remedy)
        elif path == "/a/b" and site.path and not name:
            what = f"SCRIPT_NAME is empty, and PATH_INFO {info!r}"
            yield MOUNT.found(site.url, what, f"gateways serve --script-name {site.path}; or see gateways conf --mount")


_PATH_REMEDIES = {
    faults.ENCODED_SLASH.name: "Apache: AllowEncodedSlashes On",
    SLASHES.name: "nginx: merge_slashes off; an application should not depend on it",
    faults.NOT_UTF8.name: 'lighttpd: server.http-parseopts += ( "url-invalid-utf8-reject" => "disable" )',
}


def _request(site: Site, headers: dict[str, str]) -> Iterator[Finding]:
    sent = {"Authorization": _AUTHORIZATION, "Cookie": "a=1; b=2", "X-Doctor": _VALUE, "Proxy": "http://127.0.0.1:1"}
    told = _environ(site.ask("GET", f"/?{_QUERY}", {**headers, **sent}))
    if told is None:
        answer = site.ask("GET", f"/?{_QUERY}", {**headers, **sent})
        yield LOST.found(site.url, f"a request with a query and headers {_refused(answer)}", "")
        return
    environ = told["environ"]
    if environ.get("QUERY_STRING") != _QUERY:
        what = f"the query {_QUERY} arrives as {environ.get('QUERY_STRING')!r}"
        yield QUERY.found(site.url, what, "nginx: fastcgi_param QUERY_STRING $query_string;")
    if environ.get("HTTP_AUTHORIZATION") != _AUTHORIZATION:
        remedy = "Apache: CGIPassAuth On; HAProxy: pass-header Authorization; nginx: *_pass_request_headers on"
        yield faults.AUTHORIZATION.found(site.url, "the Authorization header does not arrive", remedy)
    for name, variable in (("Cookie", "HTTP_COOKIE"), ("X-Doctor", "HTTP_X_DOCTOR")):
        if environ.get(variable) != sent[name]:
            what = f"the header {name}: {sent[name]} arrives as {environ.get(variable)!r}"
            yield LOST.found(site.url, what, "examine the configuration of the web server")
    if "HTTP_PROXY" in environ:
        yield faults.HTTPOXY.found(site.url, "a Proxy: header arrives as HTTP_PROXY", 'fastcgi_param HTTP_PROXY "";')
    yield from _where_from(site, environ)
    for method in _METHODS:
        answer = site.ask(method, "/", headers)
        told = _environ(answer)
        arrived = method if told is None else told["environ"].get("REQUEST_METHOD")
        if told is None:
            yield METHOD.found(site.url, f"{method} {_refused(answer)}", "let the application decide about methods")
        elif arrived != method:
            remedy = "nginx: fastcgi_param REQUEST_METHOD $request_method;"
            yield METHOD.found(site.url, f"{method} arrives as {arrived}", remedy, severity=ERROR)


def _where_from(site: Site, environ: dict[str, Any]) -> Iterator[Finding]:
    """The client's address, the host it has asked for, and the scheme."""
    address = str(environ.get("REMOTE_ADDR", ""))
    forwarded = "the proxy has to send X-Forwarded-For, and gateways to believe it: --forwarded-allow-ips"
    try:
        client = ipaddress.ip_address(address)
    except ValueError:
        remedy = "nginx: fastcgi_param REMOTE_ADDR $remote_addr; by HTTP: --forwarded-allow-ips"
        yield REMOTE.found(site.url, f"REMOTE_ADDR is {address!r}, which is no address", remedy)
    else:
        if client.is_loopback and not ipaddress.ip_address(site.ours.partition("%")[0]).is_loopback:
            yield REMOTE.found(site.url, f"REMOTE_ADDR is {address}, the address of a proxy", forwarded)
    if environ.get("HTTP_HOST") != site.named:
        what = f"the host {site.named} arrives as {environ.get('HTTP_HOST')!r}"
        remedy = "nginx: proxy_set_header Host $host$port, fastcgi_param HTTP_HOST; Apache: ProxyPreserveHost On"
        yield faults.HOST.found(site.url, what, remedy)
    scheme = "https" if site.https else "http"
    if environ.get("wsgi.url_scheme") != scheme:
        what = f"wsgi.url_scheme is {environ.get('wsgi.url_scheme')!r} for a request by {scheme}"
        remedy = "nginx: fastcgi_param HTTPS $https if_not_empty; by HTTP: X-Forwarded-Proto and --forwarded-allow-ips"
        yield faults.HTTPS.found(site.url, what, remedy, severity=ERROR)


def _bodies(site: Site, headers: dict[str, str]) -> Iterator[Finding]:
    if _environ(site.ask("POST", "/", headers, b"x")) is None:
        yield from _cookies(site, headers)
        return  # said already: a limit is what refuses the large ones only
    content = bytes(range(256)) * (UPLOAD // 256)
    pieces = [content[start : start + 65536] for start in range(0, 4 * 65536, 65536)]
    for how, body, whole in (("1 MiB", content, content), ("chunked", iter(pieces), b"".join(pieces))):
        yield from _upload(site, headers, how, body, whole)
    yield from _cookies(site, headers)


def _cookies(site: Site, headers: dict[str, str]) -> Iterator[Finding]:
    answer = site.ask("GET", "/", {**headers, "Cookie": f"doctor={'x' * COOKIE}"})
    if _environ(answer) is None:
        what = f"a request with {COOKIE} bytes of cookies {_refused(answer)}"
        yield HEADERS.found(
            site.url, what, "nginx: large_client_header_buffers 4 16k; Apache: LimitRequestFieldSize 16380"
        )


def _upload(
    site: Site, headers: dict[str, str], how: str, body: bytes | Iterable[bytes], whole: bytes
) -> Iterator[Finding]:
    try:
        answer = site.ask("POST", "/", {**headers, "Content-Type": "application/octet-stream"}, body)
    except (OSError, http.client.HTTPException):
        code = faults.BODY_LIMIT if how == "1 MiB" else faults.UNMEASURED
        yield code.found(site.url, f"the connection is closed during an upload ({how})", "look into the error log")
        return
    told = _environ(answer)
    if told is None:
        yield judge_upload(answer, how, site.url)
    elif how == "chunked" and not told["length"]:
        yield judge_empty(site.url)
    elif told["length"] != len(whole) or told["sha256"] != hashlib.sha256(whole).hexdigest():
        what = f"of an upload ({how}) of {len(whole)} bytes arrive {told['length']}, or others"
        yield BODY.found(site.url, what, "examine the configuration of the web server")
    elif how == "chunked" and not str(told["environ"].get("CONTENT_LENGTH", "")).isdigit():
        remedy = "Apache: SetEnv proxy-sendcl 1; nginx: *_request_buffering on; many frameworks read none of it"
        yield faults.UNMEASURED.found(site.url, "an upload without a length arrives without one", remedy)


def judge_empty(where: str) -> Finding:
    """Return that nothing of an upload without a length has arrived."""
    what = "nothing of an upload without a length arrives"
    return faults.UNMEASURED.found(where, what, "Apache: SetEnv proxy-sendcl 1", severity=WARNING)


def _responses(site: Site, headers: dict[str, str]) -> Iterator[Finding]:
    answer = site.ask("GET", "/", headers)
    cookies = [value for name, value in answer.headers if name.lower() == "set-cookie"]
    if cookies != ["doctor=1", "gateways=2"]:
        yield COOKIES.found(site.url, f"two cookies come back as {cookies}", "examine what changes headers on the way")
    large = site.ask("GET", "/", {**headers, HEADER: f"head {_RESPONSE_HEADER}"})
    if len(large.header("X-Padding")) != _RESPONSE_HEADER:
        what = f"a response with {_RESPONSE_HEADER} bytes of headers {_refused(large)}"
        remedy = "nginx: fastcgi_buffer_size 16k; fastcgi_buffers 8 16k; (proxy_, scgi_, uwsgi_ likewise)"
        yield RESPONSE_HEADER.found(site.url, what, remedy)


def _streams(site: Site, headers: dict[str, str]) -> Iterator[Finding]:
    for pause in _PAUSES:
        status, between = site.stream("/", {**headers, HEADER: f"stream {pause:g}"})
        if status != 200 or between > pause / 2:
            return
    remedy = (
        "nginx: fastcgi_buffering off; Apache: flushpackets=on, FcgidOutputBufferSize 0; "
        "lighttpd: server.stream-response-body = 1"
    )
    yield faults.BUFFERED.found(site.url, "a streamed page comes when its last piece is there", remedy)

"""What can be found out about a site whatever its application is: with requests that change nothing there."""

from __future__ import annotations

import http.client
import secrets
from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.findings import NOTE, WARNING, Finding, declare
from gateways.doctor.live.exchange import Answer, Site
from gateways.doctor.live.statuses import speaker

HEADERS = declare(
    "request-headers", WARNING, "Request headers of 7 KB are refused: a large cookie makes every page fail."
)
NO_REDIRECT = declare("http-not-redirected", NOTE, "The site has https, and by http it is served as well.")
SLOW = declare("url-slow", NOTE, "The first byte took long.")

#: Bytes of an upload: more than 1 MiB, which is nginx's limit where nothing else is said.
UPLOAD = faults.USUAL_BODY + 256
#: Bytes of a cookie: nginx and Apache take 8 KiB for a header by default.
COOKIE = 7000
#: Seconds that a page takes when something is wrong with it.
_LONG = 3.0
_PIECE = 65536


def examine(site: Site, first: Answer) -> Iterator[Finding]:
    """Yield what is found by requests for a page that there is not: the application says no, and only that."""
    if first.seconds > _LONG:
        yield SLOW.found(
            site.url, f"the first byte took {first.seconds:.1f} s", "gateways serve --slow-log says what it does"
        )
    nowhere = f"/gateways-doctor-{secrets.token_hex(8)}"
    usual = _ask(site, "POST", nowhere, b"x")
    if usual is not None and usual.endless:
        return  # each of the others would take as long
    if usual is not None and usual.status < 500:
        yield from _examine_uploads(site, nowhere, usual)
    large = None if first.endless else _ask(site, "GET", "/", None, {"Cookie": f"doctor={'x' * COOKIE}"})
    if large is not None and large.status in (400, 431, 494, 500, 502) and first.status not in (400, 500, 502):
        who = speaker(large) or "the application"
        what = f"{who} answers {large} to a request with {COOKIE} bytes of cookies"
        yield HEADERS.found(
            site.url, what, "nginx: large_client_header_buffers 4 16k; Apache: LimitRequestFieldSize 16380"
        )
    if site.https:
        yield from _examine_http(site)


def _examine_uploads(site: Site, path: str, usual: Answer) -> Iterator[Finding]:
    for body, how in ((b"x" * UPLOAD, "1 MiB"), ((b"x" * _PIECE for _ in range(2)), "chunked")):
        answer = _ask(site, "POST", path, body)
        if answer is None:
            what = f"the connection is closed during an upload ({how})"
            yield (faults.BODY_LIMIT if how == "1 MiB" else faults.UNMEASURED).found(site.url, what, _remedy(site))
        elif answer.status != usual.status and answer.status in (400, 411, 413, 500, 501, 502, 503):
            yield judge_upload(answer, how, site.url)


def judge_upload(answer: Answer, how: str, where: str) -> Finding:
    """Return what it means that an upload is answered so, and a short one otherwise."""
    who = speaker(answer) or "the application"
    if how == "chunked":
        remedy = (
            "Apache: SetEnv proxy-sendcl 1; lighttpd: server.stream-request-body = 0; nginx: *_request_buffering on"
        )
        return faults.UNMEASURED.found(where, f"{who} answers {answer} to an upload without a length", remedy)
    remedies = {
        "nginx": "client_max_body_size 100m;",
        "Apache": "FcgidMaxRequestLen 104857600 (mod_fcgid's default is 131072), LimitRequestBody 104857600",
        "lighttpd": "server.max-request-size = 102400",
    }
    remedy = remedies.get(who, "look for a limit of the application: gateways serve --max-body-size")
    return faults.BODY_LIMIT.found(where, f"{who} answers {answer} to an upload of {how}", remedy)


def _remedy(site: Site) -> str:
    return f"look into the error log of the web server of {site.host}"


def _examine_http(site: Site) -> Iterator[Finding]:
    """See what the same host does by http, at the usual port."""
    if site.port != 443:
        return
    plain = Site(f"http://{site.host}{site.path}/", site.timeout)
    answer = _ask(plain, "GET", "/", None)
    if answer is not None and answer.status < 300:
        what = f"{plain.url} is answered {answer}, and does not lead to https"
        yield NO_REDIRECT.found(
            site.url, what, "nginx: return 301 https://$host$request_uri; Apache: Redirect permanent"
        )


def _ask(site: Site, method: str, path: str, body: object, headers: dict[str, str] | None = None) -> Answer | None:
    """Return the answer, or None if there is none."""
    try:
        return site.ask(method, path, headers, body)  # type: ignore[arg-type]
    except (OSError, http.client.HTTPException):
        return None

"""Examines a site by its URL: every round trip with the probe behind it, any other application as far as it goes."""

from __future__ import annotations

import http.client
import ipaddress
import os
import socket
import ssl
from collections.abc import Iterator

from gateways.doctor.findings import ERROR, NOTE, Finding, declare
from gateways.doctor.live import anything, roundtrips, statuses
from gateways.doctor.live.exchange import Answer, Site
from gateways.doctor.probe import HEADER, SECRET
from gateways.doctor.targets import Options
from gateways.errors import ConfigError

UNREACHABLE = declare("url-unreachable", ERROR, "No web server could be reached at the URL.")
CERTIFICATE = declare(
    "url-certificate", ERROR, "Browsers do not accept the certificate. The rest is examined without it."
)
NOT_HTTP = declare("url-not-http", ERROR, "What answers at the URL is no web server, or not with this scheme.")
NO_PROBE = declare(
    "probe-absent", NOTE,
    "Paths, headers, uploads and streams are checked where `gateways.doctor.probe:application` is served for a while "
    "in the place of the application.",
)  # fmt: skip

#: The environment variable that holds the secret of ``Probe(application, secret)``.
VARIABLE = "GATEWAYS_PROBE_SECRET"


def examine_url(url: str, options: Options) -> Iterator[Finding]:
    """Yield what is found at a URL. Raises ``ConfigError`` for one that cannot be used, or if nothing may be sent."""
    if not options.run:
        raise ConfigError(f"{url}: a URL cannot be examined without a request; leave out --no-run")
    site = Site(url, options.timeout)
    headers = {HEADER: "echo"}
    if os.environ.get(VARIABLE):
        headers[SECRET] = os.environ[VARIABLE]
    try:
        first = site.ask("GET", "/", headers)
    except ssl.SSLCertVerificationError as error:
        yield CERTIFICATE.found(
            url, f"the certificate is refused: {error.verify_message}", "renew it, for this host name"
        )
        site.verify = False
        try:
            first = site.ask("GET", "/", headers)
        except (OSError, http.client.HTTPException) as again:
            yield _unreachable(site, again)
            return
    except (OSError, http.client.HTTPException) as error:
        yield _unreachable(site, error)
        return
    yield from _examine(site, first, headers)


def _examine(site: Site, first: Answer, headers: dict[str, str]) -> Iterator[Finding]:
    yield from statuses.judge(first, site.url, _is_ours(site), site.root)
    if first.header(HEADER) and first.status == 200:
        yield from roundtrips.examine(site, headers)
    elif first.status < 500:
        yield from anything.examine(site, first)
        remedy = "gateways serve gateways.doctor.probe:application, at the address of the application"
        yield NO_PROBE.found(site.url, "only what any application shows was checked", remedy)


def _is_ours(site: Site) -> bool:
    """Say whether the web server runs on this machine."""
    try:
        return ipaddress.ip_address(site.ours).is_loopback
    except ValueError:
        return False


def _unreachable(site: Site, error: Exception) -> Finding:
    place = f"{site.host} port {site.port}"
    if isinstance(error, socket.gaierror):
        return UNREACHABLE.found(site.url, f"the host {site.host} is unknown ({error.strerror})", "check its spelling")
    if isinstance(error, ssl.SSLError):
        what = f"{place} does not speak TLS as expected: {error.reason or error}"
        return NOT_HTTP.found(site.url, what, "try it with http://")
    if isinstance(error, ConnectionRefusedError):
        return UNREACHABLE.found(site.url, f"nothing listens at {place}", "start the web server; see: ss -tlnp")
    if isinstance(error, (socket.timeout, TimeoutError)):
        what = f"{place} is silent for {site.timeout:g} s"
        remedy = "a firewall may drop it; if others get an answer, this page hangs: gateways doctor its socket"
        return UNREACHABLE.found(site.url, what, remedy)
    if isinstance(error, (http.client.BadStatusLine, http.client.RemoteDisconnected, ConnectionResetError)):
        what = f"{place} closes the connection without an answer by HTTP"
        remedy = "if it is the port of an application, examine it as one: gateways doctor HOST:PORT; or try https://"
        return NOT_HTTP.found(site.url, what, remedy)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return UNREACHABLE.found(site.url, f"{place}: {reason}", "check the URL")

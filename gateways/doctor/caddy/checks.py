"""What Caddy does with requests and responses on their way: headers, limits, buffers, timeouts; words of Caddy 1."""

from __future__ import annotations

from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.caddy.places import ALL, BLOCKS, PROXY, Place, patterns, seconds, size
from gateways.doctor.caddy.syntax import GLOBAL, SITE
from gateways.doctor.directives import Directive
from gateways.doctor.findings import NOTE, Finding

#: Seconds in which nearly every page is there, and Caddy's own keepalive.
_SHORT, _KEEPALIVE = 10.0, 120.0
_UPSTREAM_HOST = ("{upstream_hostport}", "{http.reverse_proxy.upstream.hostport}", "{http.reverse_proxy.upstream.host}")
#: Words of Caddy 1 by the block they stand in, and what to write since.
_OLD = {
    SITE: {
        "proxy": "reverse_proxy ADDRESS",
        "fastcgi": "reverse_proxy ADDRESS, with transport fastcgi in its block",
        "gzip": "encode gzip",
    },
    PROXY: {
        "header_upstream": "header_up",
        "header_downstream": "header_down",
        "transparent": "leave it out: it is always so",
        "websocket": "leave it out: it is always so",
    },
}


def examine(place: Place) -> Iterator[Finding]:
    """Yield what keeps some requests from the application, or some responses from the client, at this place."""
    yield from _examine_headers(place)
    yield from _examine_bodies(place)
    yield from _examine_times(place)


def examine_rest(root: Directive) -> Iterator[Finding]:
    """Yield what is wrong outside of the places."""
    yield from _examine_sites(root)
    for one in root.walk():
        above = one.parent.name if one.parent else ""
        now = _OLD.get(SITE if above in BLOCKS else above, {}).get(one.name)
        if one.asked and now and not _is_global(one):  # there, layer4 has a proxy, too
            what = f"{one.name} is a word of Caddy 1, and Caddy 2 does not start with it"
            yield faults.SYNTAX.found(one.where, what, now)
        if one.asked and one.name == "write" and above == "timeouts" and one.parent and _is_global(one.parent):
            value = seconds(one.value)
            if value is not None and 0 < value < _SHORT:
                what = f"pages and downloads that take longer than {value:g} s are broken off"
                yield faults.TIMEOUT.found(one.where, what, "write 5m")


def _examine_sites(root: Directive) -> Iterator[Finding]:
    met: dict[str, Directive] = {}
    for site in root.all(SITE):
        for address in site.args:
            first = met.setdefault(address.lower(), site)
            if first is not site and (site.asked or first.asked) and "{" not in address:
                what = f"{address} has a site in {first.where} already, so Caddy does not start"
                yield faults.SYNTAX.found(site.where, what, "make one site of the two")


def _is_global(directive: Directive) -> bool:
    return any(block.name == GLOBAL for block in directive.up())


def _examine_headers(place: Place) -> Iterator[Finding]:
    lost = place.takes_out("Authorization")
    if lost:
        yield faults.AUTHORIZATION.found(lost.where, "the Authorization header is taken out", "leave that line out")
    host = place.header("Host")
    if host and not host.args[0].startswith("-") and host.args[-1] in _UPSTREAM_HOST:
        what = f"the application gets {place.upstreams[0].host if place.upstreams else 'the backend'} as the host"
        yield faults.HOST.found(host.where, what, "leave that line out: Caddy passes the client's Host")
    proto = place.header("X-Forwarded-Proto")
    if proto and place.protocol != "fastcgi" and (proto.args[0].startswith("-") or proto.args[-1] == "http"):
        what = "X-Forwarded-Proto does not say that the client came by https"
        yield faults.HTTPS.found(proto.where, what, "leave that line out: Caddy sets it")
    elif not proto and _is_plain(place.blocks[-1]) and not _trusts_proxies(place):
        what = "X-Forwarded-Proto becomes http, also where a proxy in front of Caddy takes https"
        remedy = "trusted_proxies private_ranges, in the block, if there is one"
        yield faults.HTTPS.found(place.directive.where, what, remedy, severity=NOTE)
    if not place.takes_out("Proxy"):
        what = "a Proxy: header becomes HTTP_PROXY"
        yield faults.HTTPOXY.found(place.directive.where, what, "header_up -Proxy, in the block")


def _is_plain(site: Directive) -> bool:
    """Say whether nobody can come to a site by https."""
    return bool(site.args) and all(
        address.startswith("http://") or (address.startswith(":") and address != ":443") for address in site.args
    )


def _trusts_proxies(place: Place) -> bool:
    *_, root = place.directive.up()
    options = (one for block in root.all(GLOBAL) for one in block.walk())
    return any(one.name == "trusted_proxies" for one in (*place.directive.all("trusted_proxies"), *options))


def _examine_bodies(place: Place) -> Iterator[Finding]:
    for body in place.around("request_body"):
        limit = next(body.all("max_size"), None)
        number = size(limit.value) if limit else None
        if limit and number is not None and 0 < number < faults.USUAL_BODY and patterns(body) in (ALL, None):
            status = "answered 413 by Caddy" if place.protocol == "fastcgi" else "broken off by Caddy (502)"
            what = f"uploads of more than {limit.value} are {status}"
            yield faults.BODY_LIMIT.found(limit.where, what, "max_size 100MB")
        break
    if place.protocol == "fastcgi" and not any(place.directive.all("request_buffers")):
        what = "an upload without a length (chunked) arrives without one, or Caddy 2.9 and newer answer 411"
        yield faults.UNMEASURED.found(place.directive.where, what, "request_buffers 10MB, with Caddy 2.9 and newer")
    flush = next(place.directive.all("flush_interval"), None)
    collected = next(place.directive.all("buffer_responses", "response_buffers"), None)
    if collected:
        what = "a streamed page is collected before it is sent"
        yield faults.BUFFERED.found(collected.where, what, f"flush_interval -1 in place of {collected.name}")
    elif not flush and place.protocol == "fastcgi":
        what = "a streamed page is sent in large pieces, unless it is a text/event-stream"
        yield faults.BUFFERED.found(place.directive.where, what, "flush_interval -1")
    elif flush and (seconds(flush.value) or 0) >= 1:
        what = f"a streamed page is sent every {flush.value}"
        yield faults.BUFFERED.found(flush.where, what, "flush_interval -1")


def _examine_times(place: Place) -> Iterator[Finding]:
    for name in ("read_timeout", "response_header_timeout"):
        timeout = place.option(name)
        value = seconds(timeout.value) if timeout else None
        if timeout and value is not None and 0 < value < _SHORT:
            what = f"a page that takes longer than {value:g} s is answered 504 by Caddy"
            yield faults.TIMEOUT.found(timeout.where, what, f"{name} 60s")
    if place.protocol != "http" or place.by_tls:
        return
    keepalive = place.option("keepalive")
    value = seconds(keepalive.value) if keepalive else _KEEPALIVE
    if value is not None and value >= faults.KEEPALIVE:
        what = f"idle connections are kept {value:g} s, and by gateways {faults.KEEPALIVE:g} s (keepalive_timeout)"
        where = (keepalive or place.directive).where
        severity = "" if keepalive else NOTE  # by itself it is seen by uploads only, and seldom
        yield faults.KEEPALIVE_LONGER.found(where, what, "keepalive 60s in transport http", severity=severity)

"""What HAProxy does with requests on their way: limits, timeouts, kept connections, requests that are sent twice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.findings import WARNING, Finding, declare
from gateways.doctor.haproxy.conditions import alternatives, number_above
from gateways.doctor.haproxy.places import Place, seconds
from gateways.doctor.haproxy.syntax import Line, Section

REPEATED = declare(
    "request-repeated",
    WARNING,
    "A request that the application may have worked on is sent once more: an order is placed twice.",
)

#: Timeouts with the seconds below which they hit usual requests, and what happens then.
_TIMEOUTS = (
    ("server", 10.0, "a page that takes longer than {} is answered 504 by HAProxy"),
    ("connect", 0.05, "a backend that does not take the connection within {} counts as dead: 503"),
    ("client", 1.0, "a client that sends nothing for {} is cut off: 408"),
    ("http-request", 1.0, "a request whose header takes longer than {} is answered 408"),
    ("queue", 1.0, "a request that waits longer than {} for a free server is answered 503"),
)
_USUAL = {"server": "60s", "connect": "2s", "client": "60s", "http-request": "15s", "queue": "60s"}
#: Failures after which the application has the request, and may have done what it asks for.
_BEGUN = {"empty-response", "junk-response", "response-timeout", "all-retryable-errors", "500", "502", "503", "504"}
#: Bytes that HAProxy collects of a request, where nothing else is said.
_BUFFER = "16 KiB"
_REFUSALS = ("deny", "reject", "tarpit", "silent-drop", "return")
#: Criteria that are the length of an upload.
_LENGTH = re.compile(r"req\.body_(size|len)\b.*|(req\.)?f?hdr(_val)?\(content-length\).*", re.IGNORECASE)


def examine(place: Place, measured: bool) -> Iterator[Finding]:
    """Yield what hits requests for this backend, in its frontends too. ``measured``: the size of buffers was chosen."""
    sections = list(dict.fromkeys([*place.frontends, place.section]))
    if place.mode == "http":
        for section in sections:
            yield from _examine_body(section)
        yield from _examine_keepalive(place)
        yield from _examine_retries(place)
        used = place.section.setting("use-fcgi-app")
        if used is not None and used.asked and not measured:
            what = f"an upload without a length (chunked) of more than {_BUFFER} is answered 400 by HAProxy"
            yield faults.UNMEASURED.found(used.where, what, "in global: tune.bufsize 65536 (memory of each connection)")
    for section in sections:
        yield from _examine_timeouts(section)


def _examine_timeouts(section: Section) -> Iterator[Finding]:
    for name, least, what in _TIMEOUTS:
        line = section.setting("timeout", name)
        value = seconds(line.word(2)) if line is not None else None
        if line is None or value is None or not line.asked or not 0 < value < least:
            continue
        if name == "server" and section.kind == "frontend":
            continue
        text = line.word(2)
        shown = f"{text} ms (there is no unit)" if text.isdecimal() else text
        yield faults.TIMEOUT.found(line.where, what.format(shown), f"timeout {name} {_USUAL[name]}")


def _examine_body(section: Section) -> Iterator[Finding]:
    for line in section.inherited("http-request"):
        if not line.asked or line.word(1) not in _REFUSALS or line.condition[:1] != ("if",):
            continue
        for side in alternatives(line.condition):
            above = [found for found in (number_above(term, section) for term in side) if found is not None]
            if len(side) == 1 and above and _LENGTH.fullmatch(above[0][0]) and above[0][1] < faults.USUAL_BODY:
                number = above[0][1]
                remedy = line.text.replace(str(number), str(100 * faults.USUAL_BODY))
                what = f"uploads of more than {number} bytes are refused by HAProxy"
                yield faults.BODY_LIMIT.found(line.where, what, remedy)


def _examine_keepalive(place: Place) -> Iterator[Finding]:
    application = place.application
    asked_for = application.setting("option", "keep-conn") if application is not None else None
    closing = _closing(place)
    for server in place.servers:
        if application is not None and _is_off(application):
            return
        if asked_for is not None and asked_for.asked and closing is not None:
            what = f"connections are to be kept, and {closing[1]} ({closing[0].where.rpartition(':')[2]}) closes them"
            yield faults.KEEPALIVE_UNUSED.found(asked_for.where, what, "leave one of the two out")
            return
        kept = server.option("pool-purge-delay")
        value = seconds(kept)
        if server.line.asked and value is not None and value >= faults.KEEPALIVE:
            what = f"idle connections are kept {value:g} s, and by gateways {faults.KEEPALIVE:g} s (keepalive_timeout)"
            yield faults.KEEPALIVE_LONGER.found(server.line.where, what, "leave pool-purge-delay out (5s)")


def _closing(place: Place) -> tuple[Line, str] | None:
    """Return the line that has connections closed, and its words. Options such as httpclose leave those of FastCGI."""
    reuse = place.section.setting("http-reuse")
    if reuse is not None and reuse.word(1) == "never":
        return reuse, "http-reuse never"
    for name in ("pool-max-conn", "pool-purge-delay"):
        for server in place.servers:
            if server.option(name) in ("0", "0s"):
                return server.line, f"{name} 0"
    return None


def _is_off(application: Section) -> bool:
    found = [line for line in application.all("option") if line.word(1) == "keep-conn"]
    return bool(found) and found[-1].negated


def _examine_retries(place: Place) -> Iterator[Finding]:
    line = place.section.setting("retry-on")
    if line is None or not line.asked:
        return
    begun = sorted(_BEGUN.intersection(line.words[1:]))
    rules = [rule for section in [*place.frontends, place.section] for rule in section.inherited("http-request")]
    if begun and not any(rule.word(1) == "disable-l7-retry" for rule in rules):
        what = f"with {' and '.join(begun)} a POST that was taken and not answered is sent once more"
        yield REPEATED.found(line.where, what, "http-request disable-l7-retry if !{ method GET HEAD OPTIONS }")

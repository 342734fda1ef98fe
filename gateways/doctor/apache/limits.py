"""What Apache does with requests and responses on their way: limits, buffers, kept connections, timeouts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.apache.places import Place
from gateways.doctor.findings import Finding

#: The defaults of mod_fcgid, and of mod_proxy (Apache's Timeout).
_REQUEST_LENGTH, _OUTPUT_BUFFER, _IO_TIMEOUT = 131072, 65536, 40
_SHORT = 10.0
_GENEROUS = 100 << 20

_TIME = re.compile(r"(\d{1,18})(ms|min|s|h)?")
_UNITS = {None: 1.0, "s": 1.0, "ms": 0.001, "min": 60.0, "h": 3600.0}


def examine(place: Place) -> Iterator[Finding]:
    """Yield what keeps some requests from the application, or some responses from the client, at this place."""
    yield from _examine_body(place)
    if place.protocol == "fcgid":
        yield from _examine_fcgid(place)
    elif not place.scripts:
        yield from _examine_worker(place)


def _number(place: Place, name: str, default: int) -> tuple[int, str]:
    """Return the number of a directive, and where it is: at the place if it has its default."""
    found = place.in_force(name)
    if not found or not re.fullmatch("-?[0-9]{1,18}", found[-1].value):
        return default, place.directive.where
    return int(found[-1].value), found[-1].where


def _examine_body(place: Place) -> Iterator[Finding]:
    limit, where = _number(place, "limitrequestbody", 0)
    if 0 < limit < faults.USUAL_BODY and place.scripts:  # mod_proxy does not look at it
        what = f"uploads of more than {limit} bytes are answered 413 by Apache"
        yield faults.BODY_LIMIT.found(where, what, f"LimitRequestBody {_GENEROUS}")
    if place.protocol == "fcgid":
        limit, where = _number(place, "fcgidmaxrequestlen", _REQUEST_LENGTH)
        if limit < faults.USUAL_BODY:
            what = f"uploads of more than {limit} bytes are answered 500 by mod_fcgid"
            yield faults.BODY_LIMIT.found(where, what, f"FcgidMaxRequestLen {_GENEROUS}")
    elif place.protocol in ("fastcgi", "http") and not place.scripts:
        settings = place.in_force("setenv", "setenvif")
        if not any(arg.startswith("proxy-sendcl") for setting in settings for arg in setting.args):
            what = "an upload without a length (chunked) is passed on without one"
            yield faults.UNMEASURED.found(place.directive.where, what, "SetEnv proxy-sendcl 1")


def _examine_fcgid(place: Place) -> Iterator[Finding]:
    size, where = _number(place, "fcgidoutputbuffersize", _OUTPUT_BUFFER)
    if size > 0:
        what = f"a streamed page is sent when {size} bytes of it are together"
        yield faults.BUFFERED.found(where, what, "FcgidOutputBufferSize 0")
    io, where = _number(place, "fcgidiotimeout", _IO_TIMEOUT)
    if io < _SHORT:
        what = f"a page that takes longer than {io} s is answered 500 by mod_fcgid"
        yield faults.TIMEOUT.found(where, what, "FcgidIOTimeout 300")
    busy, where = _number(place, "fcgidbusytimeout", 300)
    if busy < io:
        what = f"a request is killed after {busy} s, before FcgidIOTimeout ({io} s) is over"
        yield faults.TIMEOUT.found(where, what, f"FcgidBusyTimeout {io}")


def _examine_worker(place: Place) -> Iterator[Finding]:
    where, options = place.directive.where, place.options
    if place.protocol in ("fastcgi", "scgi", "uwsgi") and options.get("flushpackets", "off") == "off":
        what = "a streamed page is collected before it is sent"
        yield faults.BUFFERED.found(where, what, _with(place, "flushpackets=on"))
    yield from _examine_keepalive(place)
    timeout = _seconds(options.get("timeout", ""))
    found = place.in_force("proxytimeout")
    if timeout is None and found:
        timeout, where = _seconds(found[-1].value), found[-1].where
    if timeout is not None and timeout < _SHORT:
        what = f"a page that takes longer than {timeout:g} s is answered 504 by Apache"
        yield faults.TIMEOUT.found(where, what, "timeout=300" if not found else "ProxyTimeout 300")


def _examine_keepalive(place: Place) -> Iterator[Finding]:
    """HTTP and AJP13 keep connections by themselves, FastCGI with enablereuse; AJP13 can ask before it uses one."""
    options = place.options
    kept = options.get("enablereuse") == "on" if place.protocol == "fastcgi" else place.protocol in ("http", "ajp")
    if not kept or options.get("disablereuse") == "on" or "ping" in options:
        return
    ttl = _seconds(options.get("ttl", ""))
    if ttl is None or ttl >= faults.KEEPALIVE:
        held = "without an end" if ttl is None else f"{ttl:g} s"
        what = f"idle connections are kept {held}, and by gateways {faults.KEEPALIVE:g} s (keepalive_timeout)"
        yield faults.KEEPALIVE_LONGER.found(place.directive.where, what, _with(place, "ttl=60"))


def _with(place: Place, option: str) -> str:
    if place.by_handler:
        return f'<Proxy "{place.target.partition("|")[2] or place.target}" {option}></Proxy>'
    return f"{option}, at the end of that line"


def _seconds(text: str) -> float | None:
    match = _TIME.fullmatch(text.strip().lower())
    return int(match[1]) * _UNITS[match[2]] if match else None

"""What nginx does with requests and responses on their way: limits, buffers, kept connections, timeouts; aliases."""

from __future__ import annotations

from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.directives import Directive
from gateways.doctor.findings import Finding
from gateways.doctor.nginx.places import Place, seconds, size

#: nginx's own, where a file says nothing.
_BODY, _READ_TIMEOUT, _KEEPALIVE = 1 << 20, 60.0, 60.0
#: Seconds in which nearly every page is there.
_SHORT = 10.0


def examine(place: Place, root: Directive) -> Iterator[Finding]:
    """Yield what keeps some requests from the application, or some responses from the client, at this place."""
    if not place.internal:
        yield from _examine_body(place)
        yield from _examine_buffers(place)
    yield from _examine_keepalive(place, root)
    yield from _examine_timeout(place)
    yield from _examine_mount(place)


def examine_aliases(root: Directive) -> Iterator[Finding]:
    """Yield the aliases whose slashes do not fit those of their locations."""
    for alias in root.walk():
        location = alias.parent
        if alias.name != "alias" or not alias.asked or location is None or location.name != "location":
            continue
        path = location.args[-1]
        if len(location.args) > 1 and location.args[0] != "^~":
            continue  # exact, or a regular expression
        if not path.endswith("/") and alias.value.endswith("/"):
            what = f"location {path} with alias {alias.value} also gives {path}../ and what is beside it"
            yield faults.TRAVERSAL.found(location.where, what, f"location {path}/ {{")
        elif path.endswith("/") and not alias.value.endswith("/"):
            what = f"{path}style.css is looked for as {alias.value}style.css"
            yield faults.ALIAS.found(alias.where, what, f"alias {alias.value}/;")


def _examine_body(place: Place) -> Iterator[Finding]:
    limit = place.setting("client_max_body_size")
    if limit is None:
        what = "uploads of more than 1 MiB are answered 413 by nginx, its default"
        yield faults.BODY_LIMIT.found(_server_of(place), what, "client_max_body_size 100m;")
        return
    number = size(limit.value)
    if number is not None and 0 < number < faults.USUAL_BODY:
        what = f"uploads of more than {limit.value} are answered 413 by nginx"
        yield faults.BODY_LIMIT.found(limit.where, what, "client_max_body_size 100m;")


def _server_of(place: Place) -> str:
    return (place.server or place.location or place.directive).where


def _examine_buffers(place: Place) -> Iterator[Finding]:
    ignored = place.own("ignore_headers")
    buffering = place.own("buffering")
    off = buffering is not None and buffering.value == "off"
    line = f"{place.prefix}_buffering off;"
    if ignored and "X-Accel-Buffering" in ignored.args and not off:
        what = "responses are collected, and X-Accel-Buffering: no of the application is ignored"
        yield faults.BUFFERED.found(ignored.where, what, line, severity="warning")
    elif not off:
        remedy = f"send the header X-Accel-Buffering: no with the page, or write {line}"
        at = (buffering or place.directive).where
        yield faults.BUFFERED.found(at, "a streamed page is collected before it is sent", remedy)
    uploads = place.own("request_buffering")
    if uploads and uploads.value == "off" and place.protocol in ("scgi", "uwsgi"):
        what = f"an upload without a length reaches {place.prefix.upper()} with a wrong one"
        yield faults.UNMEASURED.found(uploads.where, what, f"{place.prefix}_request_buffering on;")


def _examine_keepalive(place: Place, root: Directive) -> Iterator[Finding]:
    upstream = next((one for one in root.walk() if one.name == "upstream" and one.value == place.target), None)
    keepalive = next(upstream.all("keepalive"), None) if upstream else None
    if upstream is None or keepalive is None:
        return
    where = place.directive.where
    if place.protocol == "fastcgi":
        keep = place.setting("fastcgi_keep_conn")
        if keep is None or keep.value != "on":
            what = "the upstream has keepalive, and each connection is closed after its request"
            yield faults.KEEPALIVE_UNUSED.found(where, what, "fastcgi_keep_conn on;")
            return
    elif place.protocol == "http":
        version, connection = place.setting("proxy_http_version"), place.header("Connection")
        if version is None or version.value != "1.1" or connection not in ("", "keep-alive"):
            what = "the upstream has keepalive, and each connection is closed after its request"
            yield faults.KEEPALIVE_UNUSED.found(where, what, 'proxy_http_version 1.1; proxy_set_header Connection "";')
            return
    else:
        what = f"the upstream has keepalive, and {place.prefix.upper()} has one request for a connection"
        yield faults.KEEPALIVE_UNUSED.found(keepalive.where, what, "leave keepalive out")
        return
    timeout = next(upstream.all("keepalive_timeout"), None)
    value = _KEEPALIVE if timeout is None else seconds(timeout.value)
    if value is not None and value >= faults.KEEPALIVE:
        what = f"idle connections are kept {value:g} s, and by gateways {faults.KEEPALIVE:g} s (keepalive_timeout)"
        yield faults.KEEPALIVE_LONGER.found((timeout or keepalive).where, what, "keepalive_timeout 60s;")


def _examine_timeout(place: Place) -> Iterator[Finding]:
    timeout = place.own("read_timeout")
    value = _READ_TIMEOUT if timeout is None else seconds(timeout.value)
    if timeout and value is not None and value < _SHORT:
        what = f"a page that takes longer than {value:g} s is answered 504 by nginx"
        yield faults.TIMEOUT.found(timeout.where, what, f"{place.prefix}_read_timeout 60s;")


def _examine_mount(place: Place) -> Iterator[Finding]:
    path = place.path
    location = place.location
    if path and location and location.value != "=" and path != "/" and not path.endswith("/"):
        what = f"location {path} takes {path}le as well"
        yield faults.WIDE.found(location.where, what, f"location {path}/ {{ ... }} and location = {path} {{ ... }}")

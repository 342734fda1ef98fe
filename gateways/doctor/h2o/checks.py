"""What is wrong where h2o hands requests on: levels, paths, order, timeouts."""

from __future__ import annotations

import os
from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.findings import ERROR, NOTE, WARNING, Finding, declare
from gateways.doctor.h2o.addresses import urls
from gateways.doctor.h2o.nodes import Entry
from gateways.doctor.h2o.places import LEVELS, PATH, Level, Place

CRASHES = declare(
    "keepalive-crash", WARNING,
    "h2o 2.2 keeps FastCGI connections, and ends as a whole when an application answers before it has read an upload.",
)  # fmt: skip
NO_MATCH = declare(
    "path-unmatched", ERROR, "The path of a request begins with a slash, so this one is never found: h2o answers 404."
)
NARROW = declare(
    "mount-narrow", NOTE, "A mount point with a slash at its end does not take the path without it: `/app` is another."
)
NO_FILES = declare(
    "alias-absent", WARNING, "The directory that files are sent from is not there: h2o answers 404 for all below."
)

#: Milliseconds in which nearly every page is there.
_SHORT = 10_000


def examine_level(level: Level, run: bool) -> Iterator[Finding]:
    """Yield the directives that h2o refuses at this level, and the files that are not there."""
    for entry in level.node.entries or ():
        if not entry.asked:
            continue
        wanted = LEVELS.get(entry.key)
        if wanted and level.kind not in wanted:
            what = f"{entry.key} is {level.kind}, where h2o refuses it"
            yield faults.SYNTAX.found(entry.where, what, f"it belongs {' or '.join(wanted)}")
        if entry.key == "file.dir" and entry.node.is_known():
            yield from _examine_directory(entry, run)
        if entry.key == "fastcgi.document_root" and entry.node.text and not entry.node.text.startswith("/"):
            what = f"{entry.node.text} does not begin with a slash, so h2o does not start"
            yield faults.SYNTAX.found(entry.node.where, what, "give the whole path")
    if level.kind == PATH and level.key is not None and level.key.asked and not level.key.key.startswith("/"):
        what = f"no path of a request begins with {level.key.key or 'nothing'}"
        yield NO_MATCH.found(level.key.where, what, f'"/{level.key.key}":')


def examine_place(place: Place) -> Iterator[Finding]:
    """Yield what is wrong with the way of requests to a backend, or to files."""
    if place.behind is not None:
        what = f"{place.behind.key} before it takes all requests, and {place.entry.key} gets none"
        yield faults.ORDER.found(place.entry.where, what, f"put it before {place.behind.key}")
    if place.entry.key.startswith("file."):
        return
    yield from _examine_mount(place)
    if place.entry.key == "proxy.reverse.url":
        yield from _examine_proxy(place)
    else:
        yield from _examine_timeout(place, "fastcgi.timeout.io")
        kept = place.level.setting("fastcgi.timeout.keepalive")
        if kept is not None and kept.number():
            what = "with kept connections one upload that the application does not read ends h2o as a whole"
            yield CRASHES.found(kept.where, what, "leave fastcgi.timeout.keepalive out")


def _examine_directory(entry: Entry, run: bool) -> Iterator[Finding]:
    path = entry.node.text
    if not path.startswith("/"):
        what = f"{path} is looked for below the directory that h2o was started in"
        yield NO_FILES.found(entry.where, what, "give the whole path")
    elif run and not os.path.isdir(path):
        there = os.path.exists(path)
        what = f"{path} is no directory" if there else f"there is no {path}"
        yield NO_FILES.found(entry.where, what, f"file.file: {path}" if there else "correct the path")


def _examine_mount(place: Place) -> Iterator[Finding]:
    key = place.level.path
    if key is None or key.key == "/" or not key.key.startswith("/"):
        return
    mount = key.key.rstrip("/")
    if key.key.endswith("/"):
        what = f"{mount} without the slash is not taken"
        yield NARROW.found(key.where, what, f'"{mount}":')
    serve = f"gateways serve --script-name {mount}"
    for node in urls(place.entry.node) if place.entry.key == "proxy.reverse.url" else ():
        base, slashes, rest = node.text.rpartition("://")
        host, _, path = rest.partition("/")
        if slashes and path.strip("/") != mount.strip("/"):
            what = (
                f"h2o puts /{path} in the place of {mount}, and does not say so: the application's links lead elsewhere"
            )
            yield faults.SPLIT.found(node.where, what, f'proxy.reverse.url: "{base}://{host}{mount}", and {serve}')
            return
    what = f"h2o knows no mount points: SCRIPT_NAME is empty, and PATH_INFO begins with {mount}"
    yield faults.SPLIT.found(place.entry.where, what, serve, severity=NOTE)


def _examine_proxy(place: Place) -> Iterator[Finding]:
    yield from _examine_timeout(place, "proxy.timeout.io")
    host = place.level.setting("proxy.preserve-host")
    if host is None or (host.node.text.upper() != "ON" and host.node.known):
        what = "the application gets the address of the backend as the host"
        yield faults.HOST.found((host or place.entry).where, what, "proxy.preserve-host: ON")
    kept = place.level.setting("proxy.timeout.keepalive")
    value = kept.number() if kept is not None else None
    if kept is not None and value is not None and value / 1000 >= faults.KEEPALIVE:
        held = f"{value / 1000:g} s, and by gateways {faults.KEEPALIVE:g} s (keepalive_timeout)"
        yield faults.KEEPALIVE_LONGER.found(
            kept.where, f"idle connections are kept {held}", "proxy.timeout.keepalive: 2000"
        )
    sent = place.level.setting("proxy.emit-x-forwarded-headers")
    if sent is not None and sent.node.text.upper() == "OFF":
        what = "the application is not told of https, nor the address of the client"
        yield faults.HTTPS.found(sent.where, what, "proxy.emit-x-forwarded-headers: ON")


def _examine_timeout(place: Place, name: str) -> Iterator[Finding]:
    timeout = place.level.setting(name)
    value = timeout.number() if timeout is not None else None
    if timeout is not None and value is not None and value < _SHORT:
        what = f"a page that takes longer than {value / 1000:g} s is not waited for: h2o counts milliseconds"
        yield faults.TIMEOUT.found(timeout.where, what, f"{name}: 60000")

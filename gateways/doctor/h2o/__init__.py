"""Examines a configuration of h2o: a whole one, or a file that one includes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace

from gateways.doctor import faults
from gateways.doctor.directives import Fault, read_text
from gateways.doctor.findings import NOTE, Finding, declare
from gateways.doctor.h2o import addresses, checks, hosts
from gateways.doctor.h2o.places import PASSES, levels, places
from gateways.doctor.h2o.scanner import Beyond
from gateways.doctor.h2o.syntax import Configuration, Reader
from gateways.doctor.targets import Options
from gateways.doctor.wholes import Server, read_whole

UNREAD = declare(
    "yaml-unread", NOTE, "The file has YAML of a kind that doctor does not read: `h2o -t` says what h2o makes of it."
)

_HOSTS = re.compile(r"""^["']?hosts["']?[ \t]*:""", re.MULTILINE)


def examine(path: str, options: Options) -> Iterator[Finding]:
    """Yield what is wrong with the file. What its h2o.conf says counts, if there is one above that includes it."""
    seen: set[Finding] = set()
    try:
        for finding in _examine(path, options):
            if finding not in seen:  # what an alias stands for is met again
                seen.add(finding)
                yield finding
    except Beyond as beyond:
        yield _unread(beyond.where, str(beyond), path)


def _examine(path: str, options: Options) -> Iterator[Finding]:
    whole = yield from read_whole(_server_of(path), path)
    if whole is None:
        return
    root = whole.content.root
    complete = root.get("hosts") is not None
    user = root.scalar("user") or ("nobody" if complete else "")
    backends = _SERVER.backends(user or None, options)
    if complete:
        yield from hosts.examine(root, options.run)
    for level in levels(root):
        yield from checks.examine_level(level, options.run)
        for place in places(level):
            if place.entry.asked:
                if place.entry.key in PASSES:
                    yield from addresses.examine(place.entry, backends)
                yield from checks.examine_place(place)
    for where, name in whole.content.relative:
        what = f"!file {name} is looked for below the directory that h2o is started in: with systemd, /"
        yield faults.INCLUDE.found(where, what, f"!file {os.path.join(os.path.dirname(os.path.abspath(path)), name)}")
    for where in whole.content.unknown:
        yield _unread(where, "what a tag makes of the value is not known here", path)


def _server_of(path: str) -> Server[Configuration]:
    """A file with hosts is a configuration of its own, whatever is beside it."""
    try:
        alone = _HOSTS.search(read_text(path)) is not None
    except Fault:
        alone = True
    return replace(_SERVER, mains=(), test=f"h2o -t -c {path}") if alone else _SERVER


def _unread(where: str, what: str, path: str) -> Finding:
    return UNREAD.found(where, f"doctor does not read this: {what}", f"h2o -t -c {path}")


def _enabling(path: str, main: str) -> str:
    return f"!file {path} in {main}, where its directives belong"


_SERVER = Server(("h2o.conf",), ("h2o",), "h2o -t -c /etc/h2o/h2o.conf", Reader, _enabling)

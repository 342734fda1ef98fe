"""Where h2o hands requests on, and what it has for them before: the handlers of each path, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateways.doctor.h2o.nodes import Entry, Node

PASSES = ("fastcgi.connect", "fastcgi.spawn", "proxy.reverse.url")
HANDLERS = (*PASSES, "file.dir", "file.file", "redirect", "mruby.handler", "mruby.handler-file", "status")
#: The handlers that leave nothing to those behind them.
LAST = (*PASSES, "redirect")

GLOBAL, HOST, PATH, EXTENSION = "at the top of the file", "below a host", "below a path", "in file.custom-handler"
#: The levels that a directive is allowed at, of those that are put at a wrong one.
LEVELS = {
    **dict.fromkeys(("fastcgi.connect", "fastcgi.spawn"), (PATH, EXTENSION)),
    **dict.fromkeys(("proxy.reverse.url", "file.dir", "file.file", "redirect", "mruby.handler"), (PATH,)),
    **dict.fromkeys(("hosts", "user", "limit-request-body", "error-log", "pid-file", "num-threads"), (GLOBAL,)),
    **dict.fromkeys(("proxy.emit-x-forwarded-headers", "proxy.preserve-x-forwarded-proto"), (GLOBAL,)),
    "paths": (HOST,),
    "listen": (GLOBAL, HOST),
}


@dataclass(eq=False)
class Level:
    """A mapping of directives: of which ``kind``, and for which host or path."""

    kind: str
    node: Node
    outer: Level | None = None
    key: Entry | None = None

    def setting(self, name: str) -> Entry | None:
        """Return what is said of a directive here, or further out."""
        level: Level | None = self
        while level is not None:
            found = level.node.get(name)
            if found is not None:
                return found
            level = level.outer
        return None

    @property
    def path(self) -> Entry | None:
        """The path that it is for, where that is known."""
        return self.key if self.kind == PATH else None


@dataclass(eq=False)
class Place:
    """A directive that hands requests on, and the handler before it that leaves it none."""

    entry: Entry
    level: Level
    behind: Entry | None = None


def levels(root: Node) -> Iterator[Level]:
    """Give all mappings of directives, the outer ones first. A part of a configuration begins at the level it is of."""
    yield from _LEVEL[_kind(root)](root, None)


def places(level: Level) -> Iterator[Place]:
    """Give the places of a level, and the files that are behind what takes all requests."""
    last: Entry | None = None
    for entry in level.node.entries or ():
        if entry.key in PASSES or (entry.key in ("file.dir", "file.file") and last is not None):
            yield Place(entry, level, last)
        if entry.key in LAST and last is None:
            last = entry


def _kind(root: Node) -> str:
    keys = [entry.key for entry in root.entries or ()]
    if "hosts" in keys:
        return GLOBAL
    if "paths" in keys:
        return HOST
    if any(key in HANDLERS for key in keys) or root.items is not None:
        return EXTENSION if "extension" in keys else PATH
    if keys and all(key.startswith("/") for key in keys):
        return "paths"
    if any(entry.node.get("paths") for entry in root.entries or ()):
        return "hosts"
    return GLOBAL


def _global(root: Node, outer: Level | None) -> Iterator[Level]:
    level = Level(GLOBAL, root, outer)
    yield level
    yield from _extensions(level)
    for hosts in root.all("hosts"):
        yield from _hosts(hosts.node, level)


def _hosts(node: Node, outer: Level | None) -> Iterator[Level]:
    for entry in node.entries or ():
        yield from _host(entry.node, outer, entry)


def _host(node: Node, outer: Level | None, key: Entry | None = None) -> Iterator[Level]:
    level = Level(HOST, node, outer, key)
    yield level
    yield from _extensions(level)
    for paths in node.all("paths"):
        yield from _paths(paths.node, level)


def _paths(node: Node, outer: Level | None) -> Iterator[Level]:
    for entry in node.entries or ():
        yield from _path(entry.node, outer, entry)


def _path(node: Node, outer: Level | None, key: Entry | None = None) -> Iterator[Level]:
    if node.items is not None:  # handlers, each with a dash, in place of one mapping
        entries = [entry for item in node.items for entry in item.entries or ()]
        node = Node(node.where, node.asked, entries=entries)
    level = Level(PATH, node, outer, key)
    yield level
    yield from _extensions(level)


def _extensions(level: Level) -> Iterator[Level]:
    for entry in level.node.all("file.custom-handler"):
        for node in entry.node.each():
            yield Level(EXTENSION, node, level, entry)


def _extension(node: Node, outer: Level | None) -> Iterator[Level]:
    yield Level(EXTENSION, node, outer)


_LEVEL = {GLOBAL: _global, "hosts": _hosts, HOST: _host, "paths": _paths, PATH: _path, EXTENSION: _extension}

"""Which of several lines takes a request, and where Caddy looks for files that need no application."""

from __future__ import annotations

import os
from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.caddy.paths import root_of
from gateways.doctor.caddy.places import ALL, BLOCKS, PHP, PROXY, Place, patterns
from gateways.doctor.caddy.syntax import GLOBAL, SITE
from gateways.doctor.directives import Directive
from gateways.doctor.findings import WARNING, Finding, declare

STATIC = declare(
    "static-path",
    WARNING,
    "`root` stands before all of the path of the URL, or before what `handle_path` leaves of it: with the other of "
    "the two the files are looked for in another directory.",
)
BARE_ROOT = declare(
    "root-matcher", WARNING, "Caddy before 2.8 takes `root /srv` for a path of URLs, and does not start."
)

_FILES = "file_server"
#: Caddy sorts what answers a request in this order, but in a route; what has a path goes before what has none.
_ORDER = {"redir": 0, "handle": 1, "handle_path": 1, "route": 2, "respond": 3, PROXY: 4, PHP: 5, _FILES: 6}


def examine(root: Directive, run: bool) -> Iterator[Finding]:
    """Yield the lines that get no request, and the files that are looked for at a wrong place."""
    reordered = any(order.value in _ORDER for options in root.all(GLOBAL) for order in options.all("order"))
    for block in root.walk():
        if block.name in (SITE, *BLOCKS):
            if block.name == "route" or not reordered:
                yield from _examine_order(block)
        elif block.name == _FILES and block.asked:
            yield from _examine_files(block, run)
        elif block.name == "root" and _is_bare(block):
            what = f"Caddy before 2.8 takes {block.value} for a path of URLs, and does not start"
            yield BARE_ROOT.found(block.where, what, f"root * {block.value}")


def _is_bare(root: Directive) -> bool:
    above = root.parent.name if root.parent else ""
    return root.asked and len(root.args) == 1 and root.value.startswith("/") and above in (SITE, *BLOCKS)


def _examine_order(block: Directive) -> Iterator[Finding]:
    lines = list(block.all(*_ORDER))
    literal = block.name == "route"
    if not literal:
        lines.sort(key=lambda one: (_ORDER[one.name], patterns(one) == ALL))
    wall: Directive | None = None
    for one in lines:
        if wall is not None and one.asked and one.name not in ("redir", "respond"):
            what = f"{wall.name} in line {wall.line} takes every request, and this {one.name} gets none"
            remedy = f"put it above line {wall.line}" if literal else _divided(wall, one)
            yield faults.ORDER.found(one.where, what, remedy)
        wall = wall or (one if _takes_all(one) else None)


def _divided(wall: Directive, one: Directive) -> str:
    if one.name == _FILES and wall.name == PROXY:
        paths = patterns(one) or ALL
        path = f"{paths[0].rstrip('/*')}/*" if paths != ALL else "/static/*"
        return f"handle {path} around file_server, and handle around {wall.name}: without them Caddy sorts the lines"
    return "give each a handle of its own, with its path: without them Caddy sorts the lines"


def _takes_all(directive: Directive) -> bool:
    """Say whether a line answers every request that comes to it."""
    if patterns(directive) != ALL:
        return False
    if directive.name in ("handle", "route"):
        return any(_takes_all(one) for one in directive.all(*_ORDER))
    if directive.name == _FILES:
        return not any(directive.all("pass_thru"))
    return directive.name in (PROXY, "redir", "respond")


def _examine_files(files: Directive, run: bool) -> Iterator[Finding]:
    place = Place(files)
    root = next(files.all("root"), None) or root_of(files)
    mount = place.mount
    if not mount or root is None or not root.args or "{" in root.args[-1]:
        return
    directory = root.args[-1].rstrip("/")
    whole = f"{directory}{mount}"
    if place.stripped is None:
        twice = os.path.basename(directory) == os.path.basename(mount)
        if twice and not (run and os.path.isdir(whole)):
            what = f"{mount}/style.css is looked for as {whole}/style.css"
            yield STATIC.found(root.where, what, _stripping(place, mount))
    elif run and os.path.basename(directory) != os.path.basename(mount) and os.path.isdir(whole):
        what = f"{mount}/style.css is looked for as {directory}/style.css, and there is a directory {whole}"
        yield STATIC.found(root.where, what, f"root * {whole}")


def _stripping(place: Place, mount: str) -> str:
    if any(block.name == "handle" for block in place.blocks):
        return f"handle_path {mount}/* in place of handle"
    return f"handle_path {mount}/* around root and file_server"

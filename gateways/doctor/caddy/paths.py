"""Which paths Caddy hands on, and what the application sees of them: SCRIPT_NAME and PATH_INFO."""

from __future__ import annotations

import os
from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.caddy.places import ALL, BLOCKS, PHP, PROXY, Place, patterns
from gateways.doctor.caddy.syntax import SITE
from gateways.doctor.directives import Directive
from gateways.doctor.findings import ERROR, NOTE, WARNING, Finding, declare

EXACT = declare(
    "matcher-exact",
    WARNING,
    "A path without a star fits only itself: Caddy answers what is below it with an empty page and 200.",
)
LOST = declare(
    "mount-lost",
    WARNING,
    "The mount point is taken off the path and nobody says so: the application builds links without it.",
)

_FILES = "file_server"
#: Placeholders that have the query, and are encoded.
_WITH_QUERY = ("{uri}", "{http.request.uri}", "{http.request.orig_uri}")
#: By these headers an application by HTTP is told its mount point.
_PREFIX_HEADERS = ("X-Forwarded-Prefix", "X-Script-Name")


def examine(place: Place, run: bool) -> Iterator[Finding]:
    """Yield what is wrong with the paths of a place. With ``run`` files are looked for."""
    if place.for_php:
        yield from _examine_php(place, run)
        return
    yield from _examine_mount(place)
    if place.protocol == "fastcgi":
        yield from _examine_split(place)
        yield from _examine_variables(place)


def root_of(block: Directive) -> Directive | None:
    """Return the ``root`` that is in force in a block: the nearest."""
    for around in (block, *block.up()):
        found = next(around.all("root"), None)
        if found is not None:
            return found
    return None


def examine_matchers(root: Directive) -> Iterator[Finding]:
    """Yield the matchers that take less, or more, than what is below a path."""
    for block in root.walk():
        found = patterns(block) or ALL
        if not block.asked or found == ALL or not _hands_on(block):
            continue
        where, name, first = block.where, block.name, found[0]
        if not any("*" in pattern for pattern in found):
            if "." not in os.path.basename(first) and not _taken_elsewhere(block, first):
                what = f"{name} {first} is for the path {first} alone, and not for what is below it"
                remedy = f"{name} {first.rstrip('/')}/*" if first != "/" else f"{name} without the /"
                severity = ERROR if first == "/" or name == "handle_path" else ""
                yield EXACT.found(where, what, remedy, severity=severity)
        elif len(found) == 1 and first.endswith("*") and not first.endswith("/*") and "." not in first:
            mount = first[:-1]
            what = f"{first} takes {mount}le as well"
            yield faults.WIDE.found(where, what, f"@app path {mount} {mount}/*, and {name} @app")


def _hands_on(block: Directive) -> bool:
    """Whether it is for an application or for files; what only answers something may well be for one path."""
    if block.name in (PROXY, PHP):
        return bool(Place(block).upstreams)
    if block.name == _FILES:
        return True
    return block.name in BLOCKS and any(one.name in (PROXY, PHP, _FILES) for one in block.walk())


def _taken_elsewhere(block: Directive, path: str) -> bool:
    """Whether another line of the site is for what is below a path; then this one means it alone."""
    below = f"{path.rstrip('/')}/"
    return path != "/" and any(
        (pattern.startswith(below) and "*" in pattern) or pattern == f"{path}*"
        for site in block.up()
        if site.name == SITE
        for one in site.walk()
        for pattern in patterns(one) or ()
    )


def _examine_php(place: Place, run: bool) -> Iterator[Finding]:
    if any("php" in upstream.text or "fpm" in upstream.text for upstream in place.upstreams):
        return
    root = root_of(place.directive)
    directory = root.args[-1] if root and root.args else ""
    index = place.option("index")
    name = index.value if index else "index.php"
    if run and os.path.exists(os.path.join(directory, name)):
        return
    severity = ERROR if run and os.path.isdir(directory) else WARNING  # it may be in a container
    what = f"php_fastcgi looks for {name}, and hands on nothing where there is none"
    remedy = "for an application: reverse_proxy in its place, with transport fastcgi in its block"
    yield faults.FILES_ONLY.found(place.directive.where, what, remedy, severity=severity)


def _examine_mount(place: Place) -> Iterator[Finding]:
    stripped, mount = place.stripped, place.mount
    if stripped is None:
        return
    if stripped.name == "uri":
        mount = mount or next((arg for arg in stripped.args if arg.startswith("/")), "")
    told = place.variable("SCRIPT_NAME") is not None or any(place.header(name) for name in _PREFIX_HEADERS)
    if not mount or "{" in mount or told:
        return
    what = f"{stripped.name} takes {mount} off the path"
    if place.protocol == "fastcgi":
        what += "; gateways sees it by REQUEST_URI, others do not"
        yield LOST.found(stripped.where, what, f"env SCRIPT_NAME {mount} in transport fastcgi", severity=NOTE)
    else:
        remedy = f"handle {mount}/* in its place, and gateways serve --script-name {mount}"
        yield LOST.found(stripped.where, f"{what}, and the application does not know of it", remedy)


def _examine_split(place: Place) -> Iterator[Finding]:
    split = place.option("split")
    if split is None or place.variable("PATH_INFO") is not None:
        return
    rewritten = [arg for one in place.around("rewrite", "uri", "try_files") for arg in one.args]
    if any(text in arg for text in split.args for arg in rewritten):
        return  # it puts the name of a script into the path
    what = f"a path without {' or '.join(split.args)} becomes SCRIPT_NAME as a whole"
    yield faults.PATH_INFO.found(split.where, what, "leave split out: all of the path is PATH_INFO then")


def _examine_variables(place: Place) -> Iterator[Finding]:
    script, path = place.variable("SCRIPT_NAME"), place.variable("PATH_INFO")
    name = script.args[1] if script and len(script.args) > 1 else ""
    if script and name not in ("", "/") and "{" not in name and path is None and place.stripped is None:
        what = f"SCRIPT_NAME is {name}, and PATH_INFO is the whole path, with it"
        yield faults.MOUNT_TWICE.found(script.where, what, f"handle_path {name}/* around it")
    if path and path.args[-1] in _WITH_QUERY:
        what = f"{path.args[-1]} is the path as it was sent, with the query: PATH_INFO has to be without, and decoded"
        yield faults.SPLIT.found(path.where, what, "env PATH_INFO {path}")

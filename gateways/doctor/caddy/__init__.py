"""Examines a Caddyfile: the main one, or one that it imports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from gateways.doctor.caddy import addresses, checks, paths, routes
from gateways.doctor.caddy.places import places
from gateways.doctor.caddy.syntax import Reader
from gateways.doctor.directives import Fault
from gateways.doctor.findings import Finding
from gateways.doctor.targets import Options
from gateways.doctor.wholes import Server, main_above, read_whole


def examine(path: str, options: Options) -> Iterator[Finding]:
    """Yield what is wrong with the file. Snippets and blocks of its Caddyfile count, if there is one above."""
    server = _SERVER if _is_part(path) else replace(_SERVER, mains=())
    whole = yield from read_whole(server, path)
    if whole is None:
        return
    root = whole.content
    backends = server.backends("caddy", options)
    for place in places(root):
        yield from addresses.examine(place, backends)
        yield from paths.examine(place, options.run)
        yield from checks.examine(place)
    yield from paths.examine_matchers(root)
    yield from routes.examine(root, options.run)
    yield from checks.examine_rest(root)


def _is_part(path: str) -> bool:
    """Say whether a file is one that a Caddyfile above imports, or should. Many a project has one for itself."""
    main = None if "Caddyfile" in os.path.basename(path) else main_above(path, _SERVER.mains)
    if main is None or os.path.basename(os.path.dirname(main)) == "caddy":
        return main is not None
    reader = Reader(path)
    try:
        reader.read(main)
    except (Fault, OSError):
        pass
    return reader.met


def _enabling(path: str, main: str) -> str:
    return f"import {os.path.abspath(path)} in {main}, then caddy reload --config {main}"


_SERVER = Server(
    ("Caddyfile",), ("caddy", "caddy-api"), "caddy validate --config /etc/caddy/Caddyfile", Reader, _enabling
)

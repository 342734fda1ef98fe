"""Examines a configuration of nginx: a whole one, a file of it, or what ``nginx -T`` has written."""

from __future__ import annotations

import os
from collections.abc import Iterator

from gateways.doctor.findings import Finding
from gateways.doctor.nginx import addresses, limits, reach, variables
from gateways.doctor.nginx.places import places
from gateways.doctor.nginx.syntax import Reader
from gateways.doctor.targets import Options
from gateways.doctor.wholes import Server, read_whole


def examine(path: str, options: Options) -> Iterator[Finding]:
    """Yield what is wrong with the file. Settings that it inherits from its nginx.conf count, if there is one above."""
    whole = yield from read_whole(_SERVER, path)
    if whole is None:
        return
    root = whole.content
    backends = _SERVER.backends(next((directive.value for directive in root.all("user")), None), options)
    for place in places(root):
        yield from addresses.examine(place, root, backends)
        yield from reach.examine(place)
        yield from variables.examine(place)
        yield from limits.examine(place, root)
    yield from reach.examine_servers(root)
    yield from limits.examine_aliases(root)


def _enabling(path: str, main: str) -> str:
    path, enabled = os.path.abspath(path), os.path.join(os.path.dirname(main), "sites-enabled")
    if os.path.basename(os.path.dirname(path)) == "sites-available" and os.path.isdir(enabled):
        return f"ln -s {path} {enabled}/ && nginx -t && systemctl reload nginx"
    return f"put it into {os.path.dirname(main)}/conf.d, with a name that ends with .conf"


_SERVER = Server(("nginx.conf",), ("nginx",), "nginx -t", Reader, _enabling)

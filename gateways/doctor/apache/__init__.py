"""Examines a configuration of Apache: a whole one, or the file of a site."""

from __future__ import annotations

import os
from collections.abc import Iterator

from gateways.doctor.apache import limits, modules, passing
from gateways.doctor.apache.places import places
from gateways.doctor.apache.syntax import Reader
from gateways.doctor.findings import Finding
from gateways.doctor.targets import Options
from gateways.doctor.wholes import Server, read_whole


def examine(path: str, options: Options) -> Iterator[Finding]:
    """Yield what is wrong with the file. What its apache2.conf or httpd.conf says counts, if there is one above."""
    whole = yield from read_whole(_SERVER, path)
    if whole is None:
        return
    root = whole.content
    backends = _SERVER.backends(next((directive.value for directive in root.all("user")), None), options)
    for place in places(root):
        yield from passing.examine(place, backends)
        yield from limits.examine(place)
    yield from passing.examine_order(root)
    yield from modules.examine(root)


def _enabling(path: str, main: str) -> str:
    directory, name = os.path.split(os.path.abspath(path))
    command = {"sites-available": "a2ensite", "conf-available": "a2enconf"}.get(os.path.basename(directory))
    if command:
        return f"{command} {os.path.splitext(name)[0]} && systemctl reload apache2"
    return f"put it where {main} includes it"


#: Debian's main file, and that of all others.
_MAINS = ("apache2.conf", "httpd.conf", "conf/httpd.conf")
_SERVER = Server(_MAINS, ("apache2", "httpd"), "apachectl configtest", Reader, _enabling)

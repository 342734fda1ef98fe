"""Examines a configuration of lighttpd: a whole one, or a file of conf-available."""

from __future__ import annotations

import os
from collections.abc import Iterator

from gateways.doctor.findings import Finding
from gateways.doctor.lighttpd import checks
from gateways.doctor.lighttpd.places import places
from gateways.doctor.lighttpd.syntax import Configuration, Reader
from gateways.doctor.targets import Options
from gateways.doctor.wholes import Server, read_whole


def examine(path: str, options: Options) -> Iterator[Finding]:
    """Yield what is wrong with the file. What its lighttpd.conf says counts, if there is one above."""
    whole = yield from read_whole(_SERVER, path)
    if whole is None:
        return
    configuration = whole.content
    user = configuration.in_force("server.username", ())
    backends = _SERVER.backends(str(user.value) if user else None, options)
    found = list(places(configuration))
    for place in found:
        yield from checks.examine(place, configuration, backends)
    yield from checks.examine_modules(configuration, found, whole.main is not None or _is_whole(configuration))
    yield from checks.examine_aliases(configuration)


def _is_whole(configuration: Configuration) -> bool:
    return any(setting.name in ("server.document-root", "server.port") for setting in configuration.settings)


def _enabling(path: str, main: str) -> str:
    name = os.path.splitext(os.path.basename(path))[0].lstrip("0123456789-")
    return f"lighty-enable-mod {name} && systemctl reload lighttpd"


_SERVER = Server(("lighttpd.conf",), ("lighttpd",), "lighttpd -t -f /etc/lighttpd/lighttpd.conf", Reader, _enabling)

"""Examines a configuration of HAProxy: a whole one, or a file of its directory."""

from __future__ import annotations

import grp
from collections.abc import Iterator
from dataclasses import replace

from gateways.doctor.accounts import Account
from gateways.doctor.backends import Backends
from gateways.doctor.findings import ERROR, Finding
from gateways.doctor.haproxy import addresses, health, limits, multiplexing, passing, routes
from gateways.doctor.haproxy.places import Place, places
from gateways.doctor.haproxy.syntax import Configuration, Reader
from gateways.doctor.targets import Options
from gateways.doctor.wholes import Server, read_whole


def examine(path: str, options: Options) -> Iterator[Finding]:
    """Yield what is wrong with the file. A part without ``global`` and ``defaults`` has those of its haproxy.cfg."""
    seen: set[Finding] = set()
    for finding in _examine(path, options):
        if finding not in seen:  # several backends may have one frontend
            seen.add(finding)
            yield finding


def _examine(path: str, options: Options) -> Iterator[Finding]:
    whole = yield from read_whole(_SERVER, path)
    if whole is None:
        return
    configuration = whole.content
    backends = _SERVER.backends(configuration.word("user") or None, options)
    if options.user is None:
        backends.account = _in_one_group(backends.account, configuration)
    found = places(configuration)
    yield from routes.examine(configuration, found)
    for place in found:
        yield from _examine_servers(place, configuration, backends)
        yield from passing.examine(place)
        yield from limits.examine(place, measured=bool(configuration.word("tune.bufsize")))
    yield from passing.examine_applications(configuration, found)


def _examine_servers(place: Place, configuration: Configuration, backends: Backends) -> Iterator[Finding]:
    """Yield what is wrong with the servers, and what they answer if nothing is."""
    seen = list(addresses.examine(place, configuration, backends))
    yield from seen
    if not backends.options.run or any(finding.severity == ERROR for finding in seen):
        return
    for server in place.servers:
        address = addresses.plain_address(server, configuration)
        if not address or not server.line.asked or server.has("disabled"):
            continue
        answered = list(health.examine(place, server, address, backends.options))
        yield from answered
        if place.application is not None and server.protocol == "fastcgi":
            yield from multiplexing.examine(place.application, address, backends.options)
        if answered:
            return


def _in_one_group(account: Account, configuration: Configuration) -> Account:
    """Return the account as HAProxy has it, which gives up all groups but that which its ``global`` names."""
    name = configuration.word("group")
    try:
        gid = grp.getgrnam(name).gr_gid if name else None
    except KeyError:
        gid = None
    return account if gid is None else replace(account, gid=gid, groups=frozenset({gid}))


_SERVER = Server(
    ("haproxy.cfg",), ("haproxy",), "haproxy -c -f /etc/haproxy/haproxy.cfg", Reader, lambda path, main: f"-f {path}"
)

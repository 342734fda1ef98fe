"""What a whole configuration of h2o has to have: hosts with paths, something that listens, a user."""

from __future__ import annotations

import pwd
import re
from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.findings import NOTE, Finding, declare
from gateways.doctor.h2o.nodes import Entry, Node

HOST_PORT = declare(
    "host-port", NOTE,
    "h2o compares a host with its port, and a name alone stands for 80 and 443: other requests go to the first host.",
)  # fmt: skip

_DEFAULT = {80, 443}
_PORT = re.compile(r":([0-9]{1,5})$")
#: A colon without a space, with what people write before it.
_GLUED = re.compile(r"[A-Za-z][\w.-]*:\S")


def examine(root: Node, run: bool) -> Iterator[Finding]:
    """Yield what is wrong with the whole. ``run``: the machine is the one that it is for."""
    yield from _examine_limit(root)
    user = root.get("user")
    if run and user is not None and user.asked and user.node.known and not _exists(user.node.text):
        yield faults.SYNTAX.found(user.where, f"there is no user {user.node.text}", "user: debian-h2o, or nobody")
    for hosts in root.all("hosts"):
        if not hosts.node.is_known():
            continue
        if not hosts.node.entries and hosts.asked:
            yield faults.SYNTAX.found(
                hosts.where, "there are no hosts, so h2o does not start", _below(hosts, "example.org")
            )
        for host in hosts.node.entries or ():
            if host.asked:
                yield from _examine_host(host, root)
        yield from _examine_ports(hosts.node.entries or [], root)
    for listen in root.all("listen"):
        yield from _examine_listen(listen)


def _examine_limit(root: Node) -> Iterator[Finding]:
    limit = root.get("limit-request-body")
    value = None if limit is None else limit.number()
    if limit is not None and value is not None and value < faults.USUAL_BODY:
        unread = "" if limit.node.text.isdigit() else f": of {limit.node.text} it reads only the number"
        what = f"uploads of more than {value} bytes are answered 413 by h2o{unread}"
        yield faults.BODY_LIMIT.found(limit.where, what, "limit-request-body: 104857600")


def _examine_host(host: Entry, root: Node) -> Iterator[Finding]:
    node = host.node
    if not node.is_known():
        return
    paths = node.get("paths")
    if paths is None:
        yield faults.SYNTAX.found(host.where, f"the host {host.key} has no paths", _below(host, "paths"))
    elif paths.node.entries is None and paths.node.known:
        yield faults.SYNTAX.found(paths.where, "paths has to have paths below it", _below(paths, "/"))
    for path in paths.node.entries or () if paths is not None else ():
        if path.node.entries is None and path.node.items is None and path.node.known:
            what = f"the path {path.key} has no directives below it"
            yield faults.SYNTAX.found(path.where, what, _below(path, "fastcgi.connect"))
    if not node.get("listen") and not root.get("listen"):
        yield faults.SYNTAX.found(host.where, f"nothing listens for {host.key}", "listen: { port: 80 }")
    for listen in node.all("listen"):
        yield from _examine_listen(listen)


def _examine_listen(listen: Entry) -> Iterator[Finding]:
    for node in listen.node.each():
        if _GLUED.match(node.text) and node.known and node.asked:
            yield faults.SYNTAX.found(node.where, f"{node.text} has no space behind its colon", _below(listen, "port"))


def _examine_ports(hosts: list[Entry], root: Node) -> Iterator[Finding]:
    """The first host gets what is for none, and one that listens alone gets what comes to its port."""
    ports = {port for listen in root.all("listen") for node in listen.node.each() if (port := _port_of(node))}
    for host in hosts[1:]:
        written = _PORT.search(host.key)
        wanted = {int(written[1])} if written else _DEFAULT
        if ports and host.asked and not wanted & ports and not host.node.get("listen") and not host.key.startswith("*"):
            port = min(ports)
            what = f"{host.key} does not stand for port {port}: requests for it go to {hosts[0].key}"
            yield HOST_PORT.found(host.where, what, f'"{_PORT.sub("", host.key)}:{port}":')


def _port_of(listen: Node) -> int | None:
    """Return the port of ``listen: 80`` or ``listen: { port: 80 }``."""
    text = listen.text if listen.entries is None else listen.scalar("port")
    return int(text) if text.isdigit() and len(text) < 6 else None


def _below(entry: Entry, key: str) -> str:
    """Return how to write what somebody meant: a colon, and a space behind it."""
    if _GLUED.match(entry.node.text):
        return f"a space is missing behind the colon: {entry.node.text.replace(':', ': ', 1)}"
    return f'"{entry.key}": {{ "{key}": ... }}'


def _exists(user: str) -> bool:
    try:
        return bool(pwd.getpwnam(user))
    except KeyError:
        return False

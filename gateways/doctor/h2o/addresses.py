"""The backends that h2o is told of: is the address written as h2o reads it, and who listens there?"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

from gateways.addresses import Address, parse_address
from gateways.doctor import faults
from gateways.doctor.accounts import EXECUTE, account_of, allowed
from gateways.doctor.backends import Backends
from gateways.doctor.findings import Finding
from gateways.doctor.h2o.nodes import Entry, Node
from gateways.errors import ConfigError

_URL = re.compile(
    r"(https?)://(?:\[unix:(?P<path>/[^\]]*)\]|(?P<host>\[[0-9a-f:.]+\]|[^/:\[\]@]+)(?::(?P<port>[0-9]{1,5}))?)(?:/.*)?",
    re.IGNORECASE,
)
_SOCKET_URL = re.compile(r"https?://unix:(/[^:]*)", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def examine(entry: Entry, backends: Backends) -> Iterator[Finding]:
    """Yield what is wrong with the address, or the program, of a directive that hands requests on."""
    if not entry.node.is_known():
        return
    if entry.key == "fastcgi.spawn":
        yield from _examine_program(entry, backends)
    elif entry.key == "fastcgi.connect":
        yield from _examine_connect(entry, backends)
    else:
        for node in urls(entry.node):
            yield from _examine_url(node, backends)


def line(address: Address, protocol: str) -> str:
    """Return the directive for a backend that speaks the protocol; "" if h2o does not speak that."""
    unix = address.kind == "unix"
    if protocol == "http":
        return f'proxy.reverse.url: "http://{f"[{address}]" if unix else address}/"'
    if protocol != "fastcgi":
        return ""
    return f"fastcgi.connect: {_connect(address.path if unix else str(address.port), '' if unix else address.host)}"


def _connect(port: str, host: str = "") -> str:
    return f'{{ host: "{host}", port: {port} }}' if host else f"{{ port: {port}, type: unix }}"


def _examine_connect(entry: Entry, backends: Backends) -> Iterator[Finding]:
    node = entry.node
    scalar = node.entries is None and node.items is None
    port = node if scalar else getattr(node.get("port"), "node", None)
    kind = "tcp" if scalar else node.scalar("type") or "tcp"
    host = "127.0.0.1" if scalar else node.scalar("host") or "127.0.0.1"
    what, remedy = "", "fastcgi.connect: { port: /run/gateways/app.sock, type: unix }"
    if port is None or not port.text:
        what = "the backend has no port, which is also where h2o wants the path of a socket"
    elif kind not in ("tcp", "unix"):
        what, remedy = f"h2o knows no type {kind}", "type: unix, or type: tcp"
    elif kind == "unix" and not port.text.startswith("/"):
        what = f"with type: unix {port.text} is the path of a socket, below the directory that h2o was started in"
        remedy = "leave type: unix out" if port.text.isdigit() else remedy
    elif kind == "tcp" and not re.fullmatch("[0-9]{1,5}", port.text):
        what, remedy = _no_number(port.text)
    if what:
        yield faults.ADDRESS.found(port.where if port is not None else entry.where, what, remedy)
        return
    assert port is not None
    bracketed = f"[{host}]" if ":" in host else host
    text = f"unix:{port.text}" if kind == "unix" else f"{bracketed}:{port.text}"
    yield from _check("fastcgi", text, port.where, backends)


def _no_number(text: str) -> tuple[str, str]:
    """Return what h2o makes of a port that is none, and what to write."""
    path = text[text.index("/") :] if text.startswith(("unix:/", "/")) else ""
    if path:
        return f"{text} is taken for a port, so h2o does not start", f"fastcgi.connect: {_connect(path)}"
    host, colon, number = text.rpartition(":")
    if colon and number.isdigit():
        return f"h2o reads a port there, and of {text} only its beginning", f"fastcgi.connect: {_connect(number, host)}"
    return f"{text} is no port", "fastcgi.connect: { port: 9000 }"


def urls(node: Node) -> Iterator[Node]:
    """Give the URLs of ``proxy.reverse.url``: one, a list, or ``backends`` with a balancer."""
    backends = node.get("backends")
    for item in (backends.node if backends is not None else node).each():
        url = item.get("url")
        yield url.node if url is not None else item


def _examine_url(node: Node, backends: Backends) -> Iterator[Finding]:
    if not node.is_known():
        return
    match = _URL.fullmatch(node.text)
    if match is None:
        yield faults.ADDRESS.found(node.where, f"{node.text or 'nothing'} is no URL as h2o reads it", _url(node.text))
        return
    if match[1].lower() == "https":
        return  # what it speaks inside of TLS is not looked at
    address = f"unix:{match['path']}" if match["path"] else f"{match['host']}:{match['port'] or 80}"
    yield from _check("http", address, node.where, backends)


def _url(text: str) -> str:
    """Return how to write what somebody meant as the URL of a backend."""
    socket = _SOCKET_URL.match(text)
    path = socket[1] if socket else text[5:] if text.startswith("unix:/") else text if text.startswith("/") else ""
    if path:
        return f'proxy.reverse.url: "http://[unix:{path}]/"'
    scheme, colon, rest = text.partition("://")
    if colon and scheme.lower() in ("fcgi", "fastcgi"):
        return "fastcgi.connect: { port: 9000 }"
    return f'proxy.reverse.url: "http://{(rest if colon else text).strip("/") or "127.0.0.1:8000"}/"'


def _check(protocol: str, text: str, where: str, backends: Backends) -> Iterator[Finding]:
    def written(other: str) -> str:
        return line(parse_address(text), other)

    yield from backends.check(protocol, text, where, written)


def _examine_program(entry: Entry, backends: Backends) -> Iterator[Finding]:
    command = (entry.node.get("command") or entry).node
    where = command.where
    try:
        words = [word for word in shlex.split(command.text) if not _ASSIGNMENT.match(word)]
    except ValueError:  # a quotation mark that is not closed
        return
    program = next((word for word in words if word != "exec"), "")
    if not backends.options.run or not program.startswith("/"):
        return
    account = backends.account
    try:
        account = account_of(entry.node.scalar("user")) if entry.node.get("user") else account
    except ConfigError:
        yield faults.SYNTAX.found(where, f"there is no user {entry.node.scalar('user')}", "give one that there is")
    try:
        runs = allowed(account, program, EXECUTE)
    except OSError:
        yield faults.NO_SCRIPT.found(where, f"there is no {program}", "correct the path")
        return
    if not runs or os.path.isdir(program):
        what = f"{account.name} may not execute {program}"
        yield faults.NO_SCRIPT.found(where, what, f"chmod 755 {program}")

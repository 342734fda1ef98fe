"""The servers of a backend: is the address written as HAProxy reads it, from inside its chroot, and what is there?"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.backends import Backends
from gateways.doctor.findings import ERROR, WARNING, Finding, declare
from gateways.doctor.haproxy.places import Place, Server
from gateways.doctor.haproxy.syntax import Configuration

CHROOT = declare(
    "socket-chroot", ERROR, "HAProxy looks for the socket inside its chroot, where the application's is not: 503."
)

_FAMILY = re.compile(r"((?:stream\+)?(?:ip|ipv4|ipv6|tcp|tcp4|tcp6))@(.*)")
_URL = re.compile(r"(\w+)://(?:[^/@]*@)?([^/]*)")
#: Requests go where the client meant them to go.
_TRANSPARENT = ("", "*", "0.0.0.0", "::")
#: Those that a backend cannot be asked at from here.
_ELSEWHERE = ("fd@", "sockpair@", "rhttp@", "udp@", "quic4@", "quic6@", "dgram+", "rev@")


def examine(place: Place, configuration: Configuration, backends: Backends) -> Iterator[Finding]:
    """Yield what is wrong with the servers of a backend."""
    for server in place.servers:
        if server.line.asked:
            yield from _examine_server(server, place, configuration, backends)


def plain_address(server: Server, configuration: Configuration) -> str:
    """Return the address as gateways writes it, from outside the chroot; "" if it is none that can be connected to."""
    text = _FAMILY.sub(r"\2", server.address)
    if "$" in text or text.startswith(_ELSEWHERE) or not text:
        return ""
    if text.startswith(("/", "unix@")):
        return f"unix:{_root(configuration)}{text[5:] if text.startswith('unix@') else text}"
    host, port = _parts(text)
    if not port.isdecimal():
        return ""
    host = "127.0.0.1" if host in ("", "*", "0.0.0.0") else host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _examine_server(
    server: Server, place: Place, configuration: Configuration, backends: Backends
) -> Iterator[Finding]:
    where, text = server.line.where, server.address
    wrong = _wrong(server, place)
    if wrong:
        what, address = wrong
        if address.startswith("/") and _root(configuration):
            address = "127.0.0.1:9000"  # from inside a chroot it would not be found
        yield faults.ADDRESS.found(where, what, _written(server, address))
        return
    address = plain_address(server, configuration)
    root = _root(configuration)
    if address.startswith("unix:") and root:
        path = address[5:]
        if not (backends.options.run and os.path.lexists(path)):
            what = f"HAProxy is in the chroot {root}, and looks for {path}"
            sure = backends.options.run or text.startswith(root)
            remedy = f"{_written(server, '127.0.0.1:9000')} (HAProxy finds no other program's socket)"
            yield CHROOT.found(where, what, remedy, severity=ERROR if sure else WARNING)
            return
    hidden = not server.protocol or server.has_any("ssl", "send-proxy", "send-proxy-v2", "disabled")
    if not address or hidden or not _is_http(place):
        return
    yield from backends.check(server.protocol, address, where, lambda found: _spoken(server, found))


def _is_http(place: Place) -> bool:
    """Say whether what arrives at the server is known: in mode tcp it is what the client speaks."""
    if place.mode == "http":
        return True
    binds = [bind for section in place.frontends for bind in section.all("bind")]
    plain = [bind for bind in binds if bind.word(1).endswith((":80", ":8080")) and "ssl" not in bind.words]
    return bool(binds) and len(plain) == len(binds)


def _wrong(server: Server, place: Place) -> tuple[str, str] | None:
    """Return what HAProxy makes of an address that is not written as it should be, and how to write it."""
    text = server.address
    if not text:
        return "the server has no address", "127.0.0.1:9000"
    if "$" in text or text.startswith(_ELSEWHERE):
        return None
    url = _URL.match(text)
    if url:
        return f"{text} is a URL, and HAProxy wants an address", url[2]
    if text.startswith("unix:"):
        return f"{text} is taken for the host unix", text[5:]
    if text.startswith(("abns@", "@")):
        return f"HAProxy fills the name of {text} up with NUL, so it is another socket's", "127.0.0.1:9000"
    return None if text.startswith(("/", "unix@")) else _wrong_port(_FAMILY.sub(r"\2", text), server, place)


def _wrong_port(text: str, server: Server, place: Place) -> tuple[str, str] | None:
    host, port = _parts(text)
    if "/" in text:
        return f"{text} has a path, and HAProxy wants an address", text.partition("/")[0]
    if not port and host not in _TRANSPARENT and place.mode == "http" and server.protocol:
        what = f"{text} has no port: HAProxy takes that to which the client came"
        return what, f"{text.rstrip(':')}:{9000 if server.protocol == 'fastcgi' else 8000}"
    if port and not re.fullmatch(r"[+-]?[0-9]+", port):
        return f"{port} is no port", f"{host}:9000"
    return None


def _parts(text: str) -> tuple[str, str]:
    """Divide an address into host, without brackets, and port."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, port.lstrip(":")
    host, colon, port = text.rpartition(":")
    return (host, port) if colon else (text, "")


def _root(configuration: Configuration) -> str:
    root = configuration.word("chroot").rstrip("/")
    return "" if "$" in root else root


def _written(server: Server, address: str) -> str:
    return " ".join(["server", server.line.word(1), address, *server.line.words[3:]])


def _spoken(server: Server, protocol: str) -> str:
    words = ["server", server.line.word(1), server.address]
    if protocol == "fastcgi":
        return f"{' '.join(words)} proto fcgi, with use-fcgi-app (gateways conf haproxy shows all of it)"
    return f"{' '.join(words)} (without proto fcgi and use-fcgi-app)" if protocol == "http" else ""

"""Where Caddy hands requests on to: is the address written as Caddy reads it, and what listens there?"""

from __future__ import annotations

from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.backends import Backends
from gateways.doctor.caddy.places import Place, Upstream, matcher
from gateways.doctor.findings import WARNING, Finding

#: The transports that Caddy has without more modules.
_TRANSPORTS = ("http", "fastcgi")
#: What belongs into ``transport fastcgi``, and is no word of reverse_proxy itself.
_OF_FASTCGI = ("env", "split", "root", "resolve_root_symlink", "capture_stderr")
_OF_TRANSPORTS = ("dial_timeout", "read_timeout", "write_timeout")


def examine(place: Place, backends: Backends) -> Iterator[Finding]:
    """Yield what is wrong with the addresses of a place, and with what listens there."""
    yield from _examine_transport(place)
    directive = place.directive
    if not place.upstreams and not place.dynamic:
        yield faults.ADDRESS.found(directive.where, *_without_any(place))
    for upstream in place.upstreams:
        if "{" in upstream.text:
            continue  # known to Caddy only
        wrong = _wrong(upstream, place)
        if wrong:
            yield faults.ADDRESS.found(upstream.where, *wrong)
            continue
        if upstream.text.startswith("unix/") and not upstream.text.startswith(("unix//", "unix/@")):
            yield _relative(upstream, place)
            continue

        def line(protocol: str, address: str = upstream.text) -> str:
            return _line(place, protocol, address)

        protocol = "" if place.by_tls else place.protocol
        yield from backends.check(protocol, _address(upstream, place), upstream.where, line)


def _examine_transport(place: Place) -> Iterator[Finding]:
    transport = place.transport
    if transport is not None and transport.value not in _TRANSPORTS:
        what = f"Caddy speaks {transport.value} with a module that it does not come with"
        remedy = "serve the application by FastCGI or HTTP, or build Caddy with xcaddy"
        yield faults.MODULE.found(transport.where, what, remedy, severity=WARNING)
    if place.for_php:
        return
    for line in place.directive.all(*_OF_FASTCGI, *_OF_TRANSPORTS):
        kind = "fastcgi" if line.name in _OF_FASTCGI else place.protocol
        what = f"{line.name} is no word of reverse_proxy, so Caddy does not start"
        yield faults.SYNTAX.found(line.where, what, f"transport {kind} {{ ... }} around it")


def _without_any(place: Place) -> tuple[str, str]:
    path, name = matcher(place.directive), place.directive.name
    if path.startswith("/") and path != "/*":
        return f"{path} is taken for a path of URLs, and there is no backend", f"{name} unix/{path}"
    return f"{name} has no address", f"{name} unix//run/gateways/app.sock"


def _beginning(place: Place) -> str:
    return f"{place.directive.name} {matcher(place.directive)}".rstrip()


def _relative(upstream: Upstream, place: Place) -> Finding:
    path = upstream.text[len("unix/") :]
    what = f"the socket {path} is looked for below the directory that Caddy was started in"
    return faults.ADDRESS.found(upstream.where, what, f"{_beginning(place)} unix//{path}", severity=WARNING)


def _wrong(upstream: Upstream, place: Place) -> tuple[str, str] | None:
    """Return what is wrong with an address as it is written, and what to write."""
    text, name = upstream.text, _beginning(place)
    plain = text.rstrip(";,")
    if plain != text:
        return f"{text} ends with {text[len(plain) :]}, which is no part of an address", f"{name} {plain}"
    for begin in ("unix://", "unix:"):
        if text.startswith(begin):
            return f"Caddy does not read {text} as a socket", f"{name} unix//{text[len(begin) :].lstrip('/')}"
    if text.startswith("/"):
        return f"{text} is taken for the name of a host", f"{name} unix/{text}"
    if upstream.path:
        what = f"the address {text} has a path, and Caddy takes none"
        bare = f"{upstream.scheme}://{upstream.host}"
        path = upstream.path.rstrip("/")
        return what, f"{name} {bare}" + (f", and rewrite * {path}{{uri}} before it" if path else "")
    if text.isdigit():
        return f"{text} is taken for the name of a host", f"{name} 127.0.0.1:{text}"
    return None


def _address(upstream: Upstream, place: Place) -> str:
    """Return the address as gateways writes it."""
    host = upstream.host
    for begin in ("unix/", "unix+h2c/"):
        if host.startswith(begin):
            return f"unix:{host[len(begin) :]}"
    for begin in ("tcp/", "tcp4/", "tcp6/"):
        host = host[len(begin) :] if host.startswith(begin) else host
    if host.startswith(":"):
        host = f"localhost{host}"
    if host.rpartition("]")[2].count(":") == 0:
        host = f"{host}:{443 if upstream.scheme == 'https' else 80}"
    return host


def _line(place: Place, protocol: str, address: str) -> str:
    """Return what to write for a protocol."""
    begin = f"reverse_proxy {matcher(place.directive)}".rstrip()
    if protocol == "fastcgi":
        return f"transport fastcgi in the block of {begin} {address}"
    return f"{begin} {address}, without transport {place.protocol}" if protocol == "http" else ""

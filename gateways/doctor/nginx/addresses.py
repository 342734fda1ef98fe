"""Where nginx hands requests on to: is the address written as nginx reads it, and what listens there?"""

from __future__ import annotations

from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.backends import Backends
from gateways.doctor.directives import Directive
from gateways.doctor.findings import Finding
from gateways.doctor.nginx.places import Place

_DIRECTIVES = {"fastcgi": "fastcgi_pass ", "scgi": "scgi_pass ", "uwsgi": "uwsgi_pass ", "http": "proxy_pass http://"}


def examine(place: Place, root: Directive, backends: Backends) -> Iterator[Finding]:
    """Yield what is wrong with the address of a place, and with what listens there."""
    directive, target = place.directive, place.target
    if "$" in directive.value:
        return  # known to nginx only
    wrong = _wrong(place)
    if wrong:
        yield faults.ADDRESS.found(directive.where, *wrong)
        return
    members = servers(target, root)
    for where, address in [(directive.where, target)] if members is None else members:
        written = str(directive.value if members else "")

        def line(protocol: str, name: str = written or address) -> str:
            begin = _DIRECTIVES.get(protocol, "")
            return f"{begin}{name.replace('http://', '')};" if begin else ""

        protocol = "" if place.by_tls else place.protocol
        yield from backends.check(protocol, with_port(address, place), where, line)


def servers(name: str, root: Directive) -> list[tuple[str, str]] | None:
    """Return the members of an upstream of that name, each with its place in the file; None if there is no such."""
    for block in root.walk():
        if block.name == "upstream" and block.value == name:
            found = [(server.where, server.value) for server in block.all("server") if "down" not in server.args]
            return [(where, value) for where, value in found if "$" not in value]
    return None


def with_port(address: str, place: Place) -> str:
    """Return the address as gateways writes it, with the port that nginx takes where there is none."""
    if address.startswith("unix:"):
        return address
    if address.startswith("[") and address.endswith("]"):
        return f"{address}:{443 if place.by_tls else 80}"
    return address if ":" in address else f"{address}:{443 if place.by_tls else 80}"


def _wrong(place: Place) -> tuple[str, str] | None:
    name, value = place.directive.name, place.directive.value
    if place.protocol == "http":
        if not value.startswith(("http://", "https://")):
            return f"{name} {value} has no http:// in front", f"{name} http://{value};"
        return None
    if "://" in value:
        return f"{name} takes no URL", f"{name} {value.partition('://')[2].rstrip('/')};"
    if value.startswith("/"):
        return f"{name} {value} is taken for a host name", f"{name} unix:{value};"
    return None

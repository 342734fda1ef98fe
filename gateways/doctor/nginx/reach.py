"""Whether nginx hands any request of a client on: locations for files only, or for nginx itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.directives import Directive
from gateways.doctor.findings import Finding
from gateways.doctor.nginx.places import PASSES, Place

#: What leads nginx from one location to another.
_LEADS = ("auth_request", "error_page", "try_files", "rewrite", "mirror", "index", "post_action")
#: The end of a path that is the name of a program: there the file has to exist.
_ENDING = re.compile(r"\\\.\(?[a-z?:]+")


def examine(place: Place) -> Iterator[Finding]:
    """Yield why no request of a client comes to the application at this place."""
    yield from _examine_files(place)
    if place.internal and not _is_led_to(place):
        location = place.location
        assert location is not None
        [*_, internal] = location.all("internal")
        what = f"location {' '.join(location.args)} is for nginx itself, and nothing leads to it: clients get 404"
        yield faults.INTERNAL.found(internal.where, what, "leave internal out")


def examine_servers(root: Directive) -> Iterator[Finding]:
    """Yield which servers are never asked, as others have their name and port already (nginx -t: conflicting)."""
    first: dict[tuple[str, str], Directive] = {}
    for server in root.walk():
        if server.name != "server" or server.children is None:
            continue
        names = [name.lower() for directive in server.all("server_name") for name in directive.args] or [""]
        ports = [_port(directive.value) for directive in server.all("listen")] or ["80"]
        for port in dict.fromkeys(ports):
            for name in dict.fromkeys(names):
                other = first.setdefault((port, name), server)
                if other is not server and (server.asked or other.asked):
                    what = (
                        f"of the servers {name or 'without a name'} at port {port} nginx asks the one at {other.where}"
                    )
                    yield faults.SERVER_TWICE.found(server.where, what, "move its locations there, or rename it")


def _port(listen: str) -> str:
    """Return what stands behind ``listen``, in one way of writing it."""
    for every in ("*:", "0.0.0.0:"):
        listen = listen[len(every) :] if listen.startswith(every) else listen
    return listen


def _examine_files(place: Place) -> Iterator[Finding]:
    location = place.location
    found = list(location.all("try_files")) if location else []
    # Programs in files, such as PHP and those of fcgiwrap, are looked for with good reason.
    programs = place.param("SCRIPT_FILENAME") is not None or _ENDING.search(place.regex or "")
    if not found or programs or any(location.all("if") if location else ()):
        return
    *names, last = found[-1].args or ("",)
    if last == "=404" and names and all(name in ("$uri", "$uri/") for name in names):
        what = "only paths of files that exist are handed on, and all others are answered 404"
        remedy = "leave try_files out; or try_files $uri @app; and location @app { ... } with the lines of this one"
        yield faults.FILES_ONLY.found(found[-1].where, what, remedy)


def _is_led_to(place: Place) -> bool:
    """Say whether anything in the server may lead to the location, the application itself by X-Accel-Redirect too."""
    server = place.server
    if server is None:
        return True  # a part of a file: the rest is not known
    within = list(server.walk())
    others = [one for one in within if one.name in PASSES and _location(one) is not place.location]
    return bool(others) or any(one.name in _LEADS and one.parent is not place.location for one in within)


def _location(directive: Directive) -> Directive | None:
    return next((block for block in directive.up() if block.name == "location"), None)

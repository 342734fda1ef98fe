"""Where Apache hands requests on: by ProxyPass, SetHandler, a rewrite rule with [P], or to a script."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateways.doctor.apache.syntax import covers, handler_of
from gateways.doctor.directives import Directive

#: The protocols by the schemes of mod_proxy, with the ports that it takes where there is none; "" for what is none of
#: ours, or more than HTTP.
SCHEMES = {"fcgi": ("fastcgi", 8000), "scgi": ("scgi", 4000), "uwsgi": ("uwsgi", 3031), "ajp": ("ajp", 8009),
           "http": ("http", 80), "https": ("", 443), "ws": ("", 80), "wss": ("", 443), "h2c": ("", 80),
           "h2": ("", 443)}  # fmt: skip

_URL = re.compile(r"(?:unix:(?P<path>/[^|]*)\|)?(?P<scheme>[a-z0-9]+)://(?P<host>\[[^\]]*\][:\d]*|[^/]*)(?P<rest>/.*)?")
_HANDLERS = {"cgi-script": "cgi", "fcgid-script": "fcgid"}


@dataclass(eq=False)
class Place:
    """One of them. ``url`` is the path it is for, or None where a regular expression says it.

    ``protocol`` is fastcgi, scgi, uwsgi, ajp, http, "" for https and others, or cgi and fcgid for a script. ``target``
    is the URL of mod_proxy as it is written, or the path of the script. ``options`` are the worker's: enablereuse, ...
    """

    directive: Directive
    url: str | None
    protocol: str
    target: str
    options: dict[str, str] = field(default_factory=dict)

    @property
    def scripts(self) -> bool:
        """Whether Apache starts the program."""
        return self.protocol in ("cgi", "fcgid")

    @property
    def by_handler(self) -> bool:
        """Whether it is for what a SetHandler is for."""
        return self.directive.name in ("sethandler", "addhandler")

    @property
    def address(self) -> str:
        """The address as gateways writes it; "" if it is none."""
        match = _URL.fullmatch(self.target)
        if match is None:
            return ""
        if match["path"]:
            return f"unix:{match['path']}"
        host = match["host"]
        return host if re.search(r":\d+$", host) else f"{host}:{SCHEMES.get(match['scheme'], ('', 80))[1]}"

    @property
    def rest(self) -> str:
        """The path of the target's URL, or that of the script."""
        match = _URL.fullmatch(self.target)
        return (match["rest"] or "") if match else self.target

    def in_force(self, *names: str) -> list[Directive]:
        """Return the directives of these names that hold for it, those of sections with a regular expression too."""
        found: list[Directive] = []
        vhost = next((block for block in self.directive.up() if block.name == "virtualhost"), None)
        root = [*self.directive.up()][-1]
        for block in (root, vhost):
            if block is not None:
                self._collect(block, names, found)
        return found

    def _collect(self, block: Directive, names: tuple[str, ...], found: list[Directive]) -> None:
        for child in block.children or ():
            if child.children is not None:
                if child.name != "virtualhost" and self._covered(child):
                    self._collect(child, names, found)
            elif child.name in names:
                found.append(child)

    def _covered(self, section: Directive) -> bool:
        if section in self.directive.up():
            return True
        if section.name == "location" and section.value != "~":
            return self.url is None or _overlap(section.value, self.url)
        if section.name == "directory" and section.value != "~":
            return self.scripts and (covers(section, self.target) or _overlap(section.value, self.target))
        return section.name not in ("proxy", "virtualhost")


def _overlap(one: str, other: str) -> bool:
    """Say whether one path is at or below the other."""
    first, second = one.rstrip("/") + "/", other.rstrip("/") + "/"
    return first.startswith(second) or second.startswith(first)


def places(root: Directive) -> Iterator[Place]:
    """Give the places of a configuration that hand requests on, as far as they are asked for."""
    for directive in root.walk():
        if directive.asked:
            yield from _of(directive, root)


def excluded(directive: Directive) -> bool:
    """Say whether it is a ProxyPass that keeps a path from being handed on."""
    return directive.name == "proxypass" and "!" in directive.args


def _of(directive: Directive, root: Directive) -> Iterator[Place]:
    args = directive.args
    if directive.name in ("proxypass", "proxypassmatch") and not excluded(directive) and args:
        yield from _of_proxy_pass(directive, root)
    elif directive.name == "sethandler" and args and args[0].startswith("proxy:"):
        url = _url_around(directive)
        yield _proxied(directive, url, args[0][6:], root)
    elif directive.name == "rewriterule" and len(args) > 2 and re.search(r"[\[,](P|proxy)[\],]", args[2]):
        yield _proxied(directive, None, args[1], root)
    elif (directive.name == "scriptalias" and len(args) > 1) or (
        directive.name in ("alias", "wsgiscriptalias")
        and len(args) > 1
        and args[1].rstrip("/").endswith((".cgi", ".fcgi"))
    ):
        yield _with_handler(Place(directive, args[0], "cgi", args[1]))


def _of_proxy_pass(directive: Directive, root: Directive) -> Iterator[Place]:
    args = [arg for arg in directive.args if "=" not in arg or "://" in arg]
    section = next((block for block in directive.up() if block.name in ("location", "locationmatch")), None)
    if section is not None and len(args) == 1:
        url, target = section.value if section.name == "location" and section.value != "~" else None, args[0]
    elif len(args) > 1:
        url, target = args[0] if directive.name == "proxypass" else None, args[1]
    else:
        return
    if not target.startswith("balancer://"):
        yield _proxied(directive, url, target, root)
        return
    name = target.rstrip("/")
    for block in root.walk():
        if block.name == "proxy" and block.value.rstrip("/") == name.partition("/ ")[0]:
            for member in block.all("balancermember"):
                place = _proxied(directive, url, member.value, root)
                place.options.update(_options(member.args))
                yield place


def _proxied(directive: Directive, url: str | None, target: str, root: Directive) -> Place:
    match = _URL.fullmatch(target)
    scheme = match["scheme"] if match else ""
    options = _options(directive.args)
    for block in root.walk():
        if block.name == "proxy" and block.value and target.rstrip("/").startswith(block.value.rstrip("/")):
            options.update(_options(block.args))
            for proxy_set in block.all("proxyset"):
                options.update(_options(proxy_set.args))
    return Place(directive, url, SCHEMES.get(scheme, ("?", 0))[0], target, options)


def _options(args: tuple[str, ...]) -> dict[str, str]:
    pairs = (arg.partition("=") for arg in args if "=" in arg and "://" not in arg.partition("=")[0])
    return {name.lower(): value.lower() for name, _, value in pairs}


def _url_around(directive: Directive) -> str | None:
    section = next((block for block in directive.up() if block.name == "location"), None)
    return section.value if section is not None and section.value != "~" else None


def _with_handler(place: Place) -> Place:
    """Find out how a script is run: by the handler that holds for it."""
    lines = place.in_force("sethandler", "addhandler")
    handler = handler_of(os.path.basename(place.target.rstrip("/")), lines)
    place.protocol = _HANDLERS.get(handler, place.protocol)
    return place

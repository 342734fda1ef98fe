"""Where Caddy hands requests on: each reverse_proxy and php_fastcgi, with the blocks around it."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from gateways.doctor.caddy.syntax import SITE
from gateways.doctor.directives import Directive

PROXY, PHP = "reverse_proxy", "php_fastcgi"

#: What divides the requests of a site; the mount point is in the matcher of one of them, or of the directive itself.
BLOCKS = ("handle", "handle_path", "route")

#: The path of any request.
ALL = ("*",)

_URL = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*)://(?P<host>[^/?#]*)(?P<path>[/?#].*)?", re.DOTALL)
_REGEXP_MOUNT = re.compile(r"(?:\(\?s\))?\^(?P<path>(?:/[\w-]+)+)(?:/|\(/\.\*\)\?\$|\(/\|\$\))")
_TIME_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ns|us|\u00b5s|ms|s|m|h|d)")
_TIMES = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) ?([kmgt]?)(i?)b?", re.IGNORECASE)


@dataclass(frozen=True)
class Upstream:
    """An address as it is written, and where."""

    text: str
    where: str

    @property
    def scheme(self) -> str:
        """What stands before ``://``, or ""."""
        match = _URL.fullmatch(self.text)
        return match["scheme"].lower() if match else ""

    @property
    def host(self) -> str:
        """The address without the scheme and a path."""
        match = _URL.fullmatch(self.text)
        return match["host"] if match else self.text

    @property
    def path(self) -> str:
        """What stands behind the address."""
        match = _URL.fullmatch(self.text)
        return (match["path"] or "") if match else ""


@dataclass(eq=False)
class Place:
    """A directive that hands requests on."""

    directive: Directive

    @property
    def for_php(self) -> bool:
        """Whether it is php_fastcgi."""
        return self.directive.name == PHP

    @cached_property
    def blocks(self) -> list[Directive]:
        """The directive, and the blocks around it up to that of the site."""
        return [self.directive, *(block for block in self.directive.up() if block.name in (*BLOCKS, SITE))]

    @cached_property
    def upstreams(self) -> list[Upstream]:
        """The addresses."""
        given = self.directive.args[1 if matcher(self.directive) else 0 :]
        found = [Upstream(text, self.directive.where) for text in given]
        for line in self.directive.all("to"):
            found += [Upstream(text, line.where) for text in line.args]
        return found

    @property
    def dynamic(self) -> bool:
        """Whether addresses come from somewhere else."""
        return any(self.directive.all("dynamic"))

    @cached_property
    def transport(self) -> Directive | None:
        """The directive of that name."""
        return next(self.directive.all("transport"), None)

    @property
    def protocol(self) -> str:
        """fastcgi, http, or that of another module."""
        if self.for_php:
            return "fastcgi"
        return self.transport.value if self.transport and self.transport.value else "http"

    @property
    def by_tls(self) -> bool:
        """Whether the backend is spoken to by TLS, or in HTTP/2."""
        schemes = {upstream.scheme for upstream in self.upstreams}
        names = {one.name for one in self.transport.children or ()} if self.transport else set()
        versions = self.option("versions")
        return bool(schemes & {"https", "h2c"} or any(name.startswith("tls") for name in names)) or (
            versions is not None and "1.1" not in versions.args
        )

    def option(self, name: str) -> Directive | None:
        """Return a setting of the transport."""
        blocks = [block for block in (self.transport, self.directive if self.for_php else None) if block]
        return next((one for block in blocks for one in block.all(name)), None)

    def variable(self, name: str) -> Directive | None:
        """Return the ``env`` that sets a CGI variable."""
        blocks = [block for block in (self.transport, self.directive if self.for_php else None) if block]
        return next((one for block in blocks for one in block.all("env") if one.value == name), None)

    def around(self, *names: str) -> Iterator[Directive]:
        """Give the directives of these names that act on the requests of this place, the nearest first."""
        for block in self.blocks[1:]:
            for one in block.all(*names):
                if patterns(one) in (ALL, patterns(self.directive)):
                    yield one

    def header(self, name: str) -> Directive | None:
        """Return the line that changes a header of the requests, or takes it out: then its name has a minus."""
        lines = [*self.directive.all("header_up"), *self.around("request_header")]
        return next((one for one in lines if fnmatch.fnmatch(name.lower(), _header(one).lstrip("+-").lower())), None)

    def takes_out(self, name: str) -> Directive | None:
        """Return the line that takes a header out."""
        line = self.header(name)
        return line if line and _header(line).startswith("-") else None

    @cached_property
    def mount(self) -> str:
        """The path that the requests have, without a star: "/app"; "" where that is the whole site, or not known."""
        for block in self.blocks:
            for pattern in patterns(block) or ():
                if pattern != "*" and pattern.endswith("*"):
                    return pattern[:-1].rstrip("/")
        return ""

    @cached_property
    def stripped(self) -> Directive | None:
        """What takes the mount point off the path."""
        for block in self.blocks:
            if block.name == "handle_path":
                return block
        return next((one for one in self.around("uri") if "strip_prefix" in one.args[:2]), None)


def places(root: Directive) -> Iterator[Place]:
    """Give the places of a configuration, as far as they are asked for."""
    return (Place(one) for one in root.walk() if one.name in (PROXY, PHP) and one.asked)


def matcher(directive: Directive) -> str:
    """Return the argument that says which requests a directive is for; "" where it has none."""
    return directive.value if directive.value == "*" or directive.value.startswith(("/", "@")) else ""


def patterns(directive: Directive) -> tuple[str, ...] | None:
    """Return the paths that a directive is for, ``ALL`` for every path; None where that is not known."""
    value = matcher(directive)
    if directive.name == SITE or value in ("", "*", "/*"):
        return ALL
    if value.startswith("/"):
        return (value,)
    for block in directive.up():
        for definition in block.all(value):
            return _defined(definition)
    return None


def seconds(text: str) -> float | None:
    """Return a duration as Go writes it, such as 1m30s."""
    parts = list(_TIME_PART.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        return None
    return sum(float(part[1]) * _TIMES[part[2]] for part in parts)


def size(text: str) -> int | None:
    """Return a number of bytes: 10MB, 10MiB."""
    match = _SIZE.fullmatch(text)
    if not match:
        return None
    return int(float(match[1]) * (1024 if match[3] else 1000) ** " kmgt".index(match[2].lower() or " "))


def _defined(definition: Directive) -> tuple[str, ...] | None:
    """Return the paths of a named matcher that looks at nothing but them."""
    conditions = [definition.args, *((one.name, *one.args) for one in definition.children or ())]
    found: list[str] = []
    for kind, *args in filter(None, conditions):
        if kind == "path":
            found += args
        elif kind == "path_regexp":
            match = _REGEXP_MOUNT.match(args[-1] if args else "")
            if not match:
                return None
            found.append(f"{match['path']}/*")
        else:
            return None
    return tuple(found) or None


def _header(line: Directive) -> str:
    """Return the name in a header_up or request_header, with its sign."""
    args = line.args[1:] if line.name == "request_header" and matcher(line) else line.args
    return args[0] if args else ""

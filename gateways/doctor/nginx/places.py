"""Where nginx hands requests on, and what is in force there: settings of the blocks around it are inherited."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from gateways.doctor.directives import Directive

#: The directive that hands on, and the protocol it speaks.
PASSES = {"fastcgi_pass": "fastcgi", "scgi_pass": "scgi", "uwsgi_pass": "uwsgi", "proxy_pass": "http"}

_SIZES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_TIMES = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "M": 2592000.0, "y": 31536000.0}
_TIME_PART = re.compile(r"(\d{1,18})(ms|[smhdwMy])? ?")
_URL = re.compile(r"(?P<scheme>https?)://(?P<host>unix:[^:]+|[^/]*)(?P<path>:?/.*)?")


@dataclass(eq=False)
class Place:
    """A location that hands requests on with ``directive``, one of ``PASSES``."""

    directive: Directive

    @property
    def protocol(self) -> str:
        """fastcgi, scgi, uwsgi or http."""
        return PASSES[self.directive.name]

    @property
    def prefix(self) -> str:
        """What the names of its directives begin with: "fastcgi" or "proxy"."""
        return self.directive.name.partition("_")[0]

    @cached_property
    def location(self) -> Directive | None:
        """The innermost location around it."""
        return next((block for block in self.directive.up() if block.name == "location"), None)

    @cached_property
    def server(self) -> Directive | None:
        """The server it belongs to."""
        return next((block for block in self.directive.up() if block.name == "server"), None)

    @property
    def path(self) -> str | None:
        """The prefix of the location, or None: it is none, or a regular expression, or has a name."""
        args = self.location.args if self.location else ()
        if not args or args[0] in ("~", "~*") or args[0].startswith("@"):
            return None
        return args[-1]

    @property
    def regex(self) -> str | None:
        """The regular expression of the location."""
        args = self.location.args if self.location else ()
        return args[-1] if args and args[0] in ("~", "~*") else None

    @property
    def for_php(self) -> bool:
        """Whether it is for PHP, which wants other variables than an application does."""
        return ".php" in (self.regex or "")

    @property
    def internal(self) -> bool:
        """Whether it is for subrequests only, such as those of auth_request."""
        return bool(self.location and any(self.location.all("internal")))

    @property
    def target(self) -> str:
        """The address as it is written, without the scheme and the path of proxy_pass."""
        match = _URL.fullmatch(self.directive.value)
        return match["host"] if match and self.protocol == "http" else self.directive.value

    @property
    def target_path(self) -> str:
        """The path of proxy_pass, by which nginx replaces that of the location; "" if it has none."""
        match = _URL.fullmatch(self.directive.value)
        return (match["path"] or "").lstrip(":") if match and self.protocol == "http" else ""

    @property
    def by_tls(self) -> bool:
        """Whether the backend is spoken to by TLS."""
        return self.protocol == "http" and self.directive.value.startswith("https:")

    def setting(self, name: str) -> Directive | None:
        """Return the directive of that name that is in force here."""
        for block in self.directive.up():
            found = list(block.all(name))
            if found:
                return found[-1]
        return None

    def own(self, suffix: str) -> Directive | None:
        """Return what is in force of ``fastcgi_SUFFIX``, ``proxy_SUFFIX``, ..."""
        return self.setting(f"{self.prefix}_{suffix}")

    @cached_property
    def params(self) -> list[Directive]:
        """The variables that are passed (fastcgi_param), or headers (proxy_set_header): those of the innermost block
        that has any, for they are not added up."""
        name = "proxy_set_header" if self.protocol == "http" else f"{self.prefix}_param"
        for block in self.directive.up():
            found = list(block.all(name))
            if found:
                return found
        return []

    def param(self, name: str) -> str | None:
        """Return the value of a variable as it is written, the last one if there are several."""
        values = [param.args[1] for param in self.params if len(param.args) > 1 and param.value == name]
        return values[-1] if values else None

    def header(self, name: str) -> str | None:
        """Return the value of a header that is set for an HTTP backend."""
        values = [param.args[1] for param in self.params if len(param.args) > 1 and param.value.lower() == name.lower()]
        return values[-1] if values else None


def places(root: Directive) -> Iterator[Place]:
    """Give the places of a configuration that hand requests on, as far as they are asked for."""
    for directive in root.walk():
        if directive.name in PASSES and directive.asked and directive.args:
            yield Place(directive)


def size(text: str) -> int | None:
    """Read a size such as ``100m``, in bytes; None if it is none."""
    match = re.fullmatch(r"(\d{1,18})([kKmMgG])?", text)
    return int(match[1]) * _SIZES.get((match[2] or "").lower(), 1) if match else None


def seconds(text: str) -> float | None:
    """Read a time such as ``60s`` or ``1m 30s``, in seconds; None if it is none."""
    parts = [match for match in _TIME_PART.finditer(text) if match[0]]
    if not parts or "".join(match[0] for match in parts) != text:
        return None
    return sum(int(match[1]) * _TIMES[match[2] or "s"] for match in parts)

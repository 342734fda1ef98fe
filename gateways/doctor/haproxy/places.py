"""What HAProxy hands requests on to: each ``server`` with its backend, and the frontends that lead there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateways.doctor.haproxy.conditions import alternatives, path_tests
from gateways.doctor.haproxy.syntax import Configuration, Line, Section

_TIME = re.compile(r"([0-9]{1,12})(us|ms|s|m|h|d)?")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass
class Lead:
    """A line that leads from a ``frontend`` to a backend; None for a ``listen``, which is both."""

    frontend: Section
    line: Line | None


@dataclass
class Server:
    """A ``server`` line. ``options`` holds those of ``default-server``, too."""

    line: Line
    options: tuple[str, ...]

    @property
    def address(self) -> str:
        """As it is written."""
        return self.line.word(2)

    @property
    def protocol(self) -> str:
        """What it is spoken to, as gateways calls it: "fastcgi", "http", or "" for another."""
        return {"fcgi": "fastcgi", "h1": "http", "": "http"}.get(self.option("proto"), "")

    def option(self, name: str) -> str:
        """Return the word behind an option, the last of that name; "" if it is not there."""
        places = [at for at, word in enumerate(self.options[:-1]) if word == name]
        return self.options[places[-1] + 1] if places else ""

    def has(self, name: str) -> bool:
        """Say whether an option is there, and not taken back by ``no-`` and its name."""
        said = [word for word in self.options if word in (name, f"no-{name}")]
        return bool(said) and said[-1] == name

    def has_any(self, *names: str) -> bool:
        """Say whether one of some options is there."""
        return any(self.has(name) for name in names)


@dataclass
class Place:
    """A backend (or ``listen``) with its servers, the application of FastCGI, and what leads to it."""

    section: Section
    application: Section | None
    servers: list[Server]
    leads: list[Lead] = field(default_factory=list)

    @property
    def mode(self) -> str:
        """tcp or http."""
        return mode(self.section)

    @property
    def frontends(self) -> list[Section]:
        """The sections in which its requests arrive, itself if it is a ``listen``."""
        return [lead.frontend for lead in self.leads]

    @property
    def by_tls(self) -> bool:
        """Whether clients may come by https."""
        return any("ssl" in bind.words[2:] for section in self.frontends for bind in section.all("bind"))

    @property
    def mounts(self) -> set[str]:
        """The paths that lead to it, without the slash at their end; "" for a whole site, or what cannot be told."""
        found = set()
        for lead in self.leads:
            paths = _paths(lead)
            found |= {path.rstrip("/") for path in paths} if paths else {""}
        return found


def places(configuration: Configuration) -> list[Place]:
    """Return all backends, in the order of the file."""
    found = [_place(section, configuration) for section in configuration.all("backend", "listen")]
    by_name = {place.section.name: place for place in found}
    for frontend in configuration.all("frontend", "listen"):
        for line in [*frontend.all("use_backend"), *filter(None, [frontend.setting("default_backend")])]:
            if line.word(1) in by_name:
                by_name[line.word(1)].leads.append(Lead(frontend, line))
    return found


def mode(section: Section) -> str:
    """Return the mode of a proxy."""
    line = section.setting("mode")
    return line.word(1) if line is not None else "tcp"


def seconds(text: str) -> float | None:
    """Return a time in seconds: without a unit it is in milliseconds. None for what is no time."""
    match = _TIME.fullmatch(text)
    return int(match[1]) * _SECONDS[match[2] or "ms"] if match else None


def _place(section: Section, configuration: Configuration) -> Place:
    used = section.setting("use-fcgi-app") or section.setting("filter", "fcgi-app")
    name = (used.word(2) if used.name == "filter" else used.word(1)) if used is not None else ""
    place = Place(section, configuration.named(name, "fcgi-app") if name else None, list(_servers(section)))
    if section.kind == "listen":
        place.leads.append(Lead(section, None))
    return place


def _servers(section: Section) -> Iterator[Server]:
    usual: tuple[str, ...] = ()
    for line in section.inherited("default-server", "server"):
        if line.name == "default-server":
            usual += line.words[1:]
        else:
            yield Server(line, (*usual, *line.words[3:]))


def _paths(lead: Lead) -> set[str]:
    """Return the paths that a line is for, if it says nothing but paths on each side."""
    if lead.line is None or not lead.line.condition or lead.line.condition[0] != "if":
        return set()
    found: set[str] = set()
    for side in alternatives(lead.line.condition):
        tests = [test for term in side for test in path_tests(term, lead.frontend) or ()]
        if not tests:
            return set()
        found |= {value for test in tests for value in test.values}
    return found

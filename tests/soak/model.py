"""What a scenario is, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, NamedTuple

if TYPE_CHECKING:
    from tests.soak.servers import Server

OURS = "gateways"
PHP = "php-fpm"
PATIENT_PHP = "php-fpm, process_control_timeout=10s"
UWSGI = "uWSGI"
SERVERS = (OURS, PHP, PATIENT_PHP, UWSGI)


class SoakError(Exception):
    """A server does not start, or the machine lacks something; the message is for the person who started it."""


class Plan(NamedTuple):
    """How much is done: ``quick`` does less of everything."""

    quick: bool = False
    requests: int = 0

    def count(self, full: int, quick: int) -> int:
        return quick if self.quick else full


@dataclass(frozen=True)
class Wish:
    """How a server is to run. What a server does not know is left out."""

    workers: int = 4
    threads: int = 1
    protocol: str = "fastcgi"
    tcp: bool = False
    preload: bool = False
    #: Seconds after which a request costs its worker the life; 0 is never.
    request_timeout: float = 0.0
    max_requests: int = 0
    graceful_timeout: float = 30.0
    #: What managed_app does when it is imported.
    at_boot: str = ""
    #: The most descriptors that a process may have; 0 is what it gets.
    descriptors: int = 0
    #: Flags of ours only.
    flags: tuple[str, ...] = ()


class Figure(NamedTuple):
    """One thing that was measured of one server; figures of the same ``what`` share a row.

    ``met`` says whether the goal was reached; None where there is none.
    """

    what: str
    goal: str
    text: str
    met: bool | None = None
    numbers: Mapping[str, object] = {}


@dataclass(frozen=True)
class Scenario:
    """``run`` measures one server. ``servers`` are those it makes sense for."""

    name: str
    title: str
    run: Callable[[Server, Plan], Iterable[Figure]]
    servers: Sequence[str] = (OURS, PHP, UWSGI)
    note: str = ""


@dataclass
class Result:
    """What all servers have shown in one scenario; ``broken`` are those that could not be measured, and why."""

    scenario: Scenario
    figures: dict[str, list[Figure]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rows(self) -> list[str]:
        """What was measured, in the order of the first server that measured it."""
        return list(dict.fromkeys(figure.what for figures in self.figures.values() for figure in figures))

    def figure(self, what: str, server: str) -> Figure | None:
        return next((figure for figure in self.figures.get(server, []) if figure.what == what), None)

    @property
    def failed(self) -> bool:
        """Whether ours missed a goal."""
        return OURS in self.broken or any(figure.met is False for figure in self.figures.get(OURS, []))

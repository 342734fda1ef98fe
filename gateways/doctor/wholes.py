"""Reads the whole configuration that a file is a part of, and says what of it is not there."""

from __future__ import annotations

import os
import pwd
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Callable, Generic, Protocol, TypeVar

from gateways.doctor import faults
from gateways.doctor.accounts import web_account
from gateways.doctor.backends import Backends
from gateways.doctor.directives import Fault, NotIncluded
from gateways.doctor.findings import Finding
from gateways.doctor.targets import Options

Content_co = TypeVar("Content_co", covariant=True)

#: How far above a file of conf.d or sites-available the main file may be.
_LEVELS = 3


class Reader(Protocol[Content_co]):
    """What reads the files of a web server. ``met``: the file in question was among them."""

    met: bool
    not_included: list[NotIncluded]

    def read(self, path: str) -> Content_co:
        """Return what the file and all that it includes say. Raises ``Fault`` and ``OSError``."""


@dataclass(frozen=True)
class Server(Generic[Content_co]):
    """What is peculiar to a web server.

    ``mains``     the names of its main file, the likeliest first
    ``units``     the names that its unit of systemd may have
    ``test``      the command that looks for errors of syntax
    ``reader``    makes a reader for the file in question
    ``enabling``  says how a file, by its path, is made a part of the main file, by its own
    """

    mains: tuple[str, ...]
    units: tuple[str, ...]
    test: str
    reader: Callable[[str], Reader[Content_co]]
    enabling: Callable[[str, str], str]

    def backends(self, user: str | None, options: Options) -> Backends:
        """Return the examination of backends, by the user that the configuration names, if there is such a one here."""
        account = web_account(replace(options, user=options.user or _known(user)))
        return Backends(account, options, self.units)


@dataclass(frozen=True)
class Whole(Generic[Content_co]):
    """What was read. ``main`` is the main file that includes the one in question; None where that was read alone."""

    content: Content_co
    main: str | None


def read_whole(server: Server[Content_co], path: str) -> Generator[Finding, None, Whole[Content_co] | None]:
    """Read a file as a part of the main file above it, or alone; yield what is wrong, and return what was read."""
    main = main_above(path, server.mains)
    reader = server.reader(path)
    try:
        content = reader.read(main or path)
        if main and not reader.met:
            yield faults.DISABLED.found(path, f"{main} does not include it", server.enabling(path, main))
            main, reader = None, server.reader(path)
            content = reader.read(path)
    except Fault as fault:
        yield faults.SYNTAX.found(fault.where, str(fault), f"{server.test} says it as well")
        return None
    for line in reader.not_included:
        if line.asked:
            yield faults.not_included(line)
    return Whole(content, main)


def main_above(path: str, names: tuple[str, ...]) -> str | None:
    """Return the main file that a file may be a part of."""
    directory = os.path.dirname(os.path.abspath(path))
    for _ in range(_LEVELS):
        for name in names:
            main = os.path.join(directory, name)
            if os.path.isfile(main) and os.access(main, os.R_OK):
                return main
        directory = os.path.dirname(directory)
    return None


def _known(user: str | None) -> str | None:
    try:
        return pwd.getpwnam(user).pw_name if user else None
    except KeyError:
        return None

"""Examines a configuration of nginx: a whole one, a file of it, or what ``nginx -T`` has written."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from dataclasses import replace

from gateways.doctor import faults
from gateways.doctor.accounts import web_account
from gateways.doctor.backends import Backends
from gateways.doctor.directives import Directive, Fault
from gateways.doctor.findings import Finding
from gateways.doctor.nginx import addresses, limits, reach, variables
from gateways.doctor.nginx.places import PASSES, places
from gateways.doctor.nginx.syntax import USUAL_PLACE, Reader
from gateways.doctor.targets import Options

MAIN = "nginx.conf"
#: How far above a file of conf.d or sites-available its nginx.conf may be.
_LEVELS = 3


def examine(path: str, options: Options) -> Iterator[Finding]:
    """Yield what is wrong with the file. Settings that it inherits from its nginx.conf count, if there is one above."""
    main = _main_of(os.path.abspath(path))
    try:
        root, reader = _read(main or path, path)
    except Fault as fault:
        yield faults.SYNTAX.found(fault.where, str(fault), "nginx -t says it as well")
        return
    if main and not any(directive.asked for directive in root.walk()):
        yield faults.DISABLED.found(path, f"{main} does not include it", _enabling(path, main))
        try:
            root, reader = _read(path, path)
        except Fault as fault:
            yield faults.SYNTAX.found(fault.where, str(fault), "nginx -t says it as well")
            return
    for directive, pattern in reader.missing:
        if directive.asked:
            yield faults.INCLUDE.found(directive.where, f"include {pattern}: there is no such file", "correct the path")
    for directive, error in reader.unread:
        if directive.asked:
            yield faults.unread(directive.where, f"include {directive.value}", error)
    user = next((directive.value for directive in root.all("user")), None)
    yield from _examine(
        root, Backends(web_account(replace(options, user=options.user or _known(user))), options, ("nginx",))
    )


def is_ours(root: Directive) -> bool:
    """Say whether what was read looks like nginx's configuration."""
    known = {"server", "http", "events", "location", "upstream", "map", *PASSES}
    return any(directive.name in known for directive in root.walk())


def _examine(root: Directive, backends: Backends) -> Iterator[Finding]:
    for place in places(root):
        yield from addresses.examine(place, root, backends)
        yield from reach.examine(place)
        yield from variables.examine(place)
        yield from limits.examine(place, root)
    yield from limits.examine_aliases(root)


def _read(path: str, asked: str) -> tuple[Directive, Reader]:
    reader = Reader(asked, os.path.dirname(os.path.abspath(path)))
    return reader.read(path), reader


def _main_of(path: str) -> str | None:
    """Return the nginx.conf that the file may be a part of."""
    directory = os.path.dirname(path)
    for _ in range(_LEVELS):
        main = os.path.join(directory, MAIN)
        if os.path.isfile(main) and os.access(main, os.R_OK):
            return main
        directory = os.path.dirname(directory)
    return None


def _enabling(path: str, main: str) -> str:
    enabled = os.path.join(os.path.dirname(main), "sites-enabled")
    if os.path.basename(os.path.dirname(os.path.abspath(path))) == "sites-available" and os.path.isdir(enabled):
        return f"ln -s {os.path.abspath(path)} {enabled}/ && nginx -t && systemctl reload nginx"
    return f"put it into {os.path.dirname(main)}/conf.d, with a name that ends with .conf"


def _known(user: str | None) -> str | None:
    """Return the name of the user in nginx.conf, if there is one of that name here."""
    try:
        return pwd.getpwnam(user).pw_name if user else None
    except KeyError:
        return None


__all__ = ["USUAL_PLACE", "examine", "is_ours"]

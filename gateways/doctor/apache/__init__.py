"""Examines a configuration of Apache: a whole one, or the file of a site."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from dataclasses import replace

from gateways.doctor import faults
from gateways.doctor.accounts import web_account
from gateways.doctor.apache import limits, modules, passing
from gateways.doctor.apache.places import places
from gateways.doctor.apache.syntax import Reader
from gateways.doctor.backends import Backends
from gateways.doctor.directives import Fault
from gateways.doctor.findings import Finding
from gateways.doctor.targets import Options

#: Debian's main file, and that of all others.
MAINS = ("apache2.conf", "httpd.conf", "conf/httpd.conf")
_LEVELS = 3


def examine(path: str, options: Options) -> Iterator[Finding]:
    """Yield what is wrong with the file. What its apache2.conf or httpd.conf says counts, if there is one above."""
    main = _main_of(os.path.abspath(path))
    try:
        reader = Reader(path)
        root = reader.read(main or path)
        if main and not any(directive.asked for directive in root.walk()):
            yield faults.DISABLED.found(path, f"{main} does not include it", _enabling(path))
            reader = Reader(path)
            root = reader.read(path)
    except Fault as fault:
        yield faults.SYNTAX.found(fault.where, str(fault), "apachectl configtest says it as well")
        return
    for directive, pattern in reader.missing:
        if directive.asked:
            yield faults.INCLUDE.found(directive.where, f"Include {pattern}: there is no such file", "correct the path")
    for directive, error in reader.unread:
        if directive.asked:
            yield faults.unread(directive.where, f"Include {directive.value}", error)
    user = next((directive.value for directive in root.all("user")), None)
    backends = Backends(web_account(replace(options, user=options.user or _known(user))), options, ("apache2", "httpd"))
    for place in places(root):
        yield from passing.examine(place, backends)
        yield from limits.examine(place)
    yield from passing.examine_order(root)
    yield from modules.examine(root)


def _main_of(path: str) -> str | None:
    """Return the main file that the file may be a part of."""
    directory = os.path.dirname(path)
    for _ in range(_LEVELS):
        for name in MAINS:
            main = os.path.join(directory, name)
            if os.path.isfile(main) and os.access(main, os.R_OK):
                return main
        directory = os.path.dirname(directory)
    return None


def _enabling(path: str) -> str:
    directory, name = os.path.split(path)
    if os.path.basename(directory) == "sites-available":
        return f"a2ensite {os.path.splitext(name)[0]} && systemctl reload apache2"
    if os.path.basename(directory) == "conf-available":
        return f"a2enconf {os.path.splitext(name)[0]} && systemctl reload apache2"
    return "put it where the main file includes it"


def _known(user: str | None) -> str | None:
    try:
        return pwd.getpwnam(user).pw_name if user else None
    except KeyError:
        return None

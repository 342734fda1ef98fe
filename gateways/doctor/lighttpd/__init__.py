"""Examines a configuration of lighttpd: a whole one, or a file of conf-available."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from dataclasses import replace

from gateways.doctor import faults
from gateways.doctor.accounts import web_account
from gateways.doctor.backends import Backends
from gateways.doctor.directives import Fault
from gateways.doctor.findings import Finding
from gateways.doctor.lighttpd import checks
from gateways.doctor.lighttpd.places import places
from gateways.doctor.lighttpd.syntax import Configuration, Reader
from gateways.doctor.targets import Options

MAIN = "lighttpd.conf"
_LEVELS = 3


def examine(path: str, options: Options) -> Iterator[Finding]:
    """Yield what is wrong with the file. What its lighttpd.conf says counts, if there is one above."""
    main = _main_of(os.path.abspath(path))
    try:
        configuration = Reader(path).read(main or path)
        if main and not any(setting.asked for setting in configuration.settings):
            name = os.path.splitext(os.path.basename(path))[0].lstrip("0123456789-")
            remedy = f"lighty-enable-mod {name} && systemctl reload lighttpd"
            yield faults.DISABLED.found(path, f"{main} does not include it", remedy)
            configuration, main = Reader(path).read(path), None
    except Fault as fault:
        yield faults.SYNTAX.found(fault.where, str(fault), "lighttpd -t -f /etc/lighttpd/lighttpd.conf says it as well")
        return
    for where, pattern in configuration.missing:
        yield faults.INCLUDE.found(where, f'include "{pattern}": there is no such file', "correct the path")
    for where, error in configuration.unread:
        yield faults.unread(where, "include", error)
    backends = Backends(
        web_account(replace(options, user=options.user or _user(configuration))), options, ("lighttpd",)
    )
    found = list(places(configuration))
    for place in found:
        yield from checks.examine(place, configuration, backends)
    yield from checks.examine_modules(configuration, found, main is not None or _is_whole(configuration))
    yield from checks.examine_aliases(configuration)


def _main_of(path: str) -> str | None:
    """Return the lighttpd.conf that the file may be a part of."""
    directory = os.path.dirname(path)
    for _ in range(_LEVELS):
        main = os.path.join(directory, MAIN)
        if os.path.isfile(main) and os.access(main, os.R_OK):
            return main
        directory = os.path.dirname(directory)
    return None


def _is_whole(configuration: Configuration) -> bool:
    return any(setting.name in ("server.document-root", "server.port") for setting in configuration.settings)


def _user(configuration: Configuration) -> str | None:
    setting = configuration.in_force("server.username", ())
    try:
        return pwd.getpwnam(str(setting.value)).pw_name if setting else None
    except KeyError:
        return None

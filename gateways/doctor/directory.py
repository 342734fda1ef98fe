"""Examines a directory: every script in it, and its ``.htaccess``."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator

from gateways.deploy.hosting.applications import is_for_scripts
from gateways.doctor.accounts import closed_directory, web_account
from gateways.doctor.findings import WARNING, Finding, declare
from gateways.doctor.htaccess import examine_htaccess
from gateways.doctor.modes import cannot_enter
from gateways.doctor.script import examine_script
from gateways.doctor.targets import Options
from gateways.errors import ConfigError

NOTHING = declare(
    "directory-without-scripts", WARNING, "There is no script in the directory that a web server could start."
)

#: What is looked at, before a person is asked to name the one that is meant.
_MAX_SCRIPTS = 20

#: Files that tell that a directory is no site.
_MAINS = (
    *("nginx.conf", "apache2.conf", "httpd.conf", "lighttpd.conf", "Caddyfile", "haproxy.cfg", "h2o.conf"),
    *("gateways.toml", "error.log"),
)


def examine_directory(path: str, options: Options) -> Iterator[Finding]:
    """Yield what is wrong with the scripts of a directory, and with its ``.htaccess``."""
    path = os.path.abspath(path)
    account = web_account(options)
    closed = closed_directory(account, os.path.join(path, "."))
    if closed:
        yield cannot_enter(path, account, closed)
    scripts = scripts_in(path)
    htaccess = os.path.join(path, ".htaccess")
    if not scripts and os.path.isfile(htaccess):  # each script has it looked at
        yield from examine_htaccess(htaccess, options)
    if not scripts:
        yield NOTHING.found(path, "there is no script in it", _instead(path))
    elif len(scripts) > _MAX_SCRIPTS:
        raise ConfigError(f"{path!r} has {len(scripts)} scripts: name those that do not work")
    for script in scripts:
        yield from examine_script(script, options)


def _instead(path: str) -> str:
    """Return the remedy: the main file of a web server's directory, or an application for that of a site."""
    main = next((name for name in _MAINS if os.path.isfile(os.path.join(path, name))), None)
    if main:
        return f"name the file: gateways doctor {shlex.quote(os.path.join(path, main))}"
    return f"gateways init {shlex.quote(path)}"


def scripts_in(path: str) -> list[str]:
    """Return the scripts of a directory: by their ending, or executable with ``#!`` in a directory for scripts."""
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError as error:
        raise ConfigError(f"{path!r}: {error.strerror}; run as a user who may read it") from None
    for_scripts = is_for_scripts(path)
    return [entry.path for entry in entries if entry.is_file() and _is_script(entry, for_scripts)]


def _is_script(entry: os.DirEntry[str], for_scripts: bool) -> bool:
    if entry.name.endswith((".cgi", ".fcgi")):
        return True
    return for_scripts and bool(entry.stat().st_mode & stat.S_IXUSR) and not entry.name.startswith(".")

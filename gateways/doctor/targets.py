"""Tells what a text of the command line is: a URL, a directory, a script, another file, or an address."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable

from gateways.addresses import parse_address
from gateways.declared import nearest
from gateways.doctor.findings import Finding
from gateways.errors import ConfigError

URL, DIRECTORY, SCRIPT, HTACCESS, LOG, CONFIGURATION, SOCKET = (
    "URL", "directory", "script", ".htaccess", "error log", "configuration file", "socket",
)  # fmt: skip

#: Where the examination of each kind is; a module is imported when it is needed.
EXAMINATIONS = {
    URL: "live:examine_url",
    DIRECTORY: "directory:examine_directory",
    SCRIPT: "script:examine_script",
    HTACCESS: "htaccess:examine_htaccess",
    LOG: "errorlog:examine_errorlog",
    CONFIGURATION: "configuration:examine_configuration",
    SOCKET: "sockets:examine_socket",
}

_SCRIPT_ENDINGS = (".cgi", ".fcgi", ".fpl", ".py", ".pl", ".wsgi")
_URL = re.compile(r"https?://", re.IGNORECASE)
#: The beginning of a URL without its "https://": the name of a host, or its address.
_HOST = re.compile(r"(localhost|\[[0-9a-f:.]+\]|[a-z0-9-]+(\.[a-z0-9-]+)*\.([a-z]{2,}|\d+))(:\d+)?(/|$)", re.IGNORECASE)
_FILE_ENDINGS = (".conf", ".toml", ".htaccess", ".txt", ".ini", ".cfg", ".sock", ".socket")
_LOG = re.compile(r"\.log(\.1)?$|error[._-]?log", re.IGNORECASE)
#: A request takes that many times as long as a peer may be silent (--timeout), if it says a little now and then.
LONGEST = 2
#: What gzip begins with: old logs are kept like that.
_GZIP = b"\x1f\x8b"
#: Bytes of a file that are looked at to tell a script.
_BEGINNING = 256


@dataclass(frozen=True)
class Options:
    """What a person said on the command line, for every examination.

    ``user``      the account of the web server, or None: it is found out
    ``protocol``  what a socket speaks, or None: it is found out
    ``timeout``   how long a program or a peer may be silent, seconds
    ``run``       whether programs may be started and requests be sent; otherwise all is only looked at
    ``suexec``    whether the web server starts scripts as their owner, by suexec
    ``secret``    what an AJP13 backend asks for, or None
    """

    user: str | None = None
    protocol: str | None = None
    timeout: float = 30.0
    run: bool = True
    suexec: bool = False
    secret: str | None = None


def kind_of(what: str) -> str:
    """Return which examination is meant. Raises ``ConfigError`` for what is nothing of all that."""
    if _URL.match(what):
        return URL
    if os.path.lexists(what):
        return _kind_of_file(what)
    if what.startswith(("unix:", "@")) or ("/" not in what and ":" in what):
        parse_address(what)
        return SOCKET
    directory, name = os.path.split(what)
    try:
        slip = nearest(name, os.listdir(directory or "."))
    except OSError:
        slip = ""
    hint = f"; did you mean {os.path.join(directory, slip)}?" if slip else ""
    is_file = what.endswith((*_SCRIPT_ENDINGS, *_FILE_ENDINGS)) or _LOG.search(what)
    if not hint and not is_file and _HOST.match(what) and not os.path.isdir(what.partition("/")[0]):
        hint = f"; if it is a URL, give http://{what} or https://{what}"
    raise ConfigError(f"{what!r}: there is no such file{hint}")


def examine(what: str, options: Options) -> Iterator[Finding]:
    """Yield what is found. Raises ``ConfigError`` for what cannot be examined."""
    module, _, name = EXAMINATIONS[kind_of(what)].partition(":")
    examination: Callable[[str, Options], Iterator[Finding]]
    examination = getattr(importlib.import_module(f"gateways.doctor.{module}"), name)
    return examination(what, options)


def _kind_of_file(path: str) -> str:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise ConfigError(f"{path!r}: {error.strerror}; run as a user who may see it") from None
    if stat.S_ISDIR(mode):
        return DIRECTORY
    if stat.S_ISSOCK(mode):
        return SOCKET
    if not stat.S_ISREG(mode):
        raise ConfigError(f"{path!r} is neither a file, a directory nor a socket")
    if os.path.basename(path).endswith(".htaccess"):
        return HTACCESS
    if _LOG.search(os.path.basename(path)):
        if _beginning(path).startswith(_GZIP):
            raise ConfigError(f"{path!r} is compressed: zcat {shlex.quote(path)} > /tmp/error.log, and give that")
        return LOG
    if path.endswith(_SCRIPT_ENDINGS):
        return SCRIPT
    beginning = _beginning(path)
    if b"\0" in beginning:
        raise ConfigError(f"{path!r} is no text: give a script or a configuration file")
    return SCRIPT if beginning.lstrip(b"\xef\xbb\xbf\r\n ").startswith(b"#!") else CONFIGURATION


def _beginning(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_BEGINNING)
    except OSError as error:
        raise ConfigError(f"{path!r}: {error.strerror}; run as a user who may read it") from None

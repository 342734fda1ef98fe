"""The options of ``runfcgi``, by Django's names, and what they are for the servers of flup's names."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from gateways.compat.words import number, switch, umask
from gateways.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROTOCOLS = ("fcgi", "scgi", "ajp")
METHODS = {"prefork": "_fork", "fork": "_fork", "threaded": "", "thread": ""}
#: What each option is, for --help.
HELP = {
    "protocol": "fcgi, scgi or ajp (default fcgi)",
    "host": "hostname to listen on",
    "port": "port to listen on",
    "socket": "UNIX socket to listen on",
    "method": "prefork or threaded (default prefork)",
    "maxrequests": "number of requests a child handles before it is replaced (0 = no limit)",
    "maxspare": "max number of spare processes",
    "minspare": "min number of spare processes",
    "maxchildren": "hard limit number of processes, or of threads",
    "daemonize": "whether to go into the background; the default where a host or a socket is given",
    "pidfile": "write the process id to this file",
    "workdir": "change to this directory in the background (default /)",
    "debug": "true shows tracebacks to clients",
    "outlog": "write stdout to this file in the background",
    "errlog": "write stderr to this file in the background",
    "umask": "umask to use in the background and for the socket, in octal (default 022)",
}


@dataclass
class Options:
    """What was asked for. Raises ``ConfigError`` for what cannot be."""

    protocol: str = "fcgi"
    host: str | None = None
    port: int | None = None
    socket: str | None = None
    method: str = "prefork"
    daemonize: bool | None = None
    workdir: str = "/"
    pidfile: str | None = None
    minspare: int = 2
    maxspare: int = 5
    maxchildren: int = 50
    maxrequests: int = 0
    debug: bool = False
    outlog: str | None = None
    errlog: str | None = None
    umask: int | None = None

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise ConfigError(f"protocol={self.protocol}: give {', '.join(PROTOCOLS)}")
        if self.method not in METHODS:
            raise ConfigError(f"method={self.method}: give prefork or threaded")
        if self.socket and (self.host or self.port is not None):
            raise ConfigError("socket: give a socket, or host and port, and not both")
        if (self.host is None) != (self.port is None):
            raise ConfigError("host and port belong together: give both")
        if self.protocol == "ajp" and self.socket:
            raise ConfigError("socket: flup's AJP is for TCP: give host and port")
        if self.protocol != "fcgi" and self.address is None:
            raise ConfigError(f"protocol={self.protocol}: give host and port, or a socket, to listen on")
        if self.daemonize is None:
            self.daemonize = self.address is not None
        # Before the working directory changes, they are where the person who typed them means.
        self.socket = _absolute(self.socket)
        self.pidfile, self.outlog, self.errlog = map(_absolute, (self.pidfile, self.outlog, self.errlog))

    @property
    def address(self) -> Any:
        """What flup calls ``bindAddress``."""
        return self.socket or (None if self.host is None else (self.host, self.port))

    def make_server(self, application: Any) -> Any:
        """Return a server for ``application``. Raises ``ConfigError``."""
        module = importlib.import_module(f"gateways.compat.flup.server.{self.protocol}{METHODS[self.method]}")
        given: dict[str, Any] = {"minSpare": self.minspare, "maxSpare": self.maxspare, "debug": self.debug}
        if METHODS[self.method]:
            given.update(maxChildren=self.maxchildren, maxRequests=self.maxrequests)
        else:
            given["maxThreads"] = self.maxchildren
        if self.protocol != "ajp":
            given["umask"] = self.umask
        try:
            return module.WSGIServer(application, bindAddress=self.address, **given)
        except ValueError as error:
            raise ConfigError(str(error)) from None


def read_options(words: Iterable[str], flags: Mapping[str, Any]) -> Options:
    """Return the options that are in ``words``, each ``key=value`` or ``key``, and in ``flags``, which win.

    Raises ``ConfigError``.
    """
    texts: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        texts[name.lower().replace("-", "_")] = text if equals else "true"
    texts.update({name: value for name, value in flags.items() if value is not None})
    kinds = {field.name: str(field.type) for field in fields(Options)}
    return Options(**{name: _read(name, text, kinds) for name, text in texts.items()})


def _read(name: str, text: Any, kinds: Mapping[str, str]) -> Any:
    kind = kinds.get(name)
    if kind is None:
        raise ConfigError(f"{name} is no option of runfcgi; give {', '.join(kinds)}")
    if not isinstance(text, str):
        return text
    try:
        if name == "umask":
            return umask(text)
        if "bool" in kind:
            return switch(text)
        if "int" in kind:
            return number(text)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None
    return text


def _absolute(path: str | None) -> str | None:
    return os.path.abspath(path) if path else None

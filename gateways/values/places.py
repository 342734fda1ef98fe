"""Paths of files, addresses to listen on, paths of requests, and secrets that may be in a file."""

from __future__ import annotations

import os

from gateways.values.plain import Kind, Text


class Path(Text):
    """The path of a file or directory. ``-``, which stands for a standard stream, is none."""

    def rebase(self, value: object, directory: str) -> object:
        return value if value in (None, "-") else os.path.join(directory, _without_dot(str(value)))


class Module(Path):
    """The name of a module, or the path of a Python file."""

    def rebase(self, value: object, directory: str) -> object:
        is_path = isinstance(value, str) and ("/" in value or value.endswith(".py"))
        return super().rebase(value, directory) if is_path else value


class Address(Kind):
    """Where to listen, as ``gateways.addresses.parse_address`` reads it."""

    metavar = "ADDR"
    allowed = "unix:/path, host:port, [::1]:port, :port, @abstract-name, fd:N or systemd:NAME"

    def read(self, given: object) -> object:
        from gateways.addresses import parse_address
        from gateways.errors import ConfigError

        if not isinstance(given, str):
            raise ValueError
        try:
            parse_address(given)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return given

    def rebase(self, value: object, directory: str) -> object:
        path = value[5:] if isinstance(value, str) and value.startswith("unix:") else "/"
        if path.startswith("/"):
            return value
        return self.read(f"unix:{os.path.join(directory, _without_dot(path))}")  # may be too long for a socket now


class RequestPath(Kind):
    """What follows the host in a URL: a path, and a query if need be, kept as it is."""

    metavar = "PATH"
    allowed = 'a path that starts with "/", such as /health or /search?q=x'

    def read(self, given: object) -> object:
        if not isinstance(given, str) or not given.startswith("/") or not given.isprintable():
            raise ValueError
        return given


class MountPath(RequestPath):
    """SCRIPT_NAME: empty, or starting with a slash and not ending with one."""

    allowed = 'a path that starts with "/", such as /app; "/" stands for the root'

    def read(self, given: object) -> object:
        return given if given in (None, "") else str(super().read(given)).rstrip("/")

    def show(self, value: object) -> str:
        return "none" if value is None else str(value) or "/"


class _Hidden(str):
    """A text that does not show itself where settings are printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'...'"


class Secret(Kind):
    """A text that nobody is to see: as it is, or ``@/path`` of the file whose first line it is.

    The file is read at once, by whoever starts the server: the workers may have no right to.
    """

    metavar = "SECRET"
    allowed = "a text without spaces at its ends, or @/path of a file that holds it"

    def read(self, given: object) -> object:
        if given is None:
            return None
        if not isinstance(given, str):
            raise ValueError("it has to be text")
        text = self._read_file(given[1:]) if given.startswith("@") else given
        if not text or text != text.strip() or "\0" in text or "\n" in text:
            raise ValueError(f"it cannot be used: give {self.allowed}")
        return _Hidden(text)

    def show(self, value: object) -> str:
        return "none" if value is None else "..."

    def _read_file(self, path: str) -> str:
        if not path.startswith("/"):
            raise ValueError(f"@{path} is no absolute path; write @/path/to/file")
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                return file.readline().rstrip("\r\n")
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror}") from None


def _without_dot(path: str) -> str:
    return path[2:] if path.startswith("./") else path

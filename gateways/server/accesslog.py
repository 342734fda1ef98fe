"""The access log: a format in Apache's LogFormat directives, compiled once; one escaped line for each request."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Callable, NamedTuple

from gateways.errors import ConfigError

if TYPE_CHECKING:
    from gateways.core.types import Environ, Headers

FORMATS = {
    "common": '%h %l %u %t "%r" %>s %b',
    "combined": '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
}
MAX_LINE = 8192

_DIRECTIVE = re.compile(r"%(?:%|(?:[<>])?(?:\{([^}]*)\})?([a-zA-Z]))")
# What could end a quoted field or a line, or steer a terminal (httpd escapes the same).
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 256))}
_ESCAPES.update({ord('"'): '\\"', ord("\\"): "\\\\", 10: "\\n", 13: "\\r", 9: "\\t"})


class Entry(NamedTuple):
    """What is known of a request that has ended."""

    environ: Environ
    status: str
    headers: Headers
    size: int  # bytes of body that were sent
    seconds: float
    aborted: bool


Field = Callable[[Entry], str]


class AccessLog:
    """Writes a line for each request to ``target``, a file name or ``"-"`` for standard output.

    ``format`` is ``common``, ``combined`` or a format with directives. Raises ``ConfigError`` for an unknown directive
    and for a file that cannot be opened. Writing never raises: a full disk must not fail a request.
    """

    def __init__(self, target: str = "-", format: str = "combined") -> None:
        self._target = target
        self._template, self._fields = compile_format(FORMATS.get(format, format))
        self._fd = 1 if target == "-" else _open(target)

    def write(
        self, environ: Environ, status: str, headers: Headers, size: int, seconds: float, aborted: bool
    ) -> None:
        """Write one line, in one write."""
        entry = Entry(environ, status, headers, size, seconds, aborted)
        line = self._template % tuple([field(entry) for field in self._fields])
        try:
            os.write(self._fd, line.encode("ascii", "backslashreplace")[: MAX_LINE - 1] + b"\n")
        except OSError:
            pass

    def reopen(self) -> None:
        """Open the file anew, after it was rotated; the old one is kept when that fails."""
        if self._target != "-":
            try:
                fd = _open(self._target)
            except ConfigError:
                return
            os.dup2(fd, self._fd)
            os.close(fd)


def compile_format(text: str) -> tuple[str, tuple[Field, ...]]:
    """Return a template for ``%`` and the fields that fill it. Raises ``ConfigError`` for an unknown directive."""
    template: list[str] = []
    fields: list[Field] = []
    position = 0
    while True:
        start = text.find("%", position)
        if start < 0:
            return "".join([*template, text[position:]]), tuple(fields)
        template.append(text[position:start])
        match = _DIRECTIVE.match(text, start)
        field = _field(match[2] or "%", match[1]) if match else None
        if match is None or field is None:
            shown = match[0] if match else text[start : start + 2]
            raise ConfigError(f"access_log_format: unknown directive {shown!r} at character {start + 1}")
        template.append("%s")
        fields.append(field)
        position = match.end()


def _field(letter: str, argument: str | None) -> Field | None:
    if argument is None:
        return _PLAIN.get(letter)
    name = argument
    if letter == "i":
        key = "HTTP_" + name.upper().replace("-", "_")
        key = {"HTTP_CONTENT_TYPE": "CONTENT_TYPE", "HTTP_CONTENT_LENGTH": "CONTENT_LENGTH"}.get(key, key)
        return lambda entry: _escape(entry.environ.get(key))
    if letter == "e":
        return lambda entry: _escape(entry.environ.get(name))
    if letter == "o":
        lower = name.lower()
        return lambda entry: _escape(next((v for n, v in entry.headers if n.lower() == lower), None))
    return None


def _variable(name: str) -> Field:
    return lambda entry: _escape(entry.environ.get(name))


def _escape(value: object) -> str:
    if not value:
        return "-"
    text = str(value)
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return text.translate(_ESCAPES)


def _request_line(entry: Entry) -> str:
    environ = entry.environ
    target = environ.get("REQUEST_URI")
    if not target:
        query = environ.get("QUERY_STRING")
        target = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}" + (f"?{query}" if query else "")
    return _escape(f"{environ['REQUEST_METHOD']} {target} {environ.get('SERVER_PROTOCOL', '')}")


class _Clock:
    """The time as Apache writes it, made once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self, entry: Entry) -> str:
        second = int(time.time())
        if second != self._second:
            self._text = time.strftime("[%d/%b/%Y:%H:%M:%S %z]", time.localtime(second))
            self._second = second
        return self._text


_PLAIN: dict[str, Field] = {
    "%": lambda entry: "%",
    "h": _variable("REMOTE_ADDR"),
    "a": _variable("REMOTE_ADDR"),
    "l": lambda entry: "-",
    "u": _variable("REMOTE_USER"),
    "t": _Clock(),
    "r": _request_line,
    "s": lambda entry: entry.status[:3] or "-",
    "b": lambda entry: str(entry.size) if entry.size else "-",
    "B": lambda entry: str(entry.size),
    "O": lambda entry: str(entry.size),
    "D": lambda entry: str(int(entry.seconds * 1e6)),
    "T": lambda entry: str(int(entry.seconds)),
    "m": _variable("REQUEST_METHOD"),
    "U": lambda entry: _escape(f"{entry.environ.get('SCRIPT_NAME', '')}{entry.environ.get('PATH_INFO', '')}"),
    "q": lambda entry: _escape("?" + entry.environ["QUERY_STRING"]) if entry.environ.get("QUERY_STRING") else "",
    "H": _variable("SERVER_PROTOCOL"),
    "p": _variable("SERVER_PORT"),
    "v": _variable("SERVER_NAME"),
    "P": lambda entry: str(os.getpid()),
    "X": lambda entry: "X" if entry.aborted else "+",
}


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise ConfigError(f"access_log {path!r} cannot be opened: {error.strerror}") from None

"""The access log: a format of Apache's LogFormat directives, compiled once; one escaped line for each request."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Callable, NamedTuple

from gateways.errors import ConfigError
from gateways.server.logfile import LogFile
from gateways.server.memory import RecentMemory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateways.core.types import Environ, Headers
    from gateways.server.errorlog import ErrorLog

FORMATS = {
    "common": '%h %l %u %t "%r" %>s %b',
    "combined": '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
}

_DIRECTIVE = re.compile(r"%(?:%|[<>]?(?:\{([^{}]+)\})?([a-zA-Z]))")
# Bytes that could end a field or a line, or steer a terminal. Text is latin-1 in which each character is a byte.
_UNSAFE = re.compile(r"[^ !#-\[\]-~]")
_UNSAFE_BARE = re.compile(r"[^!#-\[\]-~]")  # outside of quotes a space ends the field, too
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLIENT_GONE = "499"  # as nginx has it: nobody was there to be given a status


class Entry(NamedTuple):
    """What is known of a request that has ended."""

    environ: Environ
    status: str
    headers: Headers
    body_bytes: int
    seconds: float
    aborted: bool
    number: int = 0
    worker: int = 0


Field = Callable[[Entry], object]


class AccessLog:
    """Writes a line for each request to ``target``, a file name or ``"-"`` for standard output.

    ``format`` is ``common``, ``combined`` or text with directives. That lines cannot be written is said in
    ``error_log``, once. Raises ``ConfigError`` for an unknown directive and for a file that cannot be opened.

    ``worker`` is the number of this process among those of the process manager, 0 without one.
    """

    worker = 0

    def __init__(self, target: str = "-", format: str = "combined", error_log: ErrorLog | None = None) -> None:
        self._render = compile_format(FORMATS.get(format, format)).render
        self._file = LogFile("access_log", target, 1, error_log.error if error_log else _say_nothing)

    def write(  # noqa: PLR0917 - keywords would take longer, and the C part has none
        self,
        environ: Environ,
        status: str,
        headers: Headers,
        body_bytes: int,
        seconds: float,
        aborted: bool,
        number: int,
    ) -> None:
        """Write one line. ``body_bytes`` were sent of the body; ``aborted``: the response did not reach its end.

        ``number`` is that of the request in this process.
        """
        entry = Entry(environ, status, headers, body_bytes, seconds, aborted, number, self.worker)
        line = self._render(entry).encode("ascii", "backslashreplace")
        self._file.write(line[: self._file.max_line - 1] + b"\n")

    def reopen(self) -> None:
        """Open the file anew, after it was renamed."""
        self._file.reopen()

    def fileno(self) -> int:
        """Return the descriptor of the file."""
        return self._file.fileno()

    def adopt(self, fd: int) -> None:
        """Write to the open file ``fd`` from now on, and take it."""
        self._file.adopt(fd)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Format:
    """A compiled format: a template for the operator ``%``, and what fills it.

    ``fields`` are pairs: what makes the text, and the characters that have to be escaped in it; None where it holds
    nothing of the client's.
    """

    def __init__(self, template: str, fields: Sequence[tuple[Field, re.Pattern[str] | None]]) -> None:
        self._template = template
        self._fields = [field for field, _ in fields]
        self._unsafe = [unsafe for _, unsafe in fields]
        self._bare = [index for index, unsafe in enumerate(self._unsafe) if unsafe is _UNSAFE_BARE]
        self._quotes = template.count('"')
        self._backslashes = template.count("\\")

    def render(self, entry: Entry) -> str:
        """Return the line, without its end."""
        values = [field(entry) for field in self._fields]
        line = self._template % tuple(values)
        if self._is_safe(line, values):  # one look at the line instead of one at each field
            return line
        return self._template % tuple(
            [unsafe.sub(_escape, str(value)) if unsafe else value for value, unsafe in zip(values, self._unsafe)]
        )

    def _is_safe(self, line: str, values: list[object]) -> bool:
        for index in self._bare:
            if " " in str(values[index]):
                return False
        printable = line.isascii() and line.isprintable()
        return printable and line.count('"') == self._quotes and line.count("\\") == self._backslashes


def compile_format(text: str) -> Format:
    """Compile a format. Raises ``ConfigError``."""
    template: list[str] = []
    fields: list[tuple[Field, re.Pattern[str] | None]] = []
    position = 0
    while True:
        start = text.find("%", position)
        template.append(text[position : start if start >= 0 else None])
        if start < 0:
            return Format("".join(template), fields)
        match = _DIRECTIVE.match(text, start)
        field = _find_field(match[2] or "%", match[1]) if match else None
        if match is None or field is None:
            shown = match[0] if match else text[start : start + 2]
            known = " ".join(f"%{letter}" for letter in sorted((*_PLAIN, *_TEXTS, *_VARIABLES), key=str.lower))
            raise ConfigError(
                f"access_log_format: {shown!r} at character {start + 1} is not known; "
                f"there are {known} %{{HEADER}}i %{{HEADER}}o %{{VARIABLE}}e"
            )
        quoted = "".join(template).count('"') % 2 == 1
        ours = match[1] is None and match[2] not in _TEXTS and match[2] not in _VARIABLES
        template.append("%s")
        fields.append((field, None if ours else _UNSAFE if quoted else _UNSAFE_BARE))
        position = match.end()


def _find_field(letter: str, name: str | None) -> Field | None:
    if name is None and letter in _VARIABLES:
        return _variable(_VARIABLES[letter])
    if name is None:
        return _TEXTS.get(letter) or _PLAIN.get(letter)
    if letter == "e":
        return _variable(name)
    if letter == "i":
        key = name.upper().replace("-", "_")
        return _variable(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}")
    if letter == "o":
        lower = name.lower()
        return lambda entry: ", ".join(v for n, v in entry.headers if n.lower() == lower) or "-"
    return None


def _variable(name: str) -> Field:
    return lambda entry: str(entry.environ.get(name) or "-")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def _path(entry: Entry) -> str:
    return f"{entry.environ.get('SCRIPT_NAME', '')}{entry.environ.get('PATH_INFO', '')}" or "-"


def _query(entry: Entry) -> str:
    query = entry.environ.get("QUERY_STRING")
    return f"?{query}" if query else ""


def _request_line(entry: Entry) -> str:
    environ = entry.environ
    target = environ.get("REQUEST_URI") or _path(entry) + _query(entry)
    return f"{environ.get('REQUEST_METHOD', '-')} {target} {environ.get('SERVER_PROTOCOL', '-')}"


def _status(entry: Entry) -> str:
    return entry.status[:3] or (_CLIENT_GONE if entry.aborted else "-")


def _bytes_out(entry: Entry) -> int:
    """Count the body and the header block as CGI has it."""
    if not entry.status:
        return entry.body_bytes
    head = sum(len(name) + len(value) + 4 for name, value in entry.headers)
    return entry.body_bytes + head + len(f"Status: {entry.status}\r\n\r\n")


class _Clock:
    """The time at which the request came, as Apache writes it. Made once a second, in English under any locale."""

    def __init__(self) -> None:
        self._made = (-1, "")

    def __call__(self, entry: Entry) -> str:
        second = int(time.time() - entry.seconds)
        made = self._made  # one attribute, so that two threads cannot mix their halves
        if made[0] != second:
            now = time.localtime(second)
            month = _MONTHS[now.tm_mon - 1]
            made = self._made = (second, time.strftime(f"[%d/{month}/%Y:%H:%M:%S %z]", now))
        return made[1]


_memory = RecentMemory()

#: What needs no escaping.
_PLAIN: dict[str, Field] = {
    "%": lambda entry: "%",
    "l": lambda entry: "-",
    "t": _Clock(),
    "s": _status,
    "b": lambda entry: entry.body_bytes or "-",
    "B": lambda entry: entry.body_bytes,
    "O": _bytes_out,
    "D": lambda entry: int(entry.seconds * 1e6),
    "T": lambda entry: int(entry.seconds),
    "P": lambda entry: os.getpid(),
    "w": lambda entry: entry.worker,
    "n": lambda entry: entry.number,
    "M": lambda entry: _memory() // 1024,
    "X": lambda entry: "X" if entry.aborted else "+",
}
#: What the client has a hand in.
_TEXTS: dict[str, Callable[[Entry], str]] = {"r": _request_line, "U": _path, "q": _query}
_VARIABLES = {
    "a": "REMOTE_ADDR",
    "h": "REMOTE_ADDR",
    "u": "REMOTE_USER",
    "m": "REQUEST_METHOD",
    "H": "SERVER_PROTOCOL",
    "p": "SERVER_PORT",
    "v": "SERVER_NAME",
}


def _say_nothing(message: str) -> None:
    """For an access log without an error log."""

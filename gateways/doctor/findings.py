"""What a doctor has found: one cause in one line, and what to do about it.

A module declares each fault that it looks for once, and that is also its entry in the manual::

    CRLF = declare("shebang-crlf", ERROR, "The first line ends as on Windows, so no interpreter has that name.")
    yield CRLF.found(path, "its first line ends with CR LF", f"sed -i 's/\\r$//' {path}")
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from gateways.escaping import escape

ERROR = "error"
WARNING = "warning"
NOTE = "note"
OK = "ok"

#: From the worst: an error is why it does not work; a warning will be, elsewhere or later; a note is good to know.
SEVERITIES = (ERROR, WARNING, NOTE, OK)

#: Every code that was declared, by its name: those of the modules that are imported.
CODES: dict[str, Code] = {}

#: Characters of a text that was found in a file or came from a program: more would hide what it is about.
MAX_QUOTED = 300


@dataclass(frozen=True)
class Finding:
    """One thing that was found, each text a single line.

    ``code`` names the fault, the same for ever; ``severity`` is one of ``SEVERITIES``. ``where`` is the file, with a
    line number where that helps, or the address. ``what`` is the cause, without a full stop, and ``remedy`` a command
    to type or a line to write, or "" where there is nothing to do.
    """

    code: str
    severity: str
    where: str
    what: str
    remedy: str = ""


@dataclass(frozen=True)
class Code:
    """A fault that can be found. ``meaning`` is a sentence or two for the manual: what happens, and why."""

    name: str
    severity: str
    meaning: str

    def found(self, where: object, what: str, remedy: str = "", *, severity: str = "") -> Finding:
        """Say where, and what exactly. ``severity`` replaces the usual one."""
        return Finding(self.name, severity or self.severity, one_line(where), one_line(what), one_line(remedy))


def declare(name: str, severity: str, meaning: str) -> Code:
    """Add a code to those of the manual. A name stands for one fault only."""
    if name in CODES or severity not in SEVERITIES:
        raise ValueError(f"{name!r} is declared already, or {severity!r} is no severity")
    CODES[name] = Code(name, severity, meaning)
    return CODES[name]


def place(path: str, line: int = 0) -> str:
    """Return FILE:LINE, as editors and compilers write it; the file alone where no line is known."""
    return f"{path}:{line}" if line else path


def appended(path: str, *lines: str) -> str:
    """Return the command that puts lines at the end of a file; an empty one before them ends what has no end there."""
    return f"printf '%s\\n' '' {' '.join(map(shlex.quote, lines))} >> {shlex.quote(path)}"


def one_line(text: object, limit: int = 0) -> str:
    """Return a text that can be printed to a terminal: in one line, with what is not printable escaped.

    With ``limit`` it has so many characters at most, the last of them dots.
    """
    line = escape(str(text).rstrip("\n").replace("\n", " ").replace("\t", " "))
    return f"{line[: limit - 3]}..." if limit and len(line) > limit else line


def quoted(data: bytes | str) -> str:
    """Return what a file or a program said, in quotation marks, as much of it as a line can hold."""
    text = data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data
    return f'"{one_line(text, MAX_QUOTED)}"'

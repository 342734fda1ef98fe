"""The first line of a script, as the kernel reads it: which program it names, and why that cannot be."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateways.doctor.findings import ERROR, Code, Finding, declare, quoted

MISSING = declare(
    "shebang-missing",
    ERROR,
    "The script does not begin with `#!` and the path of its interpreter: the kernel says Exec format error.",
)
BOM = declare(
    "shebang-bom",
    ERROR,
    "An editor wrote a byte order mark before `#!`, so the kernel does not see it (Exec format error).",
)
INDENTED = declare(
    "shebang-not-first",
    ERROR,
    "Something stands before `#!`, such as an empty line; it counts as the first two bytes only.",
)
CRLF = declare(
    "shebang-crlf",
    ERROR,
    "The first line ends as on Windows (CR LF). The kernel looks for an interpreter with a CR at the end of its name, "
    "and says: No such file or directory.",
)
EMPTY = declare("shebang-empty", ERROR, "The first line is `#!` and nothing else.")
RELATIVE = declare(
    "shebang-relative",
    ERROR,
    "The path of the interpreter does not begin with `/`: it is looked for below the working directory.",
)
TILDE = declare("shebang-tilde", ERROR, "Only a shell knows `~`; the kernel takes it for the name of a directory.")
TOO_LONG = declare(
    "shebang-too-long",
    ERROR,
    "The kernel reads 255 bytes of the first line (127 before Linux 5.1), and the path of the interpreter is longer. A "
    "`/bin/sh` script that executes it has no such limit.",
)
ARGUMENTS = declare(
    "shebang-arguments",
    ERROR,
    "The kernel passes what follows the interpreter as one argument, with its spaces. `env -S` takes it apart.",
)
ABSENT = declare(
    "interpreter-absent",
    ERROR,
    "The interpreter that the first line names does not exist. The web server's log says that of the script: No such "
    "file or directory.",
)
DIRECTORY = declare("interpreter-directory", ERROR, "The first line names a directory, not a program.")
NOT_EXECUTABLE = declare("interpreter-not-executable", ERROR, "The file that the first line names is not executable.")
NOT_FOUND = declare(
    "interpreter-not-on-path",
    ERROR,
    "`env` looks for the interpreter on the PATH of the web server, which is that of no shell of yours.",
)
DANGLING = declare(
    "venv-dangling",
    ERROR,
    "The virtual environment's Python is a link to one that is gone: removed, or replaced by another version.",
)

#: What the kernel reads of a script: BINPRM_BUF_SIZE less the NUL, "#!" included (execve(2)).
LIMIT, OLD_LIMIT = 255, 127

#: What web servers give their scripts; Debian's apache2 service, and systemd's default.
SERVER_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_BOM = b"\xef\xbb\xbf"
_EXEC_TRICK = re.compile(rb"""\A#![^\n]*/sh\n(?:'''exec'|"exec"|''''exec) +("[^"\n]+"|'[^'\n]+'|\S+)""")


@dataclass(frozen=True)
class Interpreter:
    """What the kernel starts for a script: ``program`` with ``arguments`` and the path of the script.

    ``name`` is what the first line has to be changed for: after ``env`` or the /bin/sh trick another one.
    """

    program: str
    arguments: tuple[str, ...] = ()
    name: str = ""

    @property
    def is_python(self) -> bool:
        """Whether it is a Python by its name."""
        return bool(re.match(r"(python|pypy)[0-9.]*$", os.path.basename(self.name or self.program)))


@dataclass
class Examined:
    """The outcome: findings, and the interpreter where one was found."""

    findings: list[Finding] = field(default_factory=list)
    interpreter: Interpreter | None = None


def examine_shebang(path: str, data: bytes, suggestion: str, limit: int = 0) -> Examined:
    """Look at the first line of a script. ``data`` is its beginning, ``suggestion`` a Python that could run it.

    ``limit`` is how many bytes the kernel reads; by default that of the one that runs here.
    """
    examined = Examined()
    file = shlex.quote(path)
    if data.startswith(_BOM):
        remedy = rf"sed -i '1s/^\xef\xbb\xbf//' {file}"
        examined.findings.append(BOM.found(path, "it begins with a byte order mark, not with #!", remedy))
        data = data[len(_BOM) :]
    if not data.startswith(b"#!"):
        examined.findings.append(_without(path, data, suggestion))
        return examined
    line = data.split(b"\n", 1)[0]
    if line.endswith(b"\r"):
        remedy = rf"sed -i 's/\r$//' {file}"
        examined.findings.append(CRLF.found(path, "its first line ends with CR LF", remedy))
        line = line.rstrip(b"\r")
    words = line[2:].decode("utf-8", "surrogateescape").split(None, 1)
    if not words:
        examined.findings.append(EMPTY.found(path, "its first line is #! alone", replace_line(path, suggestion)))
        return examined
    end = len(line) - len(line[2:].lstrip()) + len(os.fsencode(words[0]))
    if end > (limit or kernel_limit()) or (end > LIMIT):
        what = f"its first line is {len(line)} bytes long, and the kernel reads {limit or kernel_limit()}"
        examined.findings.append(TOO_LONG.found(path, what, trick(path, words[0])))
        return examined
    wrong = list(_wrong(path, words, suggestion))
    examined.findings += wrong
    if not wrong:
        examined.interpreter = _resolve(words, data)
    return examined


def kernel_limit() -> int:
    """Return how many bytes of a first line the kernel reads that runs here."""
    version = re.match(r"(\d+)\.(\d+)", os.uname().release)
    old = os.uname().sysname == "Linux" and version is not None and (int(version[1]), int(version[2])) < (5, 1)
    return OLD_LIMIT if old else LIMIT


def replace_line(path: str, interpreter: str) -> str:
    """Return the command that makes ``interpreter`` the one of a script."""
    if len(os.fsencode(interpreter)) + 2 > kernel_limit():
        return trick(path, interpreter)
    return f"sed -i '1c #!{interpreter}' {shlex.quote(path)}"


def trick(path: str, interpreter: str) -> str:
    """Return the command that has /bin/sh execute an interpreter whose path is too long: valid shell, valid Python."""
    return rf"""sed -i "1c #!/bin/sh\n'''exec' '{interpreter}' \"\$0\" \"\$@\"\n' '''" {shlex.quote(path)}"""


def _without(path: str, data: bytes, suggestion: str) -> Finding:
    if data.lstrip().startswith(b"#!"):
        remedy = rf"sed -i '/^[[:space:]]*#!/,$!d; s/^[[:space:]]*#!/#!/' {shlex.quote(path)}"
        return INDENTED.found(path, "#! has to be its first two bytes, and something stands before it", remedy)
    first = data.split(b"\n", 1)[0][:60]
    remedy = f"sed -i '1i #!{suggestion}' {shlex.quote(path)}"
    return MISSING.found(path, f"its first line names no interpreter: it is {quoted(first)}", remedy)


def _wrong(path: str, words: list[str], suggestion: str) -> Iterator[Finding]:
    """Yield what is wrong with the program and the argument of a first line."""
    program, argument = words[0], words[1].rstrip() if len(words) > 1 else ""
    remedy = replace_line(path, suggestion)
    if program.startswith("~"):
        yield TILDE.found(path, f"its first line names {program}, and the kernel does not know ~", remedy)
    elif not program.startswith("/"):
        yield RELATIVE.found(path, f"its first line names {program}, which is not a path from / on", remedy)
    elif finding := why_not_a_program(path, program, remedy):
        yield finding
    elif os.path.basename(program) == "env":
        name = _of_env(argument)
        if argument.startswith("-S") and not _is_closed(argument):
            yield ARGUMENTS.found(path, f"a quotation mark of {argument!r} is not closed", remedy)
        elif name is None:
            what = f"env gets {argument!r} as the name of one program"
            yield ARGUMENTS.found(path, what, f"sed -i '1s/env /env -S /' {shlex.quote(path)}")
        elif name and not _on_path(name):
            yield NOT_FOUND.found(path, f"env finds no {name} on the web server's PATH, {SERVER_PATH}", remedy)
    elif " " in argument or "\t" in argument:
        what = f"its interpreter gets {argument!r} as one argument, spaces included"
        yield ARGUMENTS.found(path, what, f"sed -i '1c #!/usr/bin/env -S {program} {argument}' {shlex.quote(path)}")


def why_not_a_program(path: str, program: str, remedy: str) -> Finding | None:
    """Say why ``program`` cannot be started for the script ``path``, or return None."""

    def found(code: Code, what: str) -> Finding:
        return code.found(path, what, remedy)

    try:
        mode = os.stat(program).st_mode
    except PermissionError:
        return None  # somebody else may be allowed to see it
    except OSError as error:
        if os.path.islink(program):
            return found(DANGLING, f"its interpreter {program} is a link to {_end_of_link(program)}, which is gone")
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return found(ABSENT, f"its interpreter {program} does not exist")
        return found(ABSENT, f"its interpreter {program} cannot be used: {error.strerror}")
    if stat.S_ISDIR(mode):
        return found(DIRECTORY, f"its interpreter {program} is a directory")
    if not mode & 0o111:
        return NOT_EXECUTABLE.found(
            path, f"its interpreter {program} is not executable", f"chmod 755 {shlex.quote(program)}"
        )
    return None


def _resolve(words: list[str], data: bytes) -> Interpreter:
    program, argument = words[0], words[1].rstrip() if len(words) > 1 else ""
    trick_used = _EXEC_TRICK.match(data)
    if trick_used:
        inner = trick_used[1].strip(b"\"'").decode("utf-8", "surrogateescape")
        return Interpreter(inner, (), inner)
    if os.path.basename(program) == "env":
        parts = [word for word in _split(argument) if not (word.startswith("-") or "=" in word)]
        found = _on_path(parts[0]) if parts else ""
        rest = tuple(_split(argument)[_split(argument).index(parts[0]) + 1 :]) if parts else ()
        return Interpreter(found or program, rest, parts[0] if parts else "env")
    return Interpreter(program, (argument,) if argument else (), program)


def _of_env(argument: str) -> str | None:
    """Return the program that env is to find, "" where it is not plain, None where env looks for a name with spaces."""
    if argument.startswith(("-S", "--split-string")):
        words = [word for word in _split(argument)[1:] if "=" not in word and not word.startswith("-")]
        return words[0] if words else ""
    return None if " " in argument or "\t" in argument else argument


def _split(argument: str) -> list[str]:
    return shlex.split(argument) if _is_closed(argument) else argument.split()


def _is_closed(argument: str) -> bool:
    try:
        shlex.split(argument)
    except ValueError:
        return False
    return True


def _on_path(name: str) -> str:
    if "/" in name:
        return name if os.access(name, os.X_OK) else ""
    candidates = (os.path.join(directory, name) for directory in SERVER_PATH.split(":"))
    return next((path for path in candidates if os.path.isfile(path) and os.access(path, os.X_OK)), "")


def _end_of_link(path: str) -> str:
    return os.path.realpath(path)

"""The first line of a script, as the kernel reads it: which program it names, and why that cannot be."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateways.deploy.firstlines import first_lines
from gateways.doctor.envline import SERVER_PATH, read_env
from gateways.doctor.findings import ERROR, Code, Finding, declare, quoted
from gateways.errors import ConfigError

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

#: What takes its own first line apart once more, and so does not mind how the kernel passes it.
_READS_ITS_LINE = re.compile(r"(perl|ruby)[0-9.]*$")

_BOM = b"\xef\xbb\xbf"
_COMPILED = b"\x7fELF"
_EXEC_TRICK = re.compile(rb"""\A#![^\n]*/sh\n(?:'''exec'|"exec"|''''exec) +("[^"\n]+"|'[^'\n]+'|\S+)""")


@dataclass(frozen=True)
class Interpreter:
    """What the kernel starts for a script: ``program`` with ``arguments`` and the path of the script.

    ``name`` is what the first line has to be changed for: after ``env`` or the /bin/sh trick another one. A compiled
    program is its own interpreter.
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
    if data.startswith(_COMPILED):
        examined.interpreter = Interpreter(path, (), path)
        return examined
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
        examined.findings.append(TOO_LONG.found(path, what, replace_line(path, words[0], limit=limit)))
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


def replace_line(path: str, interpreter: str, command: str = "1c", limit: int = 0) -> str:
    """Return the command that makes ``interpreter`` the one of a script. ``command`` is sed's: "1i" adds a line."""
    try:
        lines = first_lines(interpreter, limit or kernel_limit())
    except ConfigError as error:
        return str(error)
    text = lines.rstrip("\n").replace("\n", r"\n")
    return f"sed -i {shlex.quote(f'{command} {text}')} {shlex.quote(path)}"


def _without(path: str, data: bytes, suggestion: str) -> Finding:
    if not data:
        what = "it is empty: perhaps its upload did not end"
        return MISSING.found(path, what, f"upload it again, or: {_written_anew(path)}")
    if data.lstrip().startswith(b"#!"):
        remedy = rf"sed -i '/^[[:space:]]*#!/,$!d; s/^[[:space:]]*#!/#!/' {shlex.quote(path)}"
        return INDENTED.found(path, "#! has to be its first two bytes, and something stands before it", remedy)
    first = data.split(b"\n", 1)[0][:60]
    what = f"its first line names no interpreter: it is {quoted(first)}"
    return MISSING.found(path, what, replace_line(path, suggestion, "1i"))


def _written_anew(path: str) -> str:
    """Return the command that has ``gateways init`` write the script, in the place of a file without a text."""
    name, ending = os.path.splitext(os.path.basename(path))
    cgi = "" if ending == ".fcgi" else " --cgi"
    directory = shlex.quote(os.path.dirname(os.path.abspath(path)))
    return f"rm {shlex.quote(path)} && gateways init{cgi} --name {shlex.quote(name)} {directory}"


def _wrong(path: str, words: list[str], suggestion: str) -> Iterator[Finding]:
    """Yield what is wrong with the program and the argument of a first line."""
    program, argument = words[0], words[1].rstrip() if len(words) > 1 else ""
    remedy = replace_line(path, suggestion)
    if program.startswith("~"):
        yield TILDE.found(path, f"its first line names {program}, and the kernel does not know ~", remedy)
    elif not program.startswith("/"):
        yield RELATIVE.found(path, f"its first line names {program}, which is not a path from / on", remedy)
    elif argument and not os.path.lexists(program) and os.path.isfile(f"{program} {argument}"):
        whole = f"{program} {argument}"
        yield ABSENT.found(
            path, f"the kernel ends {whole!r} at its space: there is no {program}", replace_line(path, whole)
        )
    elif finding := why_not_a_program(path, program, remedy):
        yield finding
    elif os.path.basename(program) == "env":
        yield from _wrong_for_env(path, argument, remedy)
    elif (" " in argument or "\t" in argument) and not _READS_ITS_LINE.match(os.path.basename(program)):
        what = f"its interpreter gets {argument!r} as one argument, spaces included"
        yield ARGUMENTS.found(path, what, f"sed -i '1c #!/usr/bin/env -S {program} {argument}' {shlex.quote(path)}")


def _wrong_for_env(path: str, argument: str, remedy: str) -> Iterator[Finding]:
    try:
        started = read_env(argument)
    except ValueError as error:
        if "quotation" not in str(error):
            remedy = f"sed -i '1s/env /env -S /' {shlex.quote(path)}"
        yield ARGUMENTS.found(path, str(error), remedy)
        return
    if started.name and not started.program:
        yield NOT_FOUND.found(path, f"env finds no {started.name} on the web server's PATH, {SERVER_PATH}", remedy)


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
            return found(DANGLING, f"its interpreter {program} is a link to {os.path.realpath(program)}, which is gone")
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
        started = read_env(argument)
        return Interpreter(started.program or program, started.arguments, started.name or "env")
    return Interpreter(program, (argument,) if argument else (), program)

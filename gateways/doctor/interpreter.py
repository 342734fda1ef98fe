"""Asks the interpreter of a script what it is: its version, whether it has gateways, and what it says to the source."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateways.doctor.accounts import Account
from gateways.doctor.findings import ERROR, Finding, declare, place, quoted
from gateways.doctor.shebang import Interpreter, replace_line
from gateways.doctor.starting import ENVIRON, identity

FAILS = declare(
    "interpreter-fails",
    ERROR,
    "The interpreter ends before it has run anything: its standard library is gone, or it is another program.",
)
MOVED = declare(
    "venv-moved",
    ERROR,
    "The virtual environment's `pyvenv.cfg` names a Python that is gone, or it was copied from another machine. Make "
    "it anew; it is cheap.",
)
OLD = declare("python-too-old", ERROR, "gateways needs Python 3.9 or newer.")
NOT_PYTHON = declare("interpreter-not-python", ERROR, "The script is Python by its text, and its interpreter is not.")
NO_GATEWAYS = declare(
    "gateways-absent",
    ERROR,
    "The script imports gateways, and its interpreter does not have it: it is installed in another one.",
)
SYNTAX = declare("syntax-error", ERROR, "The script's interpreter cannot read it. The line is that of the script.")
ENCODING = declare(
    "source-encoding",
    ERROR,
    "The script has bytes that are not UTF-8, which is what Python reads unless a comment in the first two lines names "
    "another encoding (PEP 263).",
)

#: Runs on any Python there is. The script's directory comes first on the path, as for the script itself.
_PROBE = """
import json, os, sys
script = sys.argv[1]
sys.path[0] = os.path.dirname(script)
answer = {"version": list(sys.version_info[:3]), "prefix": sys.prefix, "gateways": "", "wrong": None}
try:
    if sys.version_info >= (3,):
        import tokenize
        with tokenize.open(script) as file:
            compile(file.read(), script, "exec")
except SyntaxError:
    error = sys.exc_info()[1]
    answer["wrong"] = [error.lineno or 0, error.msg]
except Exception:
    error = sys.exc_info()[1]
    answer["wrong"] = [0, str(error)]
if sys.version_info >= (3, 9):
    import importlib.util
    spec = importlib.util.find_spec("gateways")
    answer["gateways"] = spec and (spec.origin or "a directory") or ""
print(json.dumps(answer))
"""


#: Seconds for a Python to say whether it has gateways.
_SUGGESTION = 10.0

#: How many directories above a script may hold its virtual environment.
_NEAR = 5


def examine_interpreter(
    path: str, data: bytes, interpreter: Interpreter, account: Account, suggestion: str, timeout: float
) -> Iterator[Finding]:
    """Start the interpreter as ``account`` with the environment of a web server; yield what is wrong with it."""
    interpreter = behind(interpreter)
    if not interpreter.is_python:
        if _is_python_text(data):
            what = f"it is written in Python, and its interpreter is {interpreter.program}"
            yield NOT_PYTHON.found(path, what, replace_line(path, suggestion))
        return
    answer, said = ask(interpreter, path, account, timeout)
    if answer is None:
        venv, home = _venv(interpreter.program)
        if home and not os.path.isdir(home):
            what = f"its virtual environment {venv} was made by a Python in {home}, which is gone: {quoted(said)}"
            yield MOVED.found(path, what, f"python3 -m venv --clear {shlex.quote(venv)}")
            return
        what = f"its interpreter {interpreter.program} does not run: {quoted(said)}"
        yield FAILS.found(path, what, replace_line(path, suggestion))
        return
    version = ".".join(map(str, answer["version"]))
    if answer["version"] < [3, 9]:
        what = f"its interpreter {interpreter.program} is Python {version}, and gateways needs 3.9"
        yield OLD.found(path, what, replace_line(path, suggestion))
    elif answer["wrong"]:
        yield _syntax(path, *answer["wrong"])
    elif not answer["gateways"] and re.search(rb"^\s*(from|import)\s+gateways\b", data, re.MULTILINE):
        what = f"its interpreter {interpreter.program} (Python {version}) does not have gateways"
        yield NO_GATEWAYS.found(path, what, _install(path, interpreter, answer["prefix"], suggestion))


def behind(interpreter: Interpreter) -> Interpreter:
    """Return the Python that ``gateways-cgi`` runs a script with: that of the environment it is in (resident/)."""
    program = os.path.realpath(interpreter.program)
    if os.path.basename(program) == "gateways-cgi":
        for name in ("python3", "python"):
            python = os.path.join(os.path.dirname(program), name)
            if os.path.isfile(python):
                return Interpreter(python, (), python)
    return interpreter


def ask(interpreter: Interpreter, script: str, account: Account, timeout: float) -> tuple[dict[str, Any] | None, str]:
    """Return what the interpreter says of itself and the script, or None and its last words."""
    try:
        result = subprocess.run(
            [interpreter.program, *interpreter.arguments, "-c", _PROBE, os.path.abspath(script)],
            cwd="/",
            env=ENVIRON,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
            **identity(account),
        )
    except subprocess.TimeoutExpired:
        return None, f"it did not end within {timeout:g} s"
    except OSError as error:
        return None, error.strerror or str(error)
    try:
        answer = json.loads(result.stdout)
        if result.returncode == 0 and isinstance(answer, dict) and answer.keys() >= {"version", "wrong", "gateways"}:
            return answer, ""
    except ValueError:
        pass
    return None, (result.stderr or result.stdout).decode("utf-8", "replace").strip().rpartition("\n")[2]


def suggest(script: str, account: Account) -> str:
    """Return a Python that can run the script as ``account``: of an environment beside it, of ours, of the system."""
    above = [str(parent) for parent in Path(os.path.abspath(script)).parents]
    places = [*above[:_NEAR], os.path.expanduser("~")]
    names = [os.path.join(place, name, "bin", "python") for place in places for name in ("venv", ".venv", "env")]
    known: list[str] = []
    for program in (*names, sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        if program and program not in known and os.path.isfile(program):
            known.append(program)
            answer, _ = ask(Interpreter(program), script, account, _SUGGESTION)
            if answer is not None and answer["version"] >= [3, 9] and answer["gateways"]:
                return program
    return sys.executable or "/usr/bin/python3"


def _syntax(path: str, line: int, message: str) -> Finding:
    if re.search("codec can't decode|Non-UTF-8|unknown encoding|invalid or missing encoding", message):
        remedy = f"sed -i '1a # coding: latin-1' {shlex.quote(path)}"
        return ENCODING.found(path, f"it is not UTF-8: {message.partition(', but')[0]}", remedy)
    return SYNTAX.found(
        place(path, line), f"its interpreter cannot read it: {message}", "mend this line, or the one before it"
    )


def _install(path: str, interpreter: Interpreter, prefix: str, suggestion: str) -> str:
    if os.path.exists(os.path.join(prefix, "pyvenv.cfg")):
        return f"{shlex.quote(interpreter.program)} -m pip install gateways"
    if suggestion == interpreter.program:  # there is no other
        venv = "~/venv"
        return (
            f"python3 -m venv {venv} && {venv}/bin/pip install gateways, and name {venv}/bin/python by its whole path"
        )
    return replace_line(path, suggestion)


def _venv(program: str) -> tuple[str, str]:
    """Return the virtual environment of an interpreter, and where the Python was that made it, or "" for both."""
    venv = os.path.dirname(os.path.dirname(program))
    try:
        with open(os.path.join(venv, "pyvenv.cfg"), encoding="utf-8") as file:
            pairs = dict(line.split(" = ", 1) for line in file.read().splitlines() if " = " in line)
    except (OSError, ValueError):
        return "", ""
    return venv, pairs.get("home", "").strip()


def _is_python_text(data: bytes) -> bool:
    """Say whether a text is Python: shell scripts say ``export`` where Python says ``import``."""
    return bool(re.search(rb"^(from [\w.]+ import |import [\w.]+\s*$|def \w+\(.*\):|class \w+.*:)", data, re.MULTILINE))

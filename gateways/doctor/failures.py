"""Finds the cause in what a script wrote to the error log: the exception, and what can be done about it."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

from gateways.doctor.findings import ERROR, WARNING, Finding, appended, declare, one_line, place

MODULE = declare(
    "module-absent",
    ERROR,
    "The application imports a module that the script's interpreter does not have. The web server gives it neither "
    "your PYTHONPATH nor your home directory, where `pip install --user` puts things.",
)
IMPORT = declare("import-error", ERROR, "The application's module was found, and its import failed.")
ATTRIBUTE = declare(
    "application-absent", ERROR, "The module was imported, and the application that the script names is not in it."
)
NO_FILE = declare("application-file-absent", ERROR, "The script names a module or file that is not there.")
VARIABLE = declare(
    "environment-variable-absent",
    ERROR,
    "The application wants an environment variable. The web server's processes do not have those of your shell.",
)
OF_REQUEST = declare(
    "request-variable-absent",
    WARNING,
    "The application takes a header of the request, or another variable of it, for granted, and not every request has "
    "it: such a request is answered with 500.",
)
REFUSED = declare(
    "settings-refused", ERROR, "gateways does not serve with what the script asks for: the reason says what is wrong."
)
PERMISSION = declare(
    "file-not-permitted", ERROR, "The application opens a file that the web server's account may not read or write."
)
FILE = declare(
    "file-absent",
    ERROR,
    "The application opens a file that is not there: by a relative path as a rule, and the working directory is the "
    "script's, or none that you know.",
)
ENCODED = declare(
    "text-encoding",
    ERROR,
    "Text could not be encoded or decoded: something sets another encoding than UTF-8 (`PYTHONIOENCODING`, `LC_ALL`).",
)
MEMORY = declare("out-of-memory", ERROR, "There was no memory left: `RLimitMEM`, or a limit of the host.")
EXCEPTION = declare("application-exception", ERROR, "The script or its application raised an exception.")

#: Variables that come with a request, or not: RFC 3875, section 4.1, those of TLS, and headers.
_OF_REQUEST = re.compile(
    "(HTTP|REDIRECT)_[A-Z0-9_]+|SSL_(?!CERT_)[A-Z0-9_]+|HTTPS|AUTH_TYPE|QUERY_STRING|GATEWAY_INTERFACE|DOCUMENT_ROOT"
    "|REMOTE_(ADDR|HOST|IDENT|PORT|USER)|CONTENT_(LENGTH|TYPE)|REQUEST_(METHOD|SCHEME|URI)|PATH_(INFO|TRANSLATED)"
    "|SERVER_(ADDR|ADMIN|NAME|PORT|PROTOCOL|SIGNATURE|SOFTWARE)|SCRIPT_(FILENAME|NAME|URI|URL)"
)

#: What ``gateways.run`` writes to the log before it ends, and a process that stays for a script (server/refusal.py).
_OURS = re.compile(r"gateways: error: (.*)$")
_STAYS = re.compile(r"gateways: .+? failed: (?!it has ended)(.*)$")

#: The beginning of the last line of a traceback.
_LAST = re.compile(r"^(?:[\w.]+: )?([A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Iteration))(?::\s*(.*))?$")
#: The same below the entries of one, where it may have any name.
_BELOW = re.compile(r"^([A-Za-z_][\w.]*)(?::\s*(.*))?$")
_ENTRY = re.compile(r'^\s*File "(.+)", line (\d+)')


def last_words(log: bytes) -> str:
    """Return the last line that says something, or ""."""
    lines = log.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else ""


def explain_log(path: str, interpreter: str, log: bytes) -> Finding | None:
    """Return the cause that the log of the script ``path`` names, or None where it has neither traceback nor reason."""
    lines = list(_dedented(log.decode("utf-8", "replace").splitlines()))
    ended = False
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number].strip()
        own = re.search(r"application '([^']*)'(?: cannot be understood)?: (.*)$", line)
        if own:
            return _of_ours(path, interpreter, own[1], own[2])
        refused = _OURS.search(line) or (_STAYS.search(line) if ended else None)
        if refused:
            what = f"gateways refuses what it asks for: {refused[1]}"
            return REFUSED.found(path, what, f"mend what run() gets in {path}")
        match = (_BELOW if number and lines[number - 1].startswith("  ") else _LAST).match(line)
        if match and match[1] == "SystemExit" and any(_OURS.search(above) or _STAYS.search(above) for above in lines):
            ended = True  # that is how it ended, and not why
            continue
        if match and not lines[number].startswith(" "):
            return _of_exception(_where(path, lines[:number]), interpreter, match[1], match[2] or "", path)
        if re.search(r"failed to map segment|Cannot allocate memory|out of memory", line):
            return _memory(path, line)
    return None


def _dedented(lines: list[str]) -> Iterator[str]:
    """Yield the lines with tracebacks as Python writes them: gateways writes them with two spaces more."""
    inside = False
    for line in lines:
        inside = line.startswith("  ") and (inside or line.startswith("  Traceback ("))
        yield line[2:] if inside else line


def _of_ours(path: str, interpreter: str, application: str, text: str) -> Finding:
    """Explain a ``BootError`` of the loader."""
    if "there is no module" in text or "there is no file" in text:
        return NO_FILE.found(
            path, f"application {application!r}: {text}", f"mend the name in {path}, or upload the module"
        )
    if re.search(r"has no '|is of type|callable", text):
        return ATTRIBUTE.found(path, f"application {application!r}: {text}", f"mend the name in {path}")
    told = re.match(r"(.+?), line (\d+): (.*)$", text)
    where, what = (place(told[1], int(told[2])), told[3]) if told else (path, text)
    missing = re.match(r"No module named '([^']+)'", what)
    if missing:
        return _module(where, interpreter, missing[1], path)
    match = _LAST.match(what)
    if match:
        return _of_exception(where, interpreter, match[1], match[2] or "", path)
    return IMPORT.found(where, f"the import of application {application!r} fails: {what}", "mend this line")


def _of_exception(where: str, interpreter: str, name: str, text: str, path: str) -> Finding:
    missing = re.match(r"No module named '([^']+)'", text)
    if missing:
        return _module(where, interpreter, missing[1], path)
    if name == "ImportError":
        return IMPORT.found(where, f"an import fails: {text}", "mend this line, or install the version that it expects")
    if name == "KeyError" and re.fullmatch(r"'[A-Z][A-Z0-9_]*'", text):
        variable = text.strip("'")
        if _OF_REQUEST.fullmatch(variable):
            what = f"it needs {variable} in every request, and this one has none"
            return OF_REQUEST.found(where, what, f'environ.get("{variable}", "") in this line')
        remedy = f"""sed -i '1a import os; os.environ["{variable}"] = "..."' {shlex.quote(path)}"""
        return VARIABLE.found(where, f"the environment variable {variable} is not set under the web server", remedy)
    file = re.match(r"\[Errno (\d+)\] ([^:]*): '(.*)'$", text)
    if file and name in ("PermissionError", "FileNotFoundError"):
        return _of_file(where, name, file[3], file[2])
    if name in ("UnicodeEncodeError", "UnicodeDecodeError"):
        remedy = appended(os.path.join(os.path.dirname(path), ".htaccess"), "SetEnv PYTHONUTF8 1")
        return ENCODED.found(where, one_line(text, 160), remedy)
    if name == "MemoryError":
        return _memory(where, "MemoryError")
    shown = one_line(f"{name}: {text}" if text else name, 200)
    return EXCEPTION.found(where, f"it raises {shown}", "mend this line")


def _of_file(where: str, name: str, file: str, reason: str) -> Finding:
    if name == "PermissionError":
        remedy = f"let the web server's account have it: ls -l {shlex.quote(file)}"
        return PERMISSION.found(where, f"{file}: {reason}", remedy)
    if file.startswith("/"):
        return FILE.found(where, f"{file} is not there", "make it")
    what = f"{file} is not there, a relative path: it begins at the working directory"
    return FILE.found(where, what, 'build the path from __file__: os.path.join(os.path.dirname(__file__), "...")')


def _module(where: str, interpreter: str, name: str, path: str) -> Finding:
    top = name.partition(".")[0]
    what = f"{interpreter} has no module {name}"
    return MODULE.found(where, what, f"{interpreter} -m pip install {top}")


def _memory(where: str, line: str) -> Finding:
    return MEMORY.found(
        where, f"there is no memory left ({one_line(line, 120)})", "raise or remove RLimitMEM in .htaccess"
    )


def _where(path: str, lines: list[str]) -> str:
    """Return the last place of a traceback that is not in an installed package, else its last, else the script."""
    places = [(match[1], match[2]) for match in map(_ENTRY.match, lines) if match]
    own = [entry for entry in places if not re.search(r"/(site|dist)-packages/|/lib/python3|<", entry[0])]
    for file, number in reversed(own or places):
        return place(file, int(number))
    return path

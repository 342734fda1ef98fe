"""Reads the error log of a web server: the lines that say why, each with what it means and what to do."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from gateways.doctor.failures import explain_log
from gateways.doctor.findings import ERROR, NOTE, Code, Finding, declare, one_line
from gateways.doctor.targets import Options
from gateways.errors import ConfigError

NOT_STARTED = declare(
    "log-script-not-started",
    ERROR,
    "The kernel refused to start a script: its first line, its interpreter or its mode is wrong.",
)
NO_HEADERS = declare(
    "log-script-without-answer",
    ERROR,
    "A script ended without an answer (End of script output before headers, Premature end of script headers).",
)
NO_EXECCGI = declare("log-no-execcgi", ERROR, "`Options +ExecCGI` is missing for the directory of a script.")
NOT_ALLOWED = declare("log-not-allowed-here", ERROR, "The host forbids a line of `.htaccess`.")
BAD_DIRECTIVE = declare("log-htaccess-refused", ERROR, "Apache does not understand a line of `.htaccess`.")
LOOP = declare("log-rewrite-loop", ERROR, "The rules of mod_rewrite lead in a circle.")
NO_SEARCH = declare(
    "log-directory-closed", ERROR, "The web server's account cannot enter a directory, or not read `.htaccess` in it."
)
DENIED = declare(
    "log-access-denied", NOTE, "The web server's configuration keeps a file from being sent: source, perhaps."
)
TOO_LARGE = declare("log-body-too-large", ERROR, "A request body was larger than the web server takes.")
NO_ANSWER = declare("log-no-answer-in-time", ERROR, "A script or backend did not answer in time.")
SUEXEC = declare("log-suexec", ERROR, "suexec refused to start a script. Its own log, suexec.log, says why.")
REFUSED = declare("log-backend-unreachable", ERROR, "The web server cannot reach the backend.")
BROKEN = declare("log-backend-broke-off", ERROR, "The backend ended the connection before its answer was complete.")
HEADERS = declare("log-headers-too-large", ERROR, "The headers of an answer are larger than the web server takes.")
NOTHING = declare("log-says-nothing", NOTE, "None of the last lines of the log is about a fault that is known here.")

#: Bytes at the end of a log that are read: some hundred requests.
_TAIL = 256 * 1024

#: What a log shows at most: it repeats itself.
_MAX_FINDINGS = 10


@dataclass(frozen=True)
class _Pattern:
    """A line of a log. ``what`` and ``remedy`` have the groups by their names, ``remedy`` as words of a shell."""

    code: Code
    expression: re.Pattern[str]
    what: str
    remedy: str = ""


def _pattern(code: Code, expression: str, what: str, remedy: str = "") -> _Pattern:
    return _Pattern(code, re.compile(expression), what, remedy)


_DOCTOR = "gateways doctor {path}"
_PATTERNS = (
    _pattern(
        NOT_STARTED,
        r"\(\d+\)(?P<why>[A-Z][\w ]+): (?:\w+: )?(?:exec of|couldn't spawn child process:|mod_fcgid: exec) "
        r"'?(?P<path>/[^'\n]+?)'?(?: failed|$)",
        "the kernel did not start {path}: {why}",
        _DOCTOR,
    ),
    _pattern(
        NOT_STARTED,
        r"mod_fcgid: can't run (?P<path>/\S+)",
        "mod_fcgid cannot run {path}",
        _DOCTOR,
    ),
    _pattern(
        NO_HEADERS,
        r"(?:End of script output before headers|Premature end of script headers): (?P<path>[^,\n]+)",
        "{path} ended without an answer",
        "gateways doctor the script, by its path",
    ),
    _pattern(
        NO_HEADERS,
        r"malformed header from script '?(?P<path>[^':]+)'?: Bad header: (?P<why>.*)",
        "{path} printed before its headers: {why}",
        "print to sys.stderr",
    ),
    _pattern(
        NO_EXECCGI,
        r"(?:stderr from (?P<path>/[^:\n]+): )?Options ExecCGI is off in this directory",
        "no script of the directory is started: Options has no +ExecCGI",
        "gateways doctor {directory}",
    ),
    _pattern(
        NOT_ALLOWED,
        r"(?P<path>/\S*\.htaccess): (?P<why>.*?) not allowed (?:here|in .*? context)",
        "{path}: the host does not allow {why}",
        _DOCTOR,
    ),
    _pattern(
        BAD_DIRECTIVE,
        r"(?P<path>/\S*\.htaccess): (?:\S+:\d+: )?"
        r"(?P<why>Invalid command '[^']*'|Either all Options|<[^>]*> was not closed|.*without matching)",
        "{path}: {why}",
        _DOCTOR,
    ),
    _pattern(
        LOOP,
        r"Request exceeded the limit of \d+ internal redirects",
        "the rules of .htaccess lead in a circle",
        "gateways doctor .htaccess",
    ),
    _pattern(
        NO_SEARCH,
        r"filesystem path '(?P<path>/[^']+)'\) because search permissions are missing",
        "a directory on the way to {path} is closed to the web server",
        _DOCTOR,
    ),
    _pattern(
        NO_SEARCH,
        r"(?P<path>/\S*\.htaccess) pcfg_openfile: unable to check htaccess file",
        "{path} cannot be read by the web server",
        _DOCTOR,
    ),
    _pattern(
        DENIED,
        r"client denied by server configuration: (?P<path>/[^,\n]+)",
        "{path} is not sent: the configuration forbids it",
    ),
    _pattern(
        TOO_LARGE,
        r"mod_fcgid: HTTP request length (?P<size>\d+) .*exceeds MaxRequestLen \((?P<limit>\d+)\)",
        "an upload of {size} bytes is more than FcgidMaxRequestLen, {limit}",
        "ask the host for FcgidMaxRequestLen 104857600",
    ),
    _pattern(
        TOO_LARGE,
        r"client intended to send too large (?:chunked )?body",
        "an upload is more than nginx takes",
        "client_max_body_size 100m;",
    ),
    _pattern(
        NO_ANSWER,
        r"mod_fcgid: read data timeout in (?P<size>\d+) seconds",
        "a script did not answer for {size} s",
        "see what it waits for",
    ),
    _pattern(
        NO_ANSWER, r"upstream timed out", "the backend did not answer in time", "see what it waits for: gateways status"
    ),
    _pattern(
        SUEXEC,
        r"suexec (?:policy violation|failure)",
        "suexec refused to start a script",
        "gateways doctor --suexec the script, by its path",
    ),
    _pattern(
        REFUSED,
        r"connect\(\) to (?P<path>unix:[^\s:]+|\S+:\d+) failed \(\d+: (?P<why>[^)]+)\)",
        "nginx cannot connect to {path}: {why}",
        _DOCTOR,
    ),
    _pattern(
        REFUSED,
        r"\(\d+\)(?P<why>[A-Z][\w ]+): AH\d+: .*attempt to connect to (?:Unix domain socket )?(?P<path>/?[^\s()]+)",
        "Apache cannot connect to {path}: {why}",
        "gateways doctor {address}",
    ),
    _pattern(
        BROKEN,
        r"upstream prematurely closed connection|mod_fcgid: error reading data from FastCGI",
        "the backend broke off",
        "read the log of the application",
    ),
    _pattern(
        HEADERS,
        r"upstream sent too big header",
        "the headers of an answer are larger than nginx takes",
        "fastcgi_buffer_size 32k;",
    ),
)

#: Apache writes \xc3\xbc for a letter such as ü.
_ESCAPED = re.compile(r"(?:\\x[89a-f][0-9a-f])+")


def examine_errorlog(path: str, options: Options) -> Iterator[Finding]:
    """Yield what the last lines of a log say, the newest first, each cause once. ``options`` are not needed."""
    try:
        lines = last_lines(path, _TAIL)
    except OSError as error:
        raise ConfigError(f"{path!r}: {error.strerror}; run as a user who may read it") from None
    found: list[Finding] = []
    for line in reversed(lines):
        finding = explain_line(path, line)
        if finding is not None and finding not in found:
            found.append(finding)
    script = next((finding for finding in found if finding.code == NO_HEADERS.name), None)
    cause = explain_log(path, "the Python of the script", "\n".join(map(_message, lines)).encode("utf-8", "replace"))
    if cause is not None:
        found = [cause, *(finding for finding in found if finding is not script)]
    yield from found[:_MAX_FINDINGS]
    if not found:
        yield NOTHING.found(path, "nothing in its last lines is about a script or a backend")


def explain_line(path: str, line: str) -> Finding | None:
    """Return what one line of a log means, or None."""
    for pattern in _PATTERNS:
        match = pattern.expression.search(line)
        if match:
            said = {name: _ESCAPED.sub(_unescaped, value) for name, value in match.groupdict("").items()}
            groups = {name: one_line(value, 200) for name, value in said.items()}
            place = said.get("path", "")
            words = {
                "path": shlex.quote(place),
                "directory": shlex.quote(os.path.dirname(place)),
                "address": shlex.quote(f"unix:{place}" if place.startswith("/") else place),
            }
            return pattern.code.found(path, pattern.what.format(**groups), pattern.remedy.format(**words))
    return None


def _unescaped(match: re.Match[str]) -> str:
    """Return the letters that Apache has written byte by byte, if it is such that a person can type."""
    try:
        text = bytes.fromhex(match[0].replace("\\x", "")).decode()
    except UnicodeDecodeError:
        return match[0]
    return text if text.isprintable() else match[0]


def _message(line: str) -> str:
    """Return the words of a script, without what Apache 2.4, or the older one, writes around them."""
    line = re.sub(r"^(?:\[[^\]]*\] )+(?:AH\d+: )?(?:stderr from /[^:]*: )?", "", line)
    return re.sub(r": /\S+\.f?cgi$", "", line)


def last_lines(path: str, size: int) -> list[str]:
    """Return the lines in the last ``size`` bytes of a file. Raises ``OSError``."""
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        return file.read(size).decode("utf-8", "replace").splitlines()

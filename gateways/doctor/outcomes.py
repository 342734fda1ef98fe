"""What the outcome of a script's request means: the cause of a "Premature end of script headers", in one line."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Iterator
from dataclasses import dataclass

from gateways.adapters.cgiresponse import HeadParser
from gateways.doctor import source
from gateways.doctor.accounts import Account
from gateways.doctor.failures import explain_log, last_words
from gateways.doctor.findings import ERROR, NOTE, OK, Finding, appended, declare, one_line, place, quoted
from gateways.doctor.starting import Outcome
from gateways.errors import ProtocolError

TIMEOUT = declare(
    "run-timeout",
    ERROR,
    "The script did not answer in time (`--timeout`): it waits for something, such as a database that does not answer.",
)
KILLED = declare(
    "run-killed",
    ERROR,
    "A signal ended the script: SIGKILL is what the kernel does when memory is short, SIGXCPU a limit of processor "
    "time, SIGSEGV a fault in a C extension.",
)
SILENT = declare(
    "run-silent", ERROR, "The script ended without an answer. The web server says: Premature end of script headers."
)
NO_RUN = declare(
    "script-serves-nothing",
    ERROR,
    "The script defines an application and does not serve it: it ends without an answer.",
)
NOISE = declare(
    "stdout-noise",
    ERROR,
    "Something was printed before the headers of the answer. By CGI standard output is the answer, so print to "
    "standard error.",
)
NO_HEADERS = declare(
    "run-no-headers",
    ERROR,
    "What the script prints does not begin with headers and an empty line (RFC 3875, section 6.2).",
)
ONLY_CGI = declare(
    "script-only-cgi",
    ERROR,
    "The script serves CGI alone, and the web server starts it with a FastCGI socket.",
)
NO_ANSWER = declare(
    "run-no-answer", ERROR, "The process runs, and does not answer by FastCGI on the socket it was given."
)
FAILED = declare("run-failed", ERROR, "The script answers with a 5xx status, and the log does not say why.")
REFUSED = declare("run-status", NOTE, "The script runs; it answers a request for / with a 4xx status.")
ANSWERS = declare("script-answers", OK, "The script was started as the web server does it, and answered.")

_HEADER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:")
#: What stands in the headers of nearly every answer (RFC 3875, section 6.3).
_FIELD = re.compile(rb"^content-type:|\bstatus: *\d{3}", re.IGNORECASE)


@dataclass(frozen=True)
class Trial:
    """A script that was tried: ``path`` and its text, ``fastcgi`` or by CGI, and the program that ran it."""

    path: str
    data: bytes
    fastcgi: bool
    account: Account
    interpreter: str


def explain(trial: Trial, outcome: Outcome) -> Iterator[Finding]:
    """Yield the one cause of what went wrong, or what the answer was."""
    if outcome.timed_out:
        said = last_words(outcome.log)
        what = f"it did not answer within {outcome.seconds:.0f} s"
        yield TIMEOUT.found(trial.path, f"{what}; it says {quoted(said)}" if said else what, "see what it waits for")
    elif outcome.status is not None and outcome.status < 0 and not outcome.answer:
        yield _killed(trial, -outcome.status)
    else:
        yield from (_fastcgi if trial.fastcgi else _cgi)(trial, outcome)


def _cgi(trial: Trial, outcome: Outcome) -> Iterator[Finding]:
    parser = HeadParser()
    try:
        head = parser.feed(outcome.output)
    except ProtocolError as error:
        yield _noise(trial, outcome.output, str(error))
        return
    if head is not None:
        yield from _answered(trial, outcome, head.status)
    elif outcome.output.strip():
        yield explain_log(trial.path, trial.interpreter, outcome.log) or _noise(
            trial, outcome.output, "the headers do not end with an empty line"
        )
    else:
        yield _silent(trial, outcome)


def _fastcgi(trial: Trial, outcome: Outcome) -> Iterator[Finding]:
    if outcome.answer:
        yield from _answered(trial, outcome, outcome.answer)
        return
    tree = source.parse(trial.data)
    only_cgi = tree is not None and source.calls(tree, "run_with_cgi")
    if only_cgi or b"\nStatus: " in outcome.log or outcome.log.startswith(b"Status: "):
        remedy = (
            f"sed -i 's/run_with_cgi/run/g' {shlex.quote(trial.path)}"
            if only_cgi
            else "serve it by gateways.run(application)"
        )
        yield ONLY_CGI.found(trial.path, "it serves CGI alone, and is started with a FastCGI socket", remedy)
    elif outcome.status is not None:
        yield _silent(trial, outcome)
    else:
        what = f"it runs, and does not answer by FastCGI: {outcome.failure}"
        yield NO_ANSWER.found(trial.path, what, "serve it by gateways.run(application)")


def _answered(trial: Trial, outcome: Outcome, status: int) -> Iterator[Finding]:
    way = "FastCGI" if trial.fastcgi else "CGI"
    how = f"by {way}, as {trial.account.name if trial.account.can_be_tried else 'you'} and with an empty environment"
    if status >= 500:
        said = last_words(outcome.log)
        why = f"; it says {quoted(said)}" if said else ", and its log is empty"
        yield explain_log(trial.path, trial.interpreter, outcome.log) or FAILED.found(
            trial.path, f"it answers {status}{why}", 'run("...", debug=True) shows the reason in the page'
        )
    elif status >= 400:
        yield REFUSED.found(trial.path, f"it answers / with {status} {how}")
    else:
        yield ANSWERS.found(trial.path, f"it answers {status} {how} in {outcome.seconds:.2f} s")


def _silent(trial: Trial, outcome: Outcome) -> Finding:
    """Say why a script ended without an answer."""
    finding = explain_log(trial.path, trial.interpreter, outcome.log)
    if finding:
        return finding
    tree = source.parse(trial.data)
    if tree is not None and not source.serves(tree):
        name = source.application(tree)
        remedy = appended(trial.path, "from gateways import run", f"run({name})")
        what = f"it defines {name} and does not serve it" if name else "it serves nothing"
        return NO_RUN.found(
            trial.path, what, remedy if name else 'end it with: from gateways import run; run("app:application")'
        )
    said = last_words(outcome.log)
    ending = f"it ended with status {outcome.status} and without an answer"
    what = f"{ending}; it says {quoted(said)}" if said else f"{ending}, and says nothing"
    started = shlex.quote(trial.path)
    if trial.interpreter != trial.path:  # a compiled program is its own
        started = f"{trial.interpreter} -v {started}"
    return SILENT.found(trial.path, what, f"see what ends it: {started}")


def _noise(trial: Trial, output: bytes, error: str) -> Finding:
    """Tell a printed line before the headers from an answer whose headers do not end, and from one that has none."""
    lines = [line.rstrip(b"\r") for line in output.split(b"\n")]
    if lines[0].startswith(b"HTTP/"):
        status = lines[0].partition(b" ")[2].decode("utf-8", "replace") or "200 OK"
        what = f"it begins with a line of HTTP, {quoted(lines[0])}, which the web server writes itself"
        return NO_HEADERS.found(trial.path, what, f"print {quoted(f'Status: {status}')} in its place")
    end = next((number for number, line in enumerate(lines) if not _HEADER.match(line)), len(lines))
    headers, rest = lines[:end], lines[end:]
    late = any(map(_FIELD.search, rest))
    if headers and (any(map(_FIELD.search, headers)) or not late):  # a line of a log can look like a header, too
        if len(rest) > 1 and not rest[0]:
            return NO_HEADERS.found(trial.path, f"a header cannot be used: {one_line(error, 160)}", "mend this header")
        return _no_empty_line(trial, headers[-1], rest[0] if rest else b"")
    if late:
        tree = source.parse(trial.data)
        printed = next(source.prints(tree), 0) if tree is not None else 0
        what = f"before the headers of its answer stands {quoted(lines[0])}, printed while it was imported"
        return NOISE.found(place(trial.path, printed), what, _silence(trial.path))
    what = f"what it prints does not begin with headers: {quoted(lines[0])} ({one_line(error, 120)})"
    return NO_HEADERS.found(
        trial.path, what, "print('Content-Type: text/html\\n') first, or serve an application by run()"
    )


def _no_empty_line(trial: Trial, last: bytes, following: bytes) -> Finding:
    """Say that the headers do not end: the commonest fault of a script that prints them itself."""
    tree = source.parse(trial.data)
    printed = source.prints_text(tree, last.decode("utf-8", "replace")) if tree is not None else 0
    follows = f"{quoted(following)} follows {quoted(last)}" if following else f"{quoted(last)} is the last"
    remedy = "print() after it" if printed else "print an empty line after the last header"
    return NO_HEADERS.found(place(trial.path, printed), f"no empty line ends the headers: {follows}", remedy)


def _silence(path: str) -> str:
    return f"sed -i '1a import sys; sys.stdout = sys.stderr' {shlex.quote(path)}"


def _killed(trial: Trial, number: int) -> Finding:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    remedy = {
        signal.SIGKILL: "it needs less memory, or a higher limit: ask the host, and see RLimitMEM",
        signal.SIGXCPU: "it needs less processor time at its start, or a higher RLimitCPU",
        signal.SIGSEGV: "a C extension failed: python -X faulthandler names it; install it again for this Python",
        signal.SIGSYS: "a sandbox of the host forbids a system call: ask the host",
    }.get(signal.Signals(number) if name.startswith("SIG") else signal.SIGTERM, "see the system's log")
    return KILLED.found(trial.path, f"{name} ended it before it had answered", remedy)

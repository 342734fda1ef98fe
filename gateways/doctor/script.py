"""Examines a script: what keeps the kernel, the web server or Python from running it; then runs it as they would."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from gateways.doctor.accounts import Account, web_account
from gateways.doctor.findings import ERROR, NOTE, Finding, declare
from gateways.doctor.host import examine_host
from gateways.doctor.htaccess import examine_all, examine_beside
from gateways.doctor.htaccessfile import files_for, read_files
from gateways.doctor.interpreter import behind, examine_interpreter, suggest
from gateways.doctor.modes import examine_interpreter_modes, examine_modes
from gateways.doctor.outcomes import Trial, explain
from gateways.doctor.shebang import examine_shebang
from gateways.doctor.starting import Surroundings, run_cgi, run_fastcgi
from gateways.doctor.targets import Options
from gateways.errors import ConfigError

NOT_STARTED = declare(
    "script-not-started",
    ERROR,
    "The kernel refuses to start the script, for a reason that its files do not show: a security module such as "
    "SELinux or AppArmor, or a limit of processes.",
)
AS_YOU = declare(
    "run-as-you",
    NOTE,
    "Only root can start a program as somebody else, so the script was tried as you. What the other account may do was "
    "told from the modes of the files.",
)

#: Bytes of a script that are read: more is no script.
_MAX_SIZE = 1 << 20


def examine_script(path: str, options: Options) -> Iterator[Finding]:
    """Yield what is wrong with a script; where nothing is, what it answers."""
    path = os.path.abspath(path)
    account = web_account(options, path)
    data = read_script(path)
    suggestion = suggest(path, account) if options.run else _unasked()
    found = examine_shebang(path, data, suggestion)
    findings = [*found.findings, *examine_modes(path, account, options.suexec, options.run)]
    interpreter = found.interpreter
    compiled = interpreter is not None and interpreter.program == path
    if interpreter is not None and not compiled:
        programs = dict.fromkeys((interpreter.program, behind(interpreter).program))
        closed = (list(examine_interpreter_modes(path, program, account)) for program in programs)
        findings += next(filter(None, closed), [])
    if interpreter is not None and not compiled and options.run and not _wrong(findings):
        findings += examine_interpreter(path, data, interpreter, account, suggestion, options.timeout)
    findings += _around(path, account, options)
    yield from findings
    if interpreter is not None and options.run and not _wrong(findings):
        yield from _try(path, data, account, behind(interpreter).program, options)


def _around(path: str, account: Account, options: Options) -> Iterator[Finding]:
    """Look at what says that the file is a script: ``.htaccess`` and the server's configuration."""
    refused = False
    for finding in examine_all(path, options):
        refused = refused or finding.severity == ERROR
        yield finding
    if not refused:  # what Apache refuses may have been meant as what is missing
        yield from examine_beside(path)
    yield from examine_host(path, is_fastcgi(path))


def read_script(path: str) -> bytes:
    """Return the text of a script. Raises ``ConfigError``."""
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_SIZE)
    except OSError as error:
        raise ConfigError(f"{path!r}: {error.strerror}; run as a user who may read it") from None


def is_fastcgi(path: str) -> bool:
    """Say whether the web server starts a script with a FastCGI socket: as .htaccess says, or by its ending."""
    handler = read_files(files_for(os.path.dirname(path))).handler(os.path.basename(path))
    return handler == "fcgid-script" if handler in ("cgi-script", "fcgid-script") else path.endswith((".fcgi", ".fpl"))


def _try(path: str, data: bytes, account: Account, interpreter: str, options: Options) -> Iterator[Finding]:
    if not account.can_be_tried:
        yield AS_YOU.found(path, f"it is tried as you, since only root can become {account.name} ({account.why})")
    fastcgi = is_fastcgi(path)
    around: Surroundings = read_files(files_for(os.path.dirname(path))).surroundings()
    try:
        outcome = (run_fastcgi if fastcgi else run_cgi)(path, account, around, options.timeout)
    except OSError as error:
        what = f"it cannot be started as {account.name}: {error.strerror or error}"
        yield NOT_STARTED.found(path, what, "see the system's log: journalctl -k, or ask the host")
        return
    yield from explain(Trial(path, data, fastcgi, account, interpreter), outcome)


def _wrong(findings: list[Finding]) -> bool:
    return any(finding.severity == ERROR for finding in findings if not finding.code.startswith(("htaccess-", "host-")))


def _unasked() -> str:
    return sys.executable or "/usr/bin/python3"

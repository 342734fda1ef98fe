"""Who may do what with a script and the directories above it: the kernel's rules."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

from gateways.doctor.accounts import (
    EXECUTE,
    READ,
    Account,
    allowed,
    closed_directory,
    described,
    opening,
)
from gateways.doctor.findings import ERROR, Finding, declare
from gateways.doctor.suexec import Rules, examine_owner, examine_writers, rules

NOT_EXECUTABLE = declare(
    "script-not-executable",
    ERROR,
    "The script's mode does not let the web server's account execute it. Its log says: Permission denied.",
)
UNREADABLE = declare(
    "script-unreadable",
    ERROR,
    "The interpreter runs as the web server's account, and may not read the script.",
)
CLOSED = declare(
    "directory-closed",
    ERROR,
    "The web server's account cannot enter a directory above the script (it needs `x` there). Apache answers 403.",
)
INTERPRETER_CLOSED = declare(
    "interpreter-closed",
    ERROR,
    "The web server's account cannot enter a directory above the interpreter, or may not execute it: as a rule, a "
    "virtual environment in a home directory that is closed to others.",
)
NOEXEC = declare(
    "mount-noexec",
    ERROR,
    "The script lies on a file system that is mounted with `noexec`: nothing there can be executed.",
)


def examine_modes(path: str, account: Account, suexec: bool, run: bool = True) -> Iterator[Finding]:
    """Look at the script's mode, its directories and its file system. ``run``: suexec may be asked for its rules."""
    file = shlex.quote(path)
    closed = closed_directory(account, path)
    if closed:
        yield cannot_enter(path, account, closed)
    mode = os.stat(path).st_mode
    if not mode & 0o111:
        yield NOT_EXECUTABLE.found(path, f"it is not executable ({described(path)})", f"chmod 755 {file}")
    elif not allowed(account, path, EXECUTE):
        what = f"{account.name} may not execute it ({described(path)})"
        yield NOT_EXECUTABLE.found(path, what, f"{opening(account, path, 'rx')} {file}")
    if not allowed(account, path, READ) and mode & 0o111:
        what = f"{account.name} may not read it ({described(path)})"
        yield UNREADABLE.found(path, what, f"{opening(account, path, 'r')} {file}")
    if _is_noexec(path):
        what = f"it lies on a file system mounted with noexec, {mount_point(path)}"
        yield NOEXEC.found(path, what, f"mount -o remount,exec {shlex.quote(mount_point(path))}")
    yield from examine_writers(path, suexec)
    if suexec:
        yield from examine_owner(path, rules() if run else Rules())


def examine_interpreter_modes(path: str, program: str, account: Account) -> Iterator[Finding]:
    """Look at whether the web server's account gets to the interpreter."""
    closed = closed_directory(account, program)
    if closed:
        what = f"{account.name} cannot enter {closed} ({described(closed)}), which is above its interpreter {program}"
        remedy = f"{opening(account, closed, 'x')} {shlex.quote(closed)}"
        if closed == os.path.expanduser("~root"):  # nobody else should get in there
            remedy = "python3 -m venv /srv/venv && /srv/venv/bin/pip install gateways, and name that Python"
        yield INTERPRETER_CLOSED.found(path, what, remedy)
        return
    try:
        may = allowed(account, program, EXECUTE)
    except OSError:
        return
    if not may and os.stat(program).st_mode & 0o111:
        what = f"{account.name} may not execute its interpreter {program} ({described(program)})"
        yield INTERPRETER_CLOSED.found(path, what, f"{opening(account, program, 'rx')} {shlex.quote(program)}")


def cannot_enter(path: str, account: Account, closed: str) -> Finding:
    """Say which directory is closed, and how to open it no further than needed."""
    what = f"{account.name} cannot enter {closed} ({described(closed)})"
    return CLOSED.found(path, what, f"{opening(account, closed, 'x')} {shlex.quote(closed)}")


def mount_point(path: str) -> str:
    """Return the directory where the file system of ``path`` is mounted."""
    path = os.path.realpath(path)
    while not os.path.ismount(path):
        path = os.path.dirname(path)
    return path


def _is_noexec(path: str) -> bool:
    try:
        return bool(os.statvfs(path).f_flag & getattr(os, "ST_NOEXEC", 0))
    except OSError:
        return False

"""Who may do what with a script and the directories above it: the kernel's rules, and suexec's."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator

from gateways.doctor.accounts import (
    EXECUTE,
    READ,
    Account,
    account_of,
    allowed,
    closed_directory,
    described,
    opening,
    writers,
)
from gateways.doctor.findings import ERROR, WARNING, Finding, declare
from gateways.errors import ConfigError

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
WRITABLE = declare(
    "script-writable",
    WARNING,
    "Others may write to the script or its directory, and have the web server run what they like. suexec refuses to "
    "start it (an error with `--suexec`).",
)
SETUID = declare("script-setuid", WARNING, "The script has a setuid or setgid bit, which suexec refuses.")
OWNER = declare(
    "suexec-owner",
    ERROR,
    "suexec wants the script and its directory to belong to the user and the group that it runs the script as.",
)
ROOT = declare(
    "suexec-uid",
    ERROR,
    "suexec starts nothing for root, nor for a user or a group below its minimum, which is 100 as a rule.",
)

#: AP_UID_MIN and AP_GID_MIN, as Debian and Apache itself have them.
_UID_MIN = 100


def examine_modes(path: str, account: Account, suexec: bool) -> Iterator[Finding]:
    """Look at the script's mode, its directories and its file system."""
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
    yield from _writable(path, suexec)
    if suexec:
        yield from _suexec(path)


def examine_interpreter_modes(path: str, program: str, account: Account) -> Iterator[Finding]:
    """Look at whether the web server's account gets to the interpreter."""
    closed = closed_directory(account, program)
    if closed:
        what = f"{account.name} cannot enter {closed} ({described(closed)}), which is above its interpreter {program}"
        yield INTERPRETER_CLOSED.found(path, what, f"{opening(account, closed, 'x')} {shlex.quote(closed)}")
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


def _writable(path: str, suexec: bool) -> Iterator[Finding]:
    severity = ERROR if suexec else WARNING
    for place in (path, os.path.dirname(os.path.abspath(path))):
        who = writers(place)
        sticky = os.stat(place).st_mode & stat.S_ISVTX  # as /tmp has it: nobody can replace the script
        if who and not (sticky and not suexec) and (who == "everybody" or suexec):
            what = f"{who} may write to {'it' if place == path else 'its directory ' + place} ({described(place)})"
            yield WRITABLE.found(path, what, f"chmod go-w {shlex.quote(place)}", severity=severity)
    if os.stat(path).st_mode & (stat.S_ISUID | stat.S_ISGID):
        what = f"it has a setuid or setgid bit ({described(path)})"
        yield SETUID.found(path, what, f"chmod ug-s {shlex.quote(path)}", severity=severity)


def _suexec(path: str) -> Iterator[Finding]:
    directory = os.path.dirname(os.path.abspath(path))
    own, above = os.stat(path), os.stat(directory)
    try:
        owner = account_of(own.st_uid).name
    except ConfigError:
        owner = str(own.st_uid)
    if own.st_uid < _UID_MIN or own.st_gid < _UID_MIN:
        what = f"suexec runs nothing for users and groups with a number below {_UID_MIN} ({described(path)})"
        yield ROOT.found(path, what, f"chown YOU:YOU {shlex.quote(directory)} {shlex.quote(path)}")
    elif (own.st_uid, own.st_gid) != (above.st_uid, above.st_gid):
        what = f"it ({described(path)}) and its directory ({described(directory)}) do not belong to the same"
        yield OWNER.found(path, what, f"chown {owner}:{own.st_gid} {shlex.quote(directory)}")

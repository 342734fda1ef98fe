"""The account of the web server, and what it may do with a file: told from the bits of the mode, for any account.

``os.access`` only knows the account that asks. Where a file has an access control list, its mode does not say enough,
and everything is taken to be allowed: the trial run tells.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateways.doctor.targets import Options
from gateways.errors import ConfigError

#: The names that Debian, Red Hat, Arch, Alpine, SUSE and the BSDs have for it.
NAMES = ("www-data", "apache", "http", "nginx", "wwwrun", "lighttpd", "www", "_www", "nobody")

#: What a running web server is called in the table of processes.
PROGRAMS = frozenset(("apache2", "httpd", "nginx", "lighttpd", "caddy", "h2o", "haproxy", "litespeed", "lshttpd"))

READ, WRITE, EXECUTE = 4, 2, 1

#: The kernel gives up after as many (path_resolution(7)).
_MAX_LINKS = 40


@dataclass(frozen=True)
class Account:
    """A user with his groups. ``why`` says how we know that the web server runs scripts as him."""

    name: str
    uid: int
    gid: int
    groups: frozenset[int]
    why: str = ""

    @property
    def is_us(self) -> bool:
        """Whether this process runs as this account."""
        return self.uid == os.geteuid()

    @property
    def can_be_tried(self) -> bool:
        """Whether a program can be started as this account."""
        return self.is_us or os.geteuid() == 0


def account_of(name: str | int, why: str = "") -> Account:
    """Return the account of a user by name or number. Raises ``ConfigError`` for one that does not exist."""
    try:
        entry = pwd.getpwnam(name) if isinstance(name, str) and not name.isdigit() else pwd.getpwuid(int(name))
    except KeyError:
        raise ConfigError(f"there is no user {name!r}; give the account of the web server (ps aux shows it)") from None
    groups = frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, groups, why)


def web_account(options: Options, script: str | None = None) -> Account:
    """Return the account that starts ``script``, and how we know: what was said, what runs, what the system has."""
    if options.user is not None:
        return account_of(options.user, "--user")
    if options.suexec and script is not None:
        return account_of(os.stat(script).st_uid, "the owner, by suexec")
    for uid, program in _running():
        return account_of(uid, f"{program} runs as it")
    for name in NAMES:
        try:
            return account_of(name, "this system has it for web servers")
        except ConfigError:
            continue
    return account_of(os.geteuid(), "you: this system has no account for web servers")


def running_programs() -> set[str]:
    """Return the names of the web servers that run here."""
    return {program for _, program in _running()}


def allowed(account: Account, path: str, wanted: int) -> bool:
    """Say whether ``account`` may do ``wanted`` (``READ``, ``WRITE``, ``EXECUTE``) with what is at ``path``."""
    status = os.stat(path)
    mode = status.st_mode
    if account.uid == 0:
        return wanted != EXECUTE or stat.S_ISDIR(mode) or bool(mode & 0o111)
    if status.st_uid == account.uid:
        return bool(mode >> 6 & wanted)
    if _has_list(path):
        return True
    return bool((mode >> 3 if status.st_gid in account.groups else mode) & wanted)


def closed_directory(account: Account, path: str) -> str:
    """Return the first directory above ``path`` that ``account`` cannot enter, or "". Links are followed, each."""
    for directory in directories_above(path):
        try:
            if not allowed(account, directory, EXECUTE):
                return directory
        except OSError:
            return ""  # we cannot see further ourselves
    return ""


def directories_above(path: str) -> Iterator[str]:
    """Yield the directories that have to be entered to get to ``path``, those behind links on the way too."""
    current, names, links = "/", _names(os.path.abspath(path)), 0
    seen: set[str] = set()
    while names:
        if current not in seen:
            seen.add(current)
            yield current
        name = names.pop(0)
        step = os.path.dirname(current) if name == ".." else os.path.join(current, name)
        if os.path.islink(step) and links < _MAX_LINKS:
            links += 1
            target = os.readlink(step)
            names = _names(target) + names
            current = "/" if target.startswith("/") else current
        else:
            current = step


def opening(account: Account, path: str, wanted: str) -> str:
    """Return the command that lets ``account`` do ``wanted`` ("x", "r", "rx"): by the group where it is in that."""
    status = os.stat(path)
    if status.st_uid == account.uid:
        return f"chmod u+{wanted}"
    return f"chmod {'g' if status.st_gid in account.groups else 'o'}+{wanted}"


def described(path: str) -> str:
    """Return mode, owner and group of a file, as a person names them."""
    status = os.stat(path)
    return f"mode {stat.S_IMODE(status.st_mode):o}, owner {_user(status.st_uid)}, group {_group(status.st_gid)}"


def writers(path: str) -> str:
    """Return who but the owner may write to a file: "its group", "everybody" or ""."""
    mode = os.stat(path).st_mode
    return "everybody" if mode & stat.S_IWOTH else "its group" if mode & stat.S_IWGRP else ""


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _running(proc: str = "/proc") -> Iterable[tuple[int, str]]:
    """Yield user and name of each process of a web server that is not root's, and not in a container's user range."""
    for entry in sorted(filter(str.isdigit, os.listdir(proc) if os.path.isdir(proc) else []), key=int):
        try:
            with open(f"{proc}/{entry}/comm", encoding="utf-8", errors="replace") as file:
                name = file.read().strip()
            uid = os.stat(f"{proc}/{entry}").st_uid
        except OSError:
            continue  # it has ended
        if name in PROGRAMS and uid != 0 and _is_known(uid):
            yield uid, name


def _is_known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _has_list(path: str) -> bool:
    try:
        return "system.posix_acl_access" in os.listxattr(path)
    except (AttributeError, OSError):  # not on every system
        return False


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)

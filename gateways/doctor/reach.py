"""May the web server's account reach a path? Modes, groups and ACLs say so; nothing is opened, root is not needed."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import struct
from dataclasses import dataclass

from gateways.errors import ConfigError

#: What web servers run as: Debian, Fedora and others (nginx, apache), Arch (http), SUSE (wwwrun), FreeBSD (www).
USUAL = ("www-data", "nginx", "apache", "http", "wwwrun", "www", "lighttpd")

ENTER, WRITE, READ = 1, 2, 4

_ACL = "system.posix_acl_access"
# acl(5) as the kernel keeps it: the tag of an entry, what it allows, and whose it is.
_ENTRY = struct.Struct("<HHL")
_OF_OWNER, _OF_USER, _OF_OWN_GROUP, _OF_GROUP, _MASK, _OF_OTHERS = 1, 2, 4, 8, 16, 32


@dataclass(frozen=True)
class Account:
    """A user with all groups. An account that nobody knows has the number -1, and only what others have."""

    name: str
    uid: int
    groups: frozenset[int]


def account_of(name: str | None) -> Account:
    """Return the account with that name, or for None the one that web servers have on this machine.

    Raises ``ConfigError`` for a name that there is not.
    """
    for candidate in (name,) if name else USUAL:
        try:
            entry = pwd.getpwnam(candidate)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid)))
    if name:
        raise ConfigError(f"there is no user {name!r} on this machine; give --user the account of the web server")
    return Account("the web server's account", -1, frozenset())


def may(account: Account, path: str, wanted: int) -> bool:
    """Say whether the account may do ``wanted`` (``ENTER``, ``WRITE``, ``READ``) with the path. Raises ``OSError``."""
    status = os.stat(path)
    if account.uid == 0:
        return True
    entries = _entries(path)
    if entries:
        return _by_acl(account, status, entries, wanted)
    shift = 6 if account.uid == status.st_uid else 3 if status.st_gid in account.groups else 0
    return not wanted & ~(status.st_mode >> shift)


def closed_directory(account: Account, path: str) -> str | None:
    """Return the first directory on the way to ``path`` that the account cannot enter; None when the way is free.

    Symbolic links are followed: where they lead to has to be reached as well. A directory that we cannot look at
    ourselves counts as free.
    """
    for way in dict.fromkeys((os.path.abspath(path), os.path.realpath(path))):
        directory = "/"
        for part in ["", *os.path.dirname(way).split("/")]:
            directory = os.path.join(directory, part)
            try:
                if not may(account, directory, ENTER):
                    return directory.rstrip("/") or "/"
            except OSError:
                break
    return None


def described(path: str) -> str:
    """Return mode and owner as ``ls -l`` shows them: ``drwx------ alice alice``."""
    status = os.stat(path)
    return f"{stat.filemode(status.st_mode)} {_user(status.st_uid)} {_group(status.st_gid)}"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _entries(path: str) -> list[tuple[int, int, int]]:
    """Return the ACL of a file, or nothing: most have none, and not every system or file system knows them."""
    try:
        data = os.getxattr(path, _ACL)
        return list(_ENTRY.iter_unpack(data[4:]))  # the first four bytes are a version
    except (OSError, AttributeError, struct.error):
        return []


def _by_acl(account: Account, status: os.stat_result, entries: list[tuple[int, int, int]], wanted: int) -> bool:
    """Decide as acl(5) describes it."""
    mask = next((allowed for tag, allowed, _ in entries if tag == _MASK), 7)
    for tag, allowed, number in entries:
        if tag == _OF_OWNER and account.uid == status.st_uid:
            return not wanted & ~allowed
        if tag == _OF_USER and account.uid == number:
            return not wanted & ~(allowed & mask)
    groups = [
        allowed & mask
        for tag, allowed, number in entries
        if (tag == _OF_OWN_GROUP and status.st_gid in account.groups) or (tag == _OF_GROUP and number in account.groups)
    ]
    if groups:
        return any(not wanted & ~allowed for allowed in groups)
    return any(tag == _OF_OTHERS and not wanted & ~allowed for tag, allowed, _ in entries)

"""Which user serves: found out at the start, and taken on for good when all that needs root is open.

The application must not run as root because nobody thought of it. ``Privileges.of`` looks everything up while the
person who made a mistake still sees the answer, and ``drop`` gives up what root can do, in the one order that works:
supplementary groups, group, user.

HOME, USER and LOGNAME follow the user, as they do in php-fpm and su: a library that keeps a cache in the home directory
would look for it in root's, and fail. What the setting ``env`` says of them stays.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from gateways.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateways.settings import Settings

_ROOT = 0


class _Account(NamedTuple):
    """What the user database says. ``gid`` is -1 and ``home`` empty for a number that has no entry."""

    name: str
    uid: int
    gid: int
    home: str


class Privileges:
    """The user, the groups and the umask that the application runs with.

    ``needed`` says whether they are not those of this process already. ``uid``, ``gid`` and ``groups`` are what the
    process has after ``drop``.
    """

    __slots__ = ("_account", "_given", "_umask", "gid", "groups", "needed", "uid")

    def __init__(self, settings: Settings, account: _Account, gid: int, groups: Sequence[int], needed: bool) -> None:
        self._account = account
        self._umask = settings.umask
        self._given = {name for name, _ in settings.env}
        self.uid = account.uid
        self.gid = gid
        self.groups = tuple(groups)
        self.needed = needed

    @classmethod
    def of(cls, settings: Settings, spawned: bool = False) -> Privileges:
        """Look up ``user`` and ``group``. ``spawned``: a web server started this process, and chose its user.

        Raises ``ConfigError``: for a user or group that does not exist; for another one than that of the process, when
        that is not root's; and for root without ``user``, unless ``spawned``.
        """
        own = os.geteuid()
        if own == _ROOT and settings.user is None and not spawned:
            raise ConfigError(
                "this would serve as root, and whoever breaks into the application would own the machine; "
                "give the user to serve as, --user www-data for example, or insist with --user root"
            )
        account = _find_user(str(own) if settings.user is None else settings.user)
        gid = account.gid if settings.group is None else _find_group(settings.group)
        changed = account.uid != own
        needed = changed or (settings.group is not None and gid != os.getegid())
        if needed and own != _ROOT:
            raise ConfigError(
                f"{_given(settings)}: only root can change to it, and this process belongs to user {_name(own)}; "
                f"leave the setting out, or start as root"
            )
        if not needed:
            return cls(settings, account, os.getegid(), os.getgroups(), False)
        if gid < 0:
            raise ConfigError(f"user {settings.user!r} is not in the user database: give its group, too")
        return cls(settings, account, gid, _groups_of(account, gid), True)

    def __str__(self) -> str:
        return f"user {self._account.name}, group {self.gid}"

    def drop(self) -> None:
        """Become that user, in all threads and for good, and take on the umask.

        Files that only root could open have to be open by then. PR_SET_PDEATHSIG is lost, and /proc/PID of the process
        belongs to root from then on. Raises ``ConfigError`` where the system refuses; the process must end then, as
        some of it may be done.
        """
        if self._umask is not None:
            os.umask(self._umask)
        if not self.needed:
            return
        try:
            os.setgroups(self.groups)
            os.setgid(self.gid)
            os.setuid(self.uid)
        except OSError as error:
            raise ConfigError(
                f"cannot become {self}: {error.strerror}; a container or sandbox has to allow it "
                f"(CAP_SETUID, CAP_SETGID), or to start the program as that user"
            ) from None
        self._verify()
        self._move_home()

    def _verify(self) -> None:
        """See that root is gone: also from where it could be taken back."""
        ids = {os.getuid(), os.geteuid()}
        group_ids = {os.getgid(), os.getegid()}
        if hasattr(os, "getresuid"):
            ids.update(os.getresuid())
            group_ids.update(os.getresgid())
        complete = ids == {self.uid} and group_ids == {self.gid} and set(os.getgroups()) <= {self.gid, *self.groups}
        if not complete or (self.uid != _ROOT and _becomes_root()):
            raise ConfigError(f"cannot become {self}: the system says yes, and lets the process go back to root")

    def _move_home(self) -> None:
        home, name = self._account.home, self._account.name
        for variable, value in (("HOME", home), ("USER", name), ("LOGNAME", name)):
            if variable in self._given:
                continue
            if home:
                os.environ[variable] = value
            else:
                os.environ.pop(variable, None)


def differing(settings: Settings) -> str:
    """Return which setting asks for another user or group than this process has, ``"user"`` or ``"group"``; "": none.

    Raises ``ConfigError`` for a user or group that does not exist.
    """
    if settings.user is not None and _find_user(settings.user).uid != os.geteuid():
        return "user"
    if settings.group is not None and _find_group(settings.group) != os.getegid():
        return "group"
    return ""


def _becomes_root() -> bool:
    try:
        os.setuid(_ROOT)
    except OSError:
        return False
    return True


def _find_user(text: str) -> _Account:
    import pwd

    number = int(text) if text.isdecimal() and text.isascii() else None
    try:
        entry = pwd.getpwnam(text) if number is None else pwd.getpwuid(number)
    except (KeyError, OverflowError):
        if number is not None and number < 1 << 31:
            return _Account(text, number, -1, "")
        raise ConfigError(f"user: there is no user {text!r}; see: getent passwd") from None
    return _Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)


def _find_group(text: str) -> int:
    import grp

    if text.isdecimal() and text.isascii() and int(text) < 1 << 31:
        return int(text)
    try:
        return grp.getgrnam(text).gr_gid
    except KeyError:
        raise ConfigError(f"group: there is no group {text!r}; see: getent group") from None


def _groups_of(account: _Account, gid: int) -> Sequence[int]:
    return os.getgrouplist(account.name, gid) if account.home else [gid]


def _name(uid: int) -> str:
    return _find_user(str(uid)).name


def _given(settings: Settings) -> str:
    """Name the settings that ask for a change."""
    values = {"user": settings.user, "group": settings.group}
    return ", ".join(f"{name} {value!r}" for name, value in values.items() if value is not None)

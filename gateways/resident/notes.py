"""What resident processes say of themselves: a note beside the socket, locked for as long as its process lives.

A record lock (fcntl(2)) belongs to a process and goes with it, however it ends; no number of a process is believed
without it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from gateways.resident import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateways.resident.place import Place

_SUFFIX = ".note"
_MAX_SIZE = 65536


class Resident(NamedTuple):
    """A process that stays for ``script``. Times are those of the clock; ``used`` is the time of its last request."""

    script: str
    pid: int
    started: float
    used: float
    requests: int
    socket: str
    log: str


class Note:
    """The note of this process. What cannot be written is left out: it is for people, and nothing depends on it."""

    def __init__(self, socket: str, script: str) -> None:
        directory, name = os.path.split(socket)
        stem = name.rpartition(".")[0]
        self._path = f"{directory}/{stem}.{os.getpid()}{_SUFFIX}"
        self._facts = Resident(script, os.getpid(), time.time(), 0.0, 0, socket, f"{directory}/{stem}.log")
        self._fd = -1
        try:
            self._open()
        except OSError:
            pass
        self.write(0)

    def _open(self) -> None:
        while True:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            fcntl.lockf(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:
                self._fd = fd
                return
            os.close(fd)  # somebody has taken it for one that was left behind

    def is_for(self, socket: str) -> bool:
        """Say whether it is for the process at that socket."""
        return self._facts.socket == socket

    def write(self, requests: int) -> None:
        """Say how many requests were served."""
        if requests != self._facts.requests:
            self._facts = self._facts._replace(requests=requests, used=time.time())
        if self._fd >= 0:
            data = json.dumps(self._facts._asdict()).encode()
            try:
                os.pwrite(self._fd, data, 0)
                os.ftruncate(self._fd, len(data))
            except OSError:
                pass

    def remove(self) -> None:
        """Take it away. Called twice, it does nothing more."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                os.unlink(self._path)
            except OSError:
                pass
            os.close(fd)


#: The note of this process, from its start until it serves.
_begun: list[Note] = []


def begin(socket: str, script: str) -> None:
    """Note this process before its script is run, which may come to no end: it can be found then, and stopped."""
    _begun[:] = [Note(socket, script)]


def own(socket: str, script: str) -> Note:
    """Return the note of this process, from ``begin`` if it was called."""
    found = [note for note in _begun if note.is_for(socket)]
    _begun.clear()
    return found[0] if found else Note(socket, script)


def running() -> list[Resident]:
    """Return the resident processes of this user, and remove the notes of those that are no more."""
    found: list[Resident] = []
    with ExitStack() as stack:
        for directory in _places():
            stack.callback(directory.close)
            for name in sorted(os.listdir(directory.fd)):
                resident = _read(directory, name) if name.endswith(_SUFFIX) else None
                if resident is not None:
                    found.append(resident)
    return sorted(found)


def of_script(script: str) -> list[Resident]:
    """Return the processes of one script: several, where several programs were asked for it, or one is ending."""
    path = place.path_of(script)
    return [resident for resident in running() if resident.script == path]


def _places() -> Iterator[Place]:
    for path in place.candidates():
        try:
            yield place.Place(path, place.open_private(path))
        except OSError:
            pass


def _read(directory: Place, name: str) -> Resident | None:
    try:
        fd = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory.fd)
    except OSError:
        return None
    try:
        if not _is_locked(fd):
            os.unlink(name, dir_fd=directory.fd)
            return None
        facts: dict[str, Any] = json.loads(os.read(fd, _MAX_SIZE))
        return Resident(**facts)
    except (OSError, ValueError, TypeError):
        return None  # it is being written, or gone
    finally:
        os.close(fd)


def _is_locked(fd: int) -> bool:
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    return False

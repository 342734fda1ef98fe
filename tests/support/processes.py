"""Do something in a process of its own, and as a user without privileges where the tests run as root."""

from __future__ import annotations

import os
import pickle
import warnings
from pathlib import Path
from typing import Callable, TypeVar

T = TypeVar("T")

#: The user ``nobody`` and his group, the same number on every Linux.
NOBODY = 65534

#: What a server has to be told to serve as root: CI runs everything as root.
INSIST = {"GATEWAYS_USER": "root"} if os.geteuid() == 0 else {}


def fork() -> int:
    """``os.fork``, also while threads of other tests are about: the child must do little, and end by ``os._exit``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12, for a process with threads
        return os.fork()


def is_running(pid: int) -> bool:
    """Say whether a process runs; one that has ended and was not waited for does not."""
    return stat(pid)[:1] not in ([], ["Z"])


def stat(pid: int) -> list[str]:
    """State, parent, process group, session and so on (see proc(5)); empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # it may end while it is read
        return []


def in_child(call: Callable[[], T]) -> T:
    """Return what ``call()`` returns in a process of its own, for what cannot be undone. It must not raise."""
    receiver, sender = os.pipe()
    pid = fork()
    if not pid:
        try:
            os.close(receiver)
            try:
                outcome = (True, call())
            except BaseException as error:
                outcome = (False, f"{type(error).__name__}: {error}")
            with open(sender, "wb") as pipe:
                pickle.dump(outcome, pipe)
        finally:
            os._exit(0)
    os.close(sender)
    with open(receiver, "rb") as pipe:
        data = pipe.read()
    os.waitpid(pid, 0)
    succeeded, result = pickle.loads(data)
    assert succeeded, result
    return result  # type: ignore[no-any-return]


def as_nobody(call: Callable[[], T]) -> T:
    """Return what ``call()`` returns when nobody calls it, in a process of its own; where we are not root, call it.

    What it imports has to be imported before: nobody may not be able to read the interpreter's files.
    """
    if os.geteuid() != 0:
        return call()

    def call_as_nobody() -> T:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        return call()

    return in_child(call_as_nobody)

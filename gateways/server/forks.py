"""What a process that the application forks off must not have: our listeners and connections, and our loop.

It would hold a response open that has ended here, accept connections that nobody serves (L21), and where it comes back
from the application's code, by sys.exit() for example, it would go on serving beside the process that forked it.
Programs that are executed keep nothing in any case.
"""

from __future__ import annotations

import os
import posix
from collections.abc import Iterable
from typing import Protocol
from weakref import WeakSet


class Owner(Protocol):
    """Who has something to let go of."""

    def leave_to_parent(self) -> None:
        """Close the descriptors: this is a child now. Only the thread that forked is left, and no lock may be taken."""


_owners: WeakSet[Owner] = WeakSet()


def watch(owner: Owner) -> None:
    """Call ``owner.leave_to_parent`` in each process that is forked from this one while ``owner`` lives."""
    _owners.add(owner)


def close(descriptors: Iterable[int]) -> None:
    """Close them all; some may be closed already."""
    for fd in descriptors:
        try:
            posix.close(fd)  # the system's: that of gevent asks its loop first, which is the parent's yet
        except OSError:
            pass


def _after_fork() -> None:
    for owner in list(_owners):
        owner.leave_to_parent()


os.register_at_fork(after_in_child=_after_fork)

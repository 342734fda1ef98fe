"""A spawned process becomes its new self: the same process, with the listening socket where it was.

For a process that nobody replaces, or not soon enough. spawn-fcgi is gone when its process ends; lighttpd answers 503
for two or three seconds before it starts another; supervisor takes an exit for the wish to stop. So the program is
executed anew. Its process keeps its number and its parent, and connections wait in the backlog until it accepts again.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import TYPE_CHECKING

from gateways.server.forks import watch as watch_forks
from gateways.server.origin import origin, tell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateways.server.listeners import Listener

#: Seconds that the application's exit handlers may take.
EXIT_PATIENCE = 5.0


class Successor:
    """Holds the listening sockets for the program that takes this one's place.

    ``listeners`` are inherited as ``fd:N`` each. ``parent`` is the process that is watched, 0 when there is none.
    """

    def __init__(self, listeners: Iterable[Listener], parent: int) -> None:
        # Copies: a server closes its own when it stops, and the last close would reset what waits.
        self._sockets = [(listener.address.number, os.dup(listener.fileno())) for listener in listeners]
        self._parent = parent
        watch_forks(self)

    def take_over(self) -> None:
        """Run what the application has left for the exit, and execute the program. Returns when that is impossible."""
        # Functions that hang must not keep what waits in the backlog waiting for ever.
        timer = threading.Timer(EXIT_PATIENCE, self.execute)
        timer.daemon = True
        timer.start()
        try:
            atexit._run_exitfuncs()
        except BaseException:
            pass  # Python has printed it
        timer.cancel()
        self.execute()

    def execute(self) -> None:
        """Execute the program, at once. Returns when that is impossible."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, OSError, ValueError):
                pass
        # What a library in C has opened may be open for children as well: a connection to a database would stay for
        # as long as this process lives.
        for fd in _open_descriptors():
            try:
                os.set_inheritable(fd, fd <= 2)
            except OSError:
                pass
        for number, fd in self._sockets:
            os.dup2(fd, number)
        try:
            if origin.directory:
                os.chdir(origin.directory)
        except OSError:
            pass  # it was removed
        try:
            os.execve(origin.command[0], origin.command, tell(self._parent))
        except OSError as error:
            print(f"gateways: cannot execute {os.fsdecode(origin.command[0])}: {error.strerror}", file=sys.stderr)

    def leave_to_parent(self) -> None:
        """Close the sockets in a process that the application has forked off (forks.py)."""
        self.close()

    def close(self) -> None:
        """Give the sockets back."""
        while self._sockets:
            os.close(self._sockets.pop()[1])


def _open_descriptors() -> list[int]:
    for directory in ("/proc/self/fd", "/dev/fd"):
        try:
            return [int(name) for name in os.listdir(directory)]
        except OSError:
            pass
    return list(range(3, 1024))

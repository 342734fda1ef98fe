"""Processes for programs that give flup's ``PreforkServer`` a ``jobClass`` of their own.

Each child has a socket pair to its parent: it says B when it is busy and F when it is free, and ends when the parent
closes it, or is gone.
"""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import sys
import traceback
from time import monotonic
from typing import Any, NoReturn

from gateways.compat.accepting import accept

#: How long a child may take to end, seconds; it is killed then.
_PATIENCE = 10.0
#: How often the parent looks what signals have changed, seconds.
_LOOK = 0.5
#: One child less is purged at a time, and the next after so many seconds.
_PURGE_INTERVAL = 10.0


class Children:
    """The children of ``server``, a ``PreforkServer``, which accept from ``sock``."""

    def __init__(self, server: Any, sock: socket.socket) -> None:
        self._server = server
        self._sock = sock
        self._free: dict[int, bool] = {}
        self._channels: dict[int, socket.socket | None] = server._children
        self._purged_at = -_PURGE_INTERVAL

    def run(self) -> None:
        """Keep children until the server is to stop; then wait until they have ended."""
        server = self._server
        self._sock.setblocking(False)
        try:
            while server._keepGoing:
                self._populate()
                self._listen(_LOOK)
                self._reap()
                self._purge()
                server._mainloopPeriodic()
        finally:
            self._dismiss_all()

    def _populate(self) -> None:
        """Start what is missing, and dismiss who is too many."""
        server = self._server
        free = [pid for pid, is_free in self._free.items() if is_free]
        while (len(self._channels) < server._maxSpare or len(free) < server._minSpare) and (
            len(self._channels) < server._maxChildren
        ):
            pid = self._spawn()
            if not pid:
                break
            free.append(pid)
        for pid in free[server._maxSpare :]:
            self._dismiss(pid)

    def _listen(self, timeout: float) -> None:
        """Take in what children say."""
        poll = select.poll()
        by_fd = {channel.fileno(): pid for pid, channel in self._channels.items() if channel is not None}
        for fd in by_fd:
            poll.register(fd, select.POLLIN)
        for fd, _ in poll.poll(timeout * 1000):
            pid = by_fd[fd]
            channel = self._channels.get(pid)
            if channel is None:
                continue
            try:
                said = channel.recv(64)
            except BlockingIOError:
                continue
            except OSError:
                said = b""
            if said:
                self._free[pid] = said[-1:] == b"F"
            else:
                self._dismiss(pid)

    def _dismiss(self, pid: int) -> None:
        """Let a child end when it is free."""
        channel = self._channels.get(pid)
        if channel is not None:
            channel.close()
            self._channels[pid] = None
        self._free.pop(pid, None)

    def _purge(self) -> None:
        """Replace those that SIGUSR1 has asked for, one by one."""
        waiting = [pid for pid in self._server._children_to_purge if self._channels.get(pid) is not None]
        if waiting and monotonic() - self._purged_at >= _PURGE_INTERVAL:
            self._purged_at = monotonic()
            self._dismiss(waiting.pop(0))
        self._server._children_to_purge = waiting

    def _reap(self) -> None:
        for pid in list(self._channels):
            try:
                ended, _ = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended = pid
            if ended:
                self._dismiss(pid)
                del self._channels[pid]

    def _dismiss_all(self) -> None:
        for pid in list(self._channels):
            self._dismiss(pid)
        deadline = monotonic() + _PATIENCE
        while self._channels and monotonic() < deadline:
            self._reap()
            select.poll().poll(20)
        for pid in list(self._channels):
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
            del self._channels[pid]

    def _spawn(self) -> int:
        """Fork a child; return its pid, 0 where there can be none."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        _flush()
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            return 0
        if not pid:
            ours.close()
            self._live(theirs)
        theirs.close()
        self._channels[pid] = ours
        self._free[pid] = True
        return pid

    def _live(self, parent: socket.socket) -> NoReturn:
        """The life of a child. It never returns into the program's code."""
        try:
            self._server._restoreSignalHandlers()
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # what a terminal sends is the parent's to obey
            for channel in self._channels.values():
                if channel is not None:
                    channel.close()
            random.seed()
            self._work(parent)
        except BaseException:
            traceback.print_exc()
        finally:
            _flush()
            os._exit(0)

    def _work(self, parent: socket.socket) -> None:
        server = self._server
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        poll.register(parent, select.POLLIN)
        count = 0
        while True:
            if any(fd == parent.fileno() for fd, _ in poll.poll()):
                return
            found = accept(server, self._sock)
            if found is None:
                continue
            client, address = found
            if not _say(parent, b"B"):
                return
            try:
                server._jobClass(client, address, *server._jobArgs).run()
            except (BrokenPipeError, ConnectionResetError):
                client.close()  # nobody is there any more for whom it was
            count += 1
            if 0 < server._maxRequests <= count or not _say(parent, b"F"):
                return


def _say(parent: socket.socket, word: bytes) -> bool:
    """Tell the parent; false where it is gone."""
    try:
        parent.sendall(word)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # closed, full, or none

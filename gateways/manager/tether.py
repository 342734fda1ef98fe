"""A worker's end of the line to the master, and what makes it end with the master.

The other end is channel.py. A thread waits for what the master says; when nobody can say anything any more, the master
has died, and the worker ends after ``patience`` seconds at most. The thread does with a descriptor and two functions
of the system only, so that an application that replaces ``socket``, ``time`` or ``threading`` does not reach it.
"""

from __future__ import annotations

import _thread
import faulthandler
import json
import os
import socket
import traceback
from select import POLLIN, POLLOUT, poll
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from gateways.manager.channel import MAX_DESCRIPTORS, MAX_LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_allocate_lock, _start_thread, _native_id = (
    *(_thread.allocate_lock, _thread.start_new_thread),
    getattr(_thread, "get_native_id", int),
)
_INT = 4
_ANCILLARY = socket.CMSG_SPACE(MAX_DESCRIPTORS * _INT)
#: How long one message waits for a master that does not read, seconds: it is busy at most for milliseconds.
_SAY_TIMEOUT = 1.0


class Tether:
    """The worker's end. ``sock`` is taken over; what happens begins with ``start``, after the fork.

    ``on_line``    is called with each line of the master's, in the thread of the tether
    ``on_gone``    is called there when the master has died: it has to return at once, and be safe in any thread
    ``patience``   seconds from then on until the process ends with exit status 1, whatever it is doing

    A process that the application forks off does not keep the line, and cannot say anything.
    """

    def __init__(
        self,
        sock: socket.socket,
        on_line: Callable[[str], None],
        on_gone: Callable[[], None],
        patience: float = 2.0,
    ) -> None:
        sock.setblocking(False)
        sock.set_inheritable(False)
        self._sock = sock
        self._fd = sock.fileno()
        self._started = False
        self._on_line = on_line
        self._on_gone = on_gone
        self._patience = patience
        self._lock = _allocate_lock()
        self._cut = False  # the last message broke off in the middle of its line
        #: What came with the lines that ``on_line`` was called with, for it to take; it is in its thread's hands.
        self.descriptors: list[int] = []
        _open.add(self)

    def start(self) -> None:
        """Begin to listen, in a thread that no other waits for."""
        self._started = True
        _start_thread(self._listen, ())

    def say(self, message: Mapping[str, Any]) -> bool:
        """Send ``message``, an object with an ``event``, from any thread. False when that cannot be; never raises."""
        try:
            data = json.dumps(message).encode() + b"\n"
        except (TypeError, ValueError, RecursionError):
            return False
        if len(data) > MAX_LINE or self._fd < 0 or not self._lock.acquire(timeout=_SAY_TIMEOUT):
            return False
        try:
            return self._send(data)
        finally:
            self._lock.release()

    def close(self) -> None:
        """Let go of the line, so that the master sees the end, and go on without it."""
        self._fd = -1
        if self._started:
            try:
                # Not closed here: the number might be another file's while the thread waits on it.
                self._sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        else:
            self._sock.close()

    def let_go(self) -> None:
        """Close the descriptor in a process that was forked off: there is no thread, and the line is the parent's."""
        self._fd = -1
        self._sock.close()

    def _send(self, data: bytes) -> bool:
        if self._cut:
            data = b"\n" + data
        deadline = monotonic() + _SAY_TIMEOUT
        sent = 0
        while sent < len(data):
            fd = self._fd
            if fd < 0:
                return False
            try:
                sent += os.write(fd, data[sent:])
            except BlockingIOError:
                left = deadline - monotonic()
                if left <= 0:
                    break
                _wait(fd, POLLOUT, left)
            except OSError:
                return False
        # Nothing of it: then the line before it is whole. A part of it: the master drops what was begun.
        self._cut = 0 < sent < len(data) or (self._cut and not sent)
        return sent == len(data)

    def _listen(self) -> None:
        """What the thread does. It says first which it is: signals for it disturb no other (slowlog.py)."""
        self.say({"event": "tether", "thread": _native_id()})
        rest = b""
        while True:
            data = self._receive()
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                _guarded(self._on_line, line.decode("utf-8", "replace"))
            rest = rest[:MAX_LINE]
        if self._fd >= 0:
            self._end_soon()
        self._sock.close()

    def _receive(self) -> bytes:
        """Wait for the master's next words: b"" when it has died, or when this end was closed."""
        fd = self._sock.fileno()
        while True:
            try:
                data, ancillary, _, _ = self._sock.recvmsg(4096, _ANCILLARY, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
                for level, kind, content in ancillary:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                        self.descriptors += memoryview(content[: len(content) // _INT * _INT]).cast("i")
                return data
            except BlockingIOError:
                _wait(fd, POLLIN, None)
            except OSError:
                return b""

    def _end_soon(self) -> None:
        # Of the system's own, as C code may take the interpreter from now on and not give it back.
        with open(os.devnull, "wb") as nowhere:
            faulthandler.dump_traceback_later(self._patience + 0.1, exit=True, file=nowhere)
            deadline = monotonic() + self._patience
            _guarded(self._on_gone)
            sleep(max(0.0, deadline - monotonic()))
            os._exit(1)


def _guarded(call: Callable[..., None], *args: Any) -> None:
    """A fault in a callback must not cut the worker loose."""
    try:
        call(*args)
    except Exception:
        traceback.print_exc()


def _wait(fd: int, events: int, seconds: float | None) -> None:
    waiting = poll()
    waiting.register(fd, events)
    waiting.poll(None if seconds is None else seconds * 1000)


_open: WeakSet[Tether] = WeakSet()


def _let_go_in_child() -> None:
    for tether in list(_open):
        tether.let_go()


os.register_at_fork(after_in_child=_let_go_in_child)

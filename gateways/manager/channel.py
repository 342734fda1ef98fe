"""The master's end of the line to one worker, or to a nursery: JSON objects come in, short lines go out.

The other end is tether.py. Whatever the worker's process sends, it cannot hold the master up or fill its memory.
"""

from __future__ import annotations

import json
import os
import socket
from struct import Struct
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: The longest line, bytes: room for the stacks of a worker, which are the most that one has to say.
MAX_LINE = 65536
#: What one look at a channel reads at most, bytes: a worker that writes without end must not keep the master.
_MAX_READ = 4 * MAX_LINE
#: The line that brings descriptors: the logs, opened anew.
LOGS = "logs"
#: Descriptors that one line brings at most.
MAX_DESCRIPTORS = 8
#: Half of what every system takes for one line without asking whether somebody reads.
_MAX_TOLD = 2048

#: Process, user and group: what the kernel says of a sender (unix(7)).
_CREDENTIALS = Struct("3i")


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the master's and the worker's end of a new channel; neither is inherited by a program that is run."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


class Channel:
    """The master's end. ``sock`` is put into non-blocking mode; no method raises, and none waits.

    ``warn`` is called once, when the worker sends what is no JSON object with an ``event``, or a line that is too long;
    such lines are dropped. A process that is forked off while a channel is open does not keep it: only so the worker
    sees the end of the master.
    """

    def __init__(self, sock: socket.socket, warn: Callable[[str], None] = lambda text: None) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._warn = warn
        self._warned = False
        self._buffer = bytearray()
        self._skipping = False  # inside of a line that is too long
        #: True when the worker has closed its end, most often by ending.
        self.ended = False
        #: The process that has sent the first message, as the kernel knows it; 0 before that, and where it does not.
        self.peer = 0
        if hasattr(socket, "SO_PASSCRED") and hasattr(socket, "SCM_CREDENTIALS"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        _open.add(self)

    def fileno(self) -> int:
        """Return the descriptor, for a poll; -1 after ``close``."""
        return self._sock.fileno()

    def read(self) -> list[dict[str, Any]]:
        """Return what has come, each with a text ``event``. After the last, ``ended`` is true."""
        messages: list[dict[str, Any]] = []
        for line in self._read_lines():
            message = _parse(line)
            if message is not None:
                messages.append(message)
            else:
                self._complain(f"what is no message: {line[:80]!r}")
        return messages

    def tell(self, line: str, descriptors: Sequence[int] = ()) -> bool:
        """Send ``line``, such as ``go`` or ``stop reload``, and copies of ``descriptors``.

        False when the worker is gone, or does not read.
        """
        data = line.replace("\n", " ").encode("utf-8", "backslashreplace")[:_MAX_TOLD] + b"\n"
        try:
            # All or nothing, as long as the line is small; the signal would be that of a peer that has gone.
            flags = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)
            if descriptors:
                return socket.send_fds(self._sock, [data], descriptors, flags) == len(data)
            return self._sock.send(data, flags) == len(data)
        except OSError:
            return False

    def close(self) -> None:
        """Close this end; may be done twice."""
        self.ended = True
        self._sock.close()

    def _read_lines(self) -> list[bytes]:
        lines: list[bytes] = []
        budget = _MAX_READ
        while budget > 0 and not self.ended:
            try:
                data = self._receive()
            except (BlockingIOError, InterruptedError):
                break
            except OSError:  # ECONNRESET: it ended without reading what we said
                data = b""
            if not data:
                self.ended = True
            budget -= len(data)
            lines += self._split(data)
        return lines

    def _receive(self) -> bytes:
        if self.peer or not hasattr(socket, "SCM_CREDENTIALS"):
            return self._sock.recv(MAX_LINE)
        # Room for credentials and nothing else: no descriptor can be put in our hands.
        data, ancillary, _, _ = self._sock.recvmsg(MAX_LINE, socket.CMSG_LEN(_CREDENTIALS.size))
        for level, kind, content in ancillary:
            if (level, kind, len(content)) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS, _CREDENTIALS.size):
                self.peer = _CREDENTIALS.unpack(content)[0]
        return data

    def _split(self, data: bytes) -> list[bytes]:
        """Return the lines that are complete with ``data``, and keep the rest of it."""
        *lines, rest = data.split(b"\n")
        complete: list[bytes] = []
        for line in lines:
            self._keep(line)
            if not self._skipping:
                complete.append(bytes(self._buffer))
            self._buffer.clear()
            self._skipping = False
        self._keep(rest)
        return complete

    def _keep(self, piece: bytes) -> None:
        if self._skipping:
            return
        if len(self._buffer) + len(piece) > MAX_LINE:
            self._complain(f"a line of more than {MAX_LINE} bytes")
            self._buffer.clear()
            self._skipping = True
        else:
            self._buffer += piece

    def _complain(self, what: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(f"it sent {what}; dropped, and so will be all that follow")


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the message in ``line``, or None when there is none."""
    try:
        message = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if isinstance(message, dict) and isinstance(message.get("event"), str):
        return message
    return None


_open: WeakSet[Channel] = WeakSet()


def _close_in_child() -> None:
    for channel in list(_open):
        channel.close()


os.register_at_fork(after_in_child=_close_in_child)

"""A worker's side of the slow log: what its threads are doing.

Two ways, because neither will do alone. The tether's thread describes the stacks when the master asks for them: it has
the interpreter then, and the others stand still. C code that keeps the interpreter for itself keeps that thread
from running, too. For that case the worker arms a signal: ``faulthandler`` then writes the stacks without the
interpreter. It reads what other threads may be changing, though, and would crash a process that runs Python code, about
once in fifty times; the master sends the signal only to one that does not answer, and so runs none.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from gateways.core import handler
from gateways.manager.channel import MAX_LINE
from gateways.server import exchange, poller, serving, wire
from gateways.server.crew import Crew
from gateways.server.green import GreenServer, turns

if TYPE_CHECKING:
    from types import FrameType

#: What the master says on the channel, and the event that is the answer.
ASK = "stacks"
#: Has ``faulthandler`` write the stacks. Nothing else sends it to a process that did not ask for it (fcntl(2),
#: F_SETOWN), and a worker that has not armed it ignores it.
SIGNAL = signal.SIGURG
#: The limits of ``faulthandler``, so that both ways show the same.
MAX_THREADS = 100
MAX_FRAMES = 100
#: Characters of a name, and of all stacks together.
_MAX_NAME = 500
MAX_TEXT = 32768
#: As much as fits in a line of the channel when each character takes six.
_MAX_ODD_TEXT = (MAX_LINE - 1000) // 6

#: Where our own code has a request in hand.
_OF_A_REQUEST = {module.__file__ for module in (handler, serving, exchange, wire)}
#: What a thread or a greenlet does that serves.
_SERVING = (Crew._serve_as.__code__, GreenServer._run_turn.__code__)
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class StackFile:
    """What ``faulthandler`` writes to: a file without a name, made by the master and inherited by all its workers.

    They share its position, so whatever a worker writes after ``clear`` begins at 0. ``fd`` is that of ``fileno``
    before the master was replaced, -1 for a new file.
    """

    def __init__(self, fd: int = -1) -> None:
        if fd >= 0:
            self._fd = fd
        elif hasattr(os, "memfd_create"):
            self._fd = os.memfd_create("gateways-stacks", os.MFD_CLOEXEC)
        else:
            with tempfile.TemporaryFile() as file:
                self._fd = os.dup(file.fileno())

    def fileno(self) -> int:
        """Return the descriptor. It is not inheritable."""
        return self._fd

    def arm(self) -> None:
        """Have ``SIGNAL`` write the stacks of this process here, from now on."""
        faulthandler.register(SIGNAL, file=self._fd, all_threads=True, chain=False)

    def clear(self) -> None:
        """Forget what was written."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)

    def size(self) -> int:
        """Return how much was written, bytes."""
        return os.fstat(self._fd).st_size

    def read(self) -> str:
        """Return what was written, as much as an entry takes."""
        return os.pread(self._fd, MAX_TEXT, 0).decode("ascii", "backslashreplace")

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)


def stacks_message() -> dict[str, Any]:
    """Return the answer to ``ASK``."""
    text = describe_stacks()[:MAX_TEXT]
    if len(json.dumps(text)) > MAX_LINE - 1000:
        text = text[:_MAX_ODD_TEXT]
    return {"event": ASK, "text": text}


def describe_stacks() -> str:
    """Return the stacks of all threads but this one, as ``faulthandler`` writes them, but with names.

    Those that serve a request come first, without what is ours below the application; threads of ours that wait for
    something to do are only named.
    """
    frames = sys._current_frames()
    frames.pop(threading.get_ident(), None)
    # Without its lock, which the thread that is stuck may have.
    known: dict[int, threading.Thread] = getattr(threading, "_active", {})
    busy: list[str] = []
    others: list[str] = []
    waiting: list[str] = []
    for ident, frame in frames.items():
        name = str(getattr(known.get(ident), "_name", ""))[:_MAX_NAME]
        title = f"Thread {ident:#018x}" + (f" [{name}]" if name else "")
        chain = _chain(frame)
        part = _part_of_request(chain)
        if part:
            busy.append(_describe(f"{title}, which serves a request", part))
        elif part is not None or _is_ours(name, chain):
            waiting.append(name or title)
        else:
            others.append(_describe(title, chain))
    for turn in turns():
        part = _part_of_request(_chain(turn.gr_frame))
        if part:  # the one that runs has none here, and is what its thread does
            busy.append(_describe(f"Greenlet {id(turn):#018x}, which serves a request", part))
    threads = busy + others
    if len(threads) > MAX_THREADS:
        threads[MAX_THREADS:] = [f"... and {len(threads) - MAX_THREADS} threads more"]
    if waiting:
        threads.append(f"Threads of gateways that wait: {', '.join(sorted(waiting))}"[:MAX_TEXT])
    return "\n\n".join(threads)


def _chain(frame: FrameType | None) -> list[FrameType]:
    """Return the frames of one stack, the innermost first."""
    chain = []
    while frame is not None:
        chain.append(frame)
        frame = frame.f_back
    return chain


def _part_of_request(chain: list[FrameType]) -> list[FrameType] | None:
    """Return what a serving thread does for a request: nothing while it has none, None for a thread that never serves.

    That is the application's part, or ours where it has none: while a client does not read, for example.
    """
    places = [index for index, frame in enumerate(chain) if frame.f_code in _SERVING]
    if not places:
        return None
    part = chain[: places[0]]
    if not part or any(frame.f_code.co_filename == poller.__file__ for frame in part):
        return []
    foreign = [index for index, frame in enumerate(part) if not frame.f_code.co_filename.startswith(_PACKAGE)]
    if foreign:
        return part[: foreign[-1] + 1]
    return part if any(frame.f_code.co_filename in _OF_A_REQUEST for frame in part) else []


def _is_ours(name: str, chain: list[FrameType]) -> bool:
    """Say whether it is one of the threads that keep the server going: by its name, or the monitor."""
    if name.startswith("gateways-") or (chain and chain[-1].f_code.co_filename.endswith("/gevent/hub.py")):
        return True
    return any(frame.f_code is Crew._monitor.__code__ for frame in chain)


def _describe(title: str, chain: list[FrameType]) -> str:
    lines = [f"{title} (most recent call first):"]
    for frame in chain[:MAX_FRAMES]:
        code = frame.f_code
        lines.append(
            f'  File "{code.co_filename[:_MAX_NAME]}", line {frame.f_lineno or 0} in {code.co_name[:_MAX_NAME]}'
        )
    if len(chain) > MAX_FRAMES:
        lines.append("  ...")
    return "\n".join(lines)

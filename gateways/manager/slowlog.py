"""The master's side of the slow log: it asks workers for their stacks, and waits for none of them.

    ask      the worker is told on its channel, and its tether answers: that is nearly always all
    signal   the worker does not answer: C code keeps its interpreter. ``faulthandler`` writes to the common file, for
             one worker after the other
    give up  it does not do that either, stopped or in the kernel as it is: the entry says what the kernel knows

See stacks.py for the reasons.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from gateways.manager import kernelview
from gateways.manager.entries import Entry
from gateways.manager.rows import read_row
from gateways.manager.stacks import ASK, MAX_TEXT, SIGNAL, StackFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateways.manager.entries import SlowLog
    from gateways.manager.process import Process

#: How long a worker may take to answer, seconds: its tether gets the interpreter every few milliseconds, but on a busy
#: machine the process has to get a processor first.
ANSWER_TIMEOUT = 2.0
#: How long ``faulthandler`` may take, and how often to look: it writes no end. Seconds.
SIGNAL_TIMEOUT = 1.0
_LOOK_INTERVAL = 0.02
#: How long a kill is put off for the stacks, seconds: on a busy machine the process has to get a processor first.
LAST_TIMEOUT = 1.0

_HELD = "The interpreter does not answer: C code holds it. What faulthandler saw:\n\n"


class _Asked:
    """A worker that was asked for its stacks, and the entries that they are for."""

    def __init__(self, process: Process, log: SlowLog, deadline: float) -> None:
        self.process = process
        self.log = log
        self.entries: list[Entry] = []
        #: When the next step is due, monotonic.
        self.deadline = deadline
        #: When there is an end to it.
        self.give_up = math.inf
        #: While it is the one that was sent the signal: how much it had written at the last look.
        self.written = -1
        self.afterwards: list[Callable[[], object]] = []


class Dumps:
    """The stacks that were asked for, of all pools. One thread; times are monotonic seconds. ``file``: what
    ``faulthandler`` writes to, by default a new one.
    """

    def __init__(self, file: StackFile | None = None) -> None:
        self.file = file or StackFile()
        self._asked: dict[Process, _Asked] = {}
        self._signalled: _Asked | None = None

    def close(self) -> None:
        """Close the common file."""
        self.file.close()

    def ask(self, pool: str, log: SlowLog, process: Process, number: int, seconds: float, now: float) -> None:
        """Begin an entry in ``log`` about the request ``number`` in the worker's hands, which has taken ``seconds``."""
        asked = self._asked.get(process)
        first = asked is None
        if asked is None:
            asked = self._asked[process] = _Asked(process, log, now + ANSWER_TIMEOUT)
        request = _request_line(process, pool, number)
        asked.entries.append(Entry(time.time(), pool, process.number, process.pid, request, seconds, number, ""))
        if not first:
            return
        if kernelview.is_stopped(process.pid):
            self._end(asked, "No stacks: the process is stopped (SIGSTOP, or a debugger).")
        elif not process.channel.tell(ASK):
            asked.deadline = now

    def answered(self, process: Process, message: dict[str, Any]) -> None:
        """Take in the answer of a worker, which may come when nobody waits for it any more."""
        asked = self._asked.get(process)
        if asked is not None:
            self._end(asked, str(message.get("text", ""))[:MAX_TEXT])

    def then(self, process: Process, call: Callable[[], object], now: float) -> None:
        """Make ``call``, which kills the worker, when no stacks are awaited of it: at once, or shortly."""
        asked = self._asked.get(process)
        if asked is None:
            call()
            return
        asked.afterwards.append(call)
        asked.give_up = min(asked.give_up, now + LAST_TIMEOUT)
        if asked is not self._signalled:
            asked.deadline = now  # it is lost anyway: it cannot do harm

    def forget(self, process: Process) -> None:
        """The worker has ended."""
        asked = self._asked.get(process)
        if asked is not None:
            asked.afterwards.clear()
            self._end(asked, "No stacks: the process has ended.")

    def tick(self, now: float) -> float:
        """Do what is due, and return how long there is nothing to do, seconds."""
        if self._signalled is not None:
            self._look(self._signalled, now)
        for asked in list(self._asked.values()):
            if asked.give_up <= now and asked is not self._signalled:
                self._give_up(asked)
            elif asked.deadline <= now and self._signalled is None:
                self._send_signal(asked, now)
        if self._signalled is not None:
            return _LOOK_INTERVAL
        return max(0.0, min((asked.deadline for asked in self._asked.values()), default=math.inf) - now)

    def _send_signal(self, asked: _Asked, now: float) -> None:
        self.file.clear()
        if _signal(asked.process):
            self._signalled = asked
            asked.give_up = min(asked.give_up, now + SIGNAL_TIMEOUT)
        else:
            self._give_up(asked)

    def _look(self, asked: _Asked, now: float) -> None:
        """Look whether ``faulthandler`` has written, and neither goes on nor has written more since the last look."""
        written, process = self.file.size(), asked.process
        # Whoever has to wait for a processor in the midst of it writes nothing for a while, either.
        complete = 0 < written == asked.written and not kernelview.is_held(process.pid, process.tether, SIGNAL)
        asked.written = written
        if not complete and now < asked.give_up:
            return
        if written:
            self._end(asked, f"{_HELD}{self.file.read()}\n{kernelview.describe(asked.process.pid)}")
        else:
            self._give_up(asked)

    def _give_up(self, asked: _Asked) -> None:
        self._end(asked, f"No stacks: the process does not answer.\n{kernelview.describe(asked.process.pid)}")

    def _end(self, asked: _Asked, stacks: str) -> None:
        """Write the entries, and do what waited for that."""
        del self._asked[asked.process]
        if self._signalled is asked:
            self._signalled = None
        for entry in asked.entries:
            asked.log.write(entry._replace(stacks=stacks.strip("\n")))
        for call in asked.afterwards:
            call()


def _signal(process: Process) -> bool:
    """Send the signal to the thread of the tether: it would end a wait of C code in another thread (EINTR)."""
    try:
        import ctypes

        if process.pid and process.tether:
            return not ctypes.CDLL(None).tgkill(process.pid, process.tether, int(SIGNAL)) or process.kill(SIGNAL)
    except (ImportError, AttributeError):
        pass  # not Linux, or an old C library
    return process.kill(SIGNAL)


def _request_line(process: Process, pool: str, number: int) -> str:
    """Return what the scoreboard says of the request; there is none when only the interpreter is in question."""
    if not number:
        return "no request, but a worker that gives no sign of life,"
    oldest = read_row(process.slot, pool).oldest if process.slot is not None else None
    if oldest is None or oldest.number != number:
        return "a request that has just ended"
    return f"{oldest.method} {oldest.uri} from {oldest.address or 'nobody'}"

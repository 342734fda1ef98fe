"""The master's side of nurseries: one for each generation of a pool that preloads."""

from __future__ import annotations

import json
import os
import signal
import socket
from typing import TYPE_CHECKING

from gateways.manager.nursery import MAX_ORDER, nurse
from gateways.manager.process import fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gateways.manager.equipment import Equipment

Order = tuple[int, int, socket.socket]


class Nursery:
    """A nursery process: orders wait here until it has loaded the application."""

    def __init__(self, equipment: Equipment, generation: int, close: Iterable[Callable[[], object]]) -> None:
        self.generation = generation
        self._equipment = equipment
        self.failure = ""
        self.ended = False
        self._ready = False
        self._waiting: list[Order] = []
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.setblocking(False)
        with theirs:
            master = os.getpid()
            self.pid = fork(lambda: nurse(equipment, generation, theirs, master), [*close, self.channel.close])

    def order(self, worker: int, slot: int, channel: socket.socket) -> None:
        """Have a worker forked; ``channel`` is its end of the channel, which is closed here."""
        self._waiting.append((worker, slot, channel))
        if self._ready:
            self._send()

    def read(self) -> Iterator[tuple[int, str]]:
        """Take in what it says. Gives the number of each worker that will not come to be, and why."""
        while True:
            try:
                data = self.channel.recv(MAX_ORDER)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.ended = True
                yield from self.abandon(self.failure or "the nursery has ended")
                return
            message = json.loads(data)
            if message["event"] == "ready":
                self._ready = True
                self._send()
            elif message["event"] == "failed":
                self.failure = str(message["reason"])
                yield from self.abandon(self.failure)
            else:
                yield message["worker"], str(message["reason"])

    def abandon(self, reason: str) -> Iterator[tuple[int, str]]:
        """Give up the orders that wait."""
        orders, self._waiting = self._waiting, []
        for worker, _, channel in orders:
            channel.close()
            yield worker, reason

    def end(self) -> None:
        """Let it go: it ends when its channel does, or by the signal while it still loads."""
        for _ in self.abandon("the nursery is not needed any more"):
            pass
        if not self._ready and self.pid:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.channel.close()

    def closers(self) -> Iterator[Callable[[], object]]:
        """Give what another child of the master has no use for."""
        yield self.channel.close
        for _, _, channel in self._waiting:
            yield channel.close

    def _send(self) -> None:
        while self._waiting:
            worker, slot, channel = self._waiting.pop(0)
            order = json.dumps({"worker": worker, "slot": slot}).encode()
            with channel:
                try:
                    # With the logs, which may have been opened anew since the nursery was forked.
                    socket.send_fds(self.channel, [order], [channel.fileno(), *self._equipment.logs()])
                except OSError:
                    pass  # it is ending: the worker's channel ends, too, and that is how the pool learns of it

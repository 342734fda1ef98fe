"""A master as the control socket sees it, and a loop for one: what the tests of both sides talk to."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from gateways.errors import ConfigError
from gateways.manager.control import ControlSocket
from gateways.manager.tickets import Ticket
from tests.support.serving import PATIENCE, RecordingLog


class Master:
    """Records what it is asked, and gives out tickets that the test ends."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.ticket = Ticket()
        self.figures: Mapping[str, Any] = {"pools": []}

    def status(self) -> Mapping[str, Any]:
        self.asked.append("status")
        return self.figures

    def reload(self, pool: str | None) -> Ticket:
        if pool not in (None, "shop"):
            raise ConfigError(f"there is no pool {pool!r}; there is shop")
        self.asked.append(("reload", pool))
        return self.ticket

    def upgrade(self) -> Ticket:
        self.asked.append("upgrade")
        return self.ticket

    def outcome(self) -> Ticket:
        self.asked.append("outcome")
        return self.ticket

    def stop(self) -> Ticket:
        self.asked.append("stop")
        return self.ticket

    def reopen(self) -> None:
        self.asked.append("reopen")

    def resize(self, pool: str | None, by: int) -> None:
        self.asked.append(("resize", pool, by))


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Loop:
    """Polls a control socket as the master does: turn by turn, or in a thread until the end."""

    def __init__(self, path: Path, master: Master | None = None, **more: Any) -> None:
        self.master = master or Master()
        self.log = RecordingLog()
        self.clock = Clock()
        self.control = ControlSocket(str(path), self.master, cast(Any, self.log), clock=self.clock, **more)
        self._wake_out, self._wake_in = os.pipe()
        self._calls: list[Any] = []
        self._thread = threading.Thread(target=self._run)

    def turn(self, milliseconds: float = PATIENCE * 1000) -> int:
        """Wait for something, once, and do it; return how many descriptors were reported."""
        poll = select.poll()
        for fd, events in self.control.interests().items():
            poll.register(fd, events)
        poll.register(self._wake_out, select.POLLIN)
        found = poll.poll(milliseconds)
        for fd, events in found:
            if fd == self._wake_out:
                os.read(self._wake_out, 1)
                call = self._calls.pop(0)
                if call is None:
                    return -1
                call()
            else:
                self.control.handle(fd, events)
        return len(found)

    def settle(self) -> None:
        """Do all that can be done now."""
        while self.turn(0):
            pass

    def call(self, function: Any) -> None:
        """Have the thread of the loop call ``function``: a ticket belongs to it."""
        self._calls.append(function)
        os.write(self._wake_in, b"w")

    def _run(self) -> None:
        while self.turn() >= 0:
            pass

    @contextlib.contextmanager
    def running(self) -> Iterator[Loop]:
        self._thread.start()
        try:
            yield self
        finally:
            self.call(None)
            self._thread.join(PATIENCE)

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, *error: object) -> None:
        self.control.close()
        os.close(self._wake_out)
        os.close(self._wake_in)

"""The control socket in a loop: what it is interested in is watched, and no more."""

from __future__ import annotations

import math
import os
from typing import Any, cast

from gateways.manager.desk import Desk
from gateways.manager.loop import READ, Loop


class FakeControl:
    def __init__(self, *fds: int) -> None:
        self.wanted = dict.fromkeys(fds, READ)
        self.handled: list[int] = []
        self.due: float | None = None
        self.expired = 0

    def interests(self) -> dict[int, int]:
        return dict(self.wanted)

    def handle(self, fd: int, events: int) -> None:
        self.handled.append(fd)

    def deadline(self) -> float | None:
        return self.due

    def expire(self) -> None:
        self.expired += 1
        self.due = None

    def close_in_child(self) -> None: ...


class FakeMaster:
    def __init__(self) -> None:
        self.loop = Loop()
        self.helpers: list[Any] = []
        self.closers: list[Any] = []


def test_it_follows_the_interests_and_the_deadlines_of_the_socket() -> None:
    pipes = [os.pipe(), os.pipe()]
    for _, write in pipes:
        os.write(write, b"x")
    control, master = FakeControl(pipes[0][0], pipes[1][0]), FakeMaster()
    Desk(cast(Any, control), cast(Any, master))
    (tend,) = master.helpers
    assert tend(10.0) == math.inf
    master.loop.turn(0)
    assert sorted(control.handled) == sorted(read for read, _ in pipes)
    del control.wanted[pipes[0][0]]
    control.due = 15.0
    assert tend(10.0) == 5.0
    control.handled.clear()
    master.loop.turn(0)
    assert control.handled == [pipes[1][0]]
    assert tend(15.0) == math.inf
    assert control.expired == 1
    for pipe in pipes:
        for fd in pipe:
            os.close(fd)

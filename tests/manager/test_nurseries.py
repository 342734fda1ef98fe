"""The master's side of a nursery."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, cast

import pytest

from gateways.manager import nurseries
from gateways.manager.channel import Channel, pair
from gateways.manager.nurseries import Nursery
from tests.support.serving import until

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


class Equipment:
    """What a nursery needs of it: the logs that go along with each order."""

    def logs(self) -> list[int]:
        return [1, 2]


def start(monkeypatch: pytest.MonkeyPatch, life: Any) -> Nursery:
    """Start one that lives like ``life(channel)`` instead of loading an application."""
    monkeypatch.setattr(nurseries, "nurse", lambda equipment, generation, channel, master: life(channel))
    return Nursery(cast(Any, Equipment()), 1, [])


def read_all(nursery: Nursery) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []

    def ended() -> bool:
        found.extend(nursery.read())
        return nursery.ended

    until(ended)
    os.waitpid(nursery.pid, 0)
    return found


def test_orders_wait_until_it_has_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    note = tmp_path / "note"

    def life(channel: Any) -> int:
        channel.setblocking(True)
        channel.send(b'{"event": "ready"}')
        order, descriptors, _, _ = socket.recv_fds(channel, 1000, 8)
        note.write_bytes(order + b" %d" % len(descriptors))
        return 0

    nursery = start(monkeypatch, life)
    ours, theirs = pair()
    nursery.order(7, 3, theirs)
    assert theirs.fileno() >= 0
    read_all(nursery)
    assert note.read_text() == '{"worker": 7, "slot": 3} 3'  # the channel, and the logs
    assert theirs.fileno() == -1, "the child has it now"
    nursery.end()
    ours.close()


def test_one_that_cannot_load_fails_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def life(channel: Any) -> int:
        channel.send(b'{"event": "failed", "reason": "no module named shop"}')
        return 3

    nursery = start(monkeypatch, life)
    channels = [pair() for _ in range(2)]
    for number, (_, theirs) in enumerate(channels):
        nursery.order(number, 0, theirs)
    assert read_all(nursery) == [(0, "no module named shop"), (1, "no module named shop")]
    nursery.end()
    for ours, theirs in channels:
        assert theirs.fileno() == -1
        ours.close()


def test_one_that_is_not_needed_while_it_loads_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    nursery = start(monkeypatch, lambda channel: channel.setblocking(True) or len(channel.recv(1)) or os.read(0, 0))
    ours, theirs = pair()
    channel = Channel(ours)
    nursery.order(1, 0, theirs)
    nursery.end()
    os.waitpid(nursery.pid, 0)
    assert channel.read() == []
    assert channel.ended
    channel.close()

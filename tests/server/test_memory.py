"""The memory of this process, as the system tells it."""

from __future__ import annotations

import builtins
import gc
import sys

import pytest

from gateways.server import memory
from gateways.server.memory import RecentMemory, resident_memory

MIB = 1 << 20


def test_resident_memory_grows_and_shrinks() -> None:
    gc.collect()
    before = resident_memory()
    block = b"x" * (64 * MIB)
    assert resident_memory() - before > 60 * MIB
    del block
    assert resident_memory() - before < 30 * MIB


def test_the_peak_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(builtins, "open", refuse)
    peak = resident_memory()
    assert peak > MIB
    monkeypatch.setattr(sys, "platform", "darwin")
    assert 0.9 < peak / 1024 / resident_memory() < 1.1


def test_it_is_looked_at_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    times, looks = [0.0, 0.9, 1.0, 1.9, 2.5], [1, 2, 3]
    monkeypatch.setattr(memory, "monotonic", lambda: times.pop(0))
    monkeypatch.setattr(memory, "resident_memory", lambda: looks.pop(0))
    recent = RecentMemory()
    assert [recent() for _ in range(5)] == [1, 1, 2, 2, 3]

"""The workers of a pool that is not in the configuration any more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateways.manager.channel import Channel, pair
from gateways.manager.handover import PassedPool
from gateways.manager.loop import Loop
from gateways.manager.process import Process
from gateways.manager.remnant import Remnant
from gateways.manager.scoreboard import Scoreboard
from gateways.manager.slowlog import Dumps
from tests.support.serving import RecordingLog

NOW = 1000.0


@pytest.fixture
def remnant():
    dumps, board = Dumps(), Scoreboard.create(2, 1)
    master = SimpleNamespace(
        error_log=RecordingLog(), board=board, dumps=dumps, loop=Loop(), shed=lambda pool: pytest.fail("it forks")
    )
    yield Remnant("shop", PassedPool(8, 3, graceful_timeout=5.0), cast(Any, master), NOW)
    dumps.close()
    board.close()


def test_it_ends_with_its_workers_and_starts_none(remnant):
    ours, theirs = pair()
    with theirs:
        process = Process(7, 3, Channel(ours), None, 4711)
        remnant.adopt(process, False, NOW)
        remnant.begin(NOW)
        remnant.resize(1, NOW)
        remnant.tick(NOW + 100, {})
        assert not remnant.over
        remnant.stop(NOW + 100)
        assert theirs.recv(100) == b"stop the pool stops\n"  # not the last: another pool may have the listeners
        remnant.on_exit(process, "exit status 0", NOW + 101)
    assert remnant.over
    assert remnant.processes == {}


def test_a_reload_has_nothing_to_do(remnant):
    outcomes: list[Any] = []
    remnant.reload("SIGHUP", NOW, lambda generation, failure: outcomes.append(failure))
    assert outcomes == [""]
    assert remnant.is_settled()

"""What the master publishes of itself, once a second and when it is asked."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateways import __version__
from gateways.addresses import parse_address
from gateways.manager import facts
from gateways.manager.controlclient import ask
from gateways.manager.facts import Facts, settings_facts
from gateways.manager.moves import ReloadAsked
from gateways.manager.scoreboard import Scoreboard
from gateways.manager.snapshot import Overview, PoolFigures
from gateways.server.listeners import open_listeners
from gateways.server.slot import Phase
from gateways.settings import Settings
from tests.manager.fake import Fake
from tests.support.managing import managing
from tests.support.serving import until


class Made:
    """A master that is all but alive, with one pool."""

    def __init__(self, board: Scoreboard, **settings: Any) -> None:
        self.fake = Fake(2)
        equipment = SimpleNamespace(application="shop:app", settings=Settings(**settings), listeners=[])
        pool: Any = SimpleNamespace(name="shop", policy=self.fake.policy, equipment=equipment)
        self.master: Any = SimpleNamespace(board=board, pools=[pool], helpers=[])
        self.facts = Facts(self.master)

    @property
    def overview(self) -> Overview:
        return Overview.from_json(self.facts.status())

    @property
    def pool(self) -> PoolFigures:
        return self.overview.pools[0]


@pytest.fixture
def board() -> Iterator[Scoreboard]:
    made = Scoreboard.create(4, 2)
    yield made
    made.close()


def test_the_master_and_the_settings(board: Scoreboard) -> None:
    before = time.time()
    made = Made(board, pm="dynamic")
    overview, pool = made.overview, made.pool
    assert (overview.version, overview.pid, overview.upgrades) == (__version__, os.getpid(), 0)
    assert before <= overview.started <= overview.now
    assert (pool.name, pool.application, pool.pm, pool.limit, pool.generation) == ("shop", "shop:app", "dynamic", 2, 1)
    assert (pool.reload_state, pool.workers_started, pool.total) == ("booting", 2, 0)
    made.fake.ready(1, 2)
    assert made.pool.reload_state == "idle"


def test_it_looks_once_a_second(board: Scoreboard) -> None:
    made = Made(board)
    assert made.master.helpers == [made.facts.tick]
    assert board.facts() == {}
    assert made.facts.tick(100.0) == 1.0
    assert board.facts()["version"] == __version__
    assert made.facts.tick(100.25) == 0.75
    assert made.facts.tick(101.0) == 1.0
    assert len(made.pool.history) == 2


def test_what_was_most_is_remembered(board: Scoreboard, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = iter([3, 9, 1, 2])
    monkeypatch.setattr(facts, "waiting_at", lambda sockets: next(waiting))
    made = Made(board)
    slots = [board.claim("shop", number, 1) for number in (1, 2)]
    for second, busy in enumerate([1, 2, 0]):
        for index, slot in enumerate(slots):
            slot.phase = Phase.SERVING
            words = slot.area.cast("q")
            words[32] = 7 if index < busy else 0  # the number of the request in its first record
        made.facts.tick(float(second))
    pool = made.pool
    assert (pool.active, pool.max_active, pool.listen_queue, pool.max_listen_queue) == (0, 2, 2, 9)
    assert [moment[0] for moment in pool.history] == [1, 2, 0]


def test_a_reload_that_failed(board: Scoreboard) -> None:
    made = Made(board)
    made.fake.ready(1, 2)
    made.fake.tell(ReloadAsked("SIGHUP"))
    assert (made.pool.reload_state, made.pool.reload_why) == ("booting", "SIGHUP")
    made.fake.fail(3, "no module named shop")
    pool = made.pool
    assert (pool.reload_state, pool.reloads_failed, pool.reloads) == ("failed", 1, 0)
    assert "no module named shop" in pool.reload_failure


def test_the_history_has_an_end(board: Scoreboard) -> None:
    made = Made(board)
    for second in range(facts.HISTORY + 5):
        made.facts.tick(float(second))
    assert len(made.pool.history) == facts.HISTORY


def test_long_texts_are_cut(board: Scoreboard) -> None:
    made = Made(board)
    made.fake.ready(1, 2)
    made.fake.tell(ReloadAsked("why " * 1000))
    assert len(made.pool.reload_why) == 1000


def test_a_new_master_goes_on_counting(board: Scoreboard) -> None:
    old = Made(board)
    old.facts.tick(1.0)
    started = old.overview.started
    slot = board.claim("shop", 1, 1)
    slot.phase = Phase.SERVING
    taken = Scoreboard.open(os.dup(board.fileno())) if board.fileno() >= 0 else board
    assert taken is not None
    new = Made(taken)
    new.facts.tick(2.0)
    overview, pool = new.overview, new.pool
    assert (overview.started, overview.upgrades) == (started, 1)
    assert (pool.workers_started, len(pool.history), pool.total) == (4, 2, 1)
    taken.close()


def test_the_queue_of_a_listener(socket_dir: Path) -> None:
    listeners = open_listeners("scgi", parse_address(f"unix:{socket_dir}/socket"), environ={})
    found = settings_facts("app", Settings(backlog=100), listeners)
    assert (found["listeners"], found["listen_queue_size"]) == ([f"scgi unix:{socket_dir}/socket"], 100)
    for listener in listeners:
        listener.close()


def test_a_system_that_does_not_tell_its_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(facts, "_SOMAXCONN", str(tmp_path / "none"))
    assert facts._somaxconn() > 1 << 30
    (tmp_path / "none").write_text("17\n")
    assert facts._somaxconn() == 17


def test_a_living_master() -> None:
    flags = ("--workers", "2", "--threads", "1", "--status", "/status", "--ping", "/ping", "--control", "{dir}/control")
    with managing(*flags) as managed:
        assert managed.ask("/ping").body == b"pong"
        sock, _ = managed.begin("busy", 60)  # in hand, so that its worker accepts no other connection
        with sock:
            until(lambda: b"requests in hand:     2\n" in managed.ask("/status").body)
            text = managed.ask("/status?full").body.decode()
            assert "active processes:     2\n" in text
            assert "request URI:          /begin/busy/60\n" in text
            assert "request URI:          /status?full\n" in text
            assert text.count("threads:              1\n") == 2
            assert b'gateways_requests_in_hand{pool="' in managed.ask("/status?openmetrics").body
            assert managed.stop(signal.SIGQUIT) == 1


def test_the_queue_is_seen_while_all_workers_are_busy() -> None:
    with managing("--workers", "1", "--threads", "1", "--control", "{dir}/control") as managed, ExitStack() as stack:

        def pool() -> PoolFigures:
            return Overview.from_json(ask(str(managed.control), {"ask": "status"})["status"]).pools[0]

        stack.enter_context(managed.send("/sleep/60"))
        until(lambda: pool().in_hand == 1)
        for _ in range(3):
            stack.enter_context(managed.connect())
        until(lambda: pool().listen_queue == 3)
        assert pool().workers[0].uri == "/sleep/60"
        assert managed.stop(signal.SIGQUIT) == 1

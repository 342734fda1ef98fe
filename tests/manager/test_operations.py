"""What an operator orders, with pools that only note it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gateways.errors import ConfigError
from gateways.manager.operations import Operations
from gateways.manager.tickets import Ticket


class FakePool:
    def __init__(self, name: str) -> None:
        self.name = name
        self.reloads: list[str] = []
        self.sizes: list[int] = []
        self.follower: Any = None

    def reload(self, why: str, now: float, follower: Any) -> None:
        self.reloads.append(why)
        self.follower = follower

    def resize(self, by: int, now: float) -> None:
        self.sizes.append(by)


class FakeMaster:
    def __init__(self) -> None:
        self.pools = [FakePool("shop"), FakePool("blog")]
        self.on_reload: list[Any] = []
        self.stopping = False
        self.expects_serving = 0
        self.error_log = self

    def notice(self, text: str) -> None: ...

    def expect_serving(self) -> None:
        self.expects_serving += 1

    def stop(self) -> None:
        self.stopping = True


@pytest.fixture
def master() -> FakeMaster:
    return FakeMaster()


@pytest.fixture
def operations(master: FakeMaster) -> Operations:
    return Operations(cast(Any, master), dict)


def test_a_reload_ends_when_each_pool_has(master: FakeMaster, operations: Operations) -> None:
    ticket = operations.reload()
    shop, blog = master.pools
    shop.follower(2, "")
    assert ticket.outcome is None
    blog.follower(2, "no module named blog")
    assert ticket.outcome == {"done": True, "failure": "pool blog: no module named blog"}
    assert operations.outcome() is ticket
    assert master.expects_serving == 1


def test_one_pool_alone(master: FakeMaster, operations: Operations) -> None:
    ticket = operations.reload("blog", "because")
    assert [pool.reloads for pool in master.pools] == [[], ["because"]]
    master.pools[1].follower(2, "")
    assert ticket.outcome == {"done": True, "failure": ""}
    operations.resize("shop", 2)
    assert [pool.sizes for pool in master.pools] == [[2], []]
    with pytest.raises(ConfigError, match="there is no pool 'shp'; there are shop, blog"):
        operations.reload("shp")


def test_changed_settings_replace_the_master(master: FakeMaster, operations: Operations) -> None:
    asked: list[str] = []

    def replace(why: str) -> Ticket:
        asked.append(why)
        return Ticket()

    operations.replace = replace
    operations.outdated = lambda: "gateways.toml has changed"
    operations.reload(None, "SIGHUP")
    assert asked == ["SIGHUP: gateways.toml has changed"]
    assert master.pools[0].reloads == []
    operations.upgrade("SIGUSR2")
    assert asked[1] == "SIGUSR2"


def test_a_master_that_stops_neither_reloads_nor_upgrades(master: FakeMaster, operations: Operations) -> None:
    ticket = operations.stop()
    assert ticket.outcome is None
    for order in (operations.reload, operations.upgrade):
        with pytest.raises(ConfigError):
            order()
    operations.stopped()
    assert ticket.outcome == {"done": True, "failure": ""}

"""gateways.server.renewal: when a process has served for long enough, by a clock that the tests move."""

from __future__ import annotations

from typing import Any

import pytest

from gateways.adapters.speedups import Link
from gateways.server.renewal import LOOK_INTERVAL, QUIET_INTERVAL, Renewal, make_renewal
from gateways.settings import Settings
from tests.support.serving import Recorder, serving, until

MIB = 1 << 20


class Told:
    """Tells the reasons that a test puts in."""

    def __init__(self, *reasons: str) -> None:
        self.told = list(reasons)
        self.looks = 0

    def __call__(self) -> str:
        self.looks += 1
        return self.told.pop(0) if self.told else ""


def in_hand() -> Link:
    return Link()


def arriving() -> Link:
    link = Link()
    link.watched = True
    return link


def waiting() -> Link:
    link = Link()
    link.watched = link.waiting = True
    return link


def renewal(look: Told | None = None, patience: float = 0.0, **given: Any) -> Renewal:
    settings = {name: given.pop(name) for name in list(given) if name.startswith("max_")}
    return Renewal(Settings(**settings), look, patience, now=100.0, **given)


def test_nothing_to_watch() -> None:
    assert make_renewal(Settings()) is None
    assert make_renewal(Settings(max_requests=1)) is not None
    assert make_renewal(Settings(max_memory="1G")) is not None
    assert make_renewal(Settings(), Told()) is not None


def test_max_requests() -> None:
    one = renewal(max_requests=100, jitter=lambda most: 0)
    assert not one.is_due(99, 100.0)
    assert not one.looks(99)
    assert one.is_due(100, 100.0)
    assert one.reason(100, 100.0) == "100 requests served (max_requests)"
    assert one.reason(101, 100.0) == "100 requests served (max_requests)"


@pytest.mark.parametrize(
    ("given", "spread"), [({"max_requests": 100}, 10), ({"max_requests": 5}, 0), ({"max_requests_jitter": 7}, 7)]
)
def test_jitter(given: dict[str, int], spread: int) -> None:
    asked: list[int] = []
    one = renewal(**{"max_requests": 100, **given}, jitter=lambda most: asked.append(most) or most)
    assert asked == [spread]
    assert one.max_requests == given.get("max_requests", 100) + spread


def test_jitter_differs_from_process_to_process() -> None:
    limits = {renewal(max_requests=1000, max_requests_jitter=500).max_requests for _ in range(100)}
    assert min(limits) >= 1000
    assert max(limits) <= 1500
    assert len(limits) > 10


def test_max_memory_is_looked_at_once_a_second_while_requests_come() -> None:
    used = 10 * MIB
    looks: list[float] = []
    one = renewal(max_memory=20 * MIB, memory=lambda: looks.append(used) or used)
    assert not one.is_due(1, 100.9)
    assert not one.looks(0)
    assert one.looks(1)
    assert one.next_look == 101.0
    assert one.is_due(1, 101.0)
    assert one.reason(1, 101.0) == ""
    assert not one.is_due(2, 101.9)
    assert one.reason(2, 101.9) == ""
    assert len(looks) == 1
    used = 25 * MIB
    assert not one.looks(1), "nothing was served since"
    assert one.reason(1, 102.5) == ""
    assert len(looks) == 1
    assert one.looks(2)
    assert one.reason(2, 103.5) == "25.0 MiB of memory in use (max_memory is 20.0 MiB)"


def test_files_are_looked_at_once_a_second_even_when_idle() -> None:
    look = Told("", "app.py has changed")
    one = renewal(look)
    assert one.looks(0)
    assert one.next_look == 100.0 + LOOK_INTERVAL
    assert not one.is_due(0, 100.5)
    assert one.reason(0, 100.5) == ""
    assert look.looks == 0
    assert one.reason(0, 101.0) == ""
    assert one.next_look == 101.0 + LOOK_INTERVAL
    assert one.reason(0, 102.5) == "app.py has changed"


def test_a_moment_without_a_request_is_waited_for() -> None:
    one = renewal(Told("app.py has changed"), patience=10)
    slow = in_hand()
    assert one.reason(5, 101.0, [waiting(), slow]) == ""
    assert one.looks(5)
    assert one.next_look == 101.0 + QUIET_INTERVAL
    assert one.reason(6, 105.0, [slow]) == ""
    assert one.reason(6, 105.5, [slow, arriving()]) == ""
    assert one.is_due(6, 106.0)
    assert one.reason(7, 106.0, [waiting()]) == "app.py has changed"


def test_but_not_for_ever() -> None:
    one = renewal(max_requests=1, patience=10, jitter=lambda most: 0)
    stream = in_hand()
    assert one.reason(1, 101.0, [stream]) == ""
    assert one.reason(2, 110.9, [stream]) == ""
    assert one.reason(3, 111.0, [stream]) == "1 requests served (max_requests)"


def test_many_short_requests_leave_no_such_moment() -> None:
    one = renewal(Told("app.py has changed"), patience=10)
    first, second, third = in_hand(), in_hand(), in_hand()
    assert one.reason(5, 101.0, [first, second]) == ""
    assert one.reason(6, 101.5, [second, third]) == ""
    assert one.reason(6, 101.6, [first, third]) == "", "the connection was kept, and has another request"
    assert one.reason(7, 101.9, [third]) == ""
    assert one.reason(8, 102.0, [third, in_hand()]) == "app.py has changed"


def test_a_long_request_is_waited_for() -> None:
    one = renewal(Told("app.py has changed"), patience=10)
    first, second = in_hand(), in_hand()
    for now in range(101, 111):
        assert one.reason(now, now, [first, second, in_hand()]) == ""
    assert one.reason(20, 110.5, [second, in_hand()]) == ""
    assert one.reason(21, 110.9, [in_hand()]) == "app.py has changed"


def test_without_patience_it_ends_with_requests_in_hand() -> None:
    assert renewal(max_requests=1, jitter=lambda most: 0).reason(1, 100.0, [in_hand()])


# In a server


@pytest.mark.parametrize("threads", [1, 4])
def test_a_server_retires_after_max_requests(threads: int, protocol: str) -> None:
    limits = Settings(max_requests=5)
    renewal = Renewal(limits, jitter=lambda most: 0)
    with serving(Recorder(), protocol=protocol, threads=threads, renewal=renewal) as served:
        for _ in range(5):
            assert served.request().status == "200 OK"
        until(lambda: served.stopped)
        assert served.server.retired == "5 requests served (max_requests)"
        assert served.stop() == 0


def test_a_server_retires_for_its_memory() -> None:
    renewal = Renewal(Settings(max_memory=MIB), memory=lambda: 2 * MIB)
    with serving(Recorder(), renewal=renewal) as served:
        assert served.request().status == "200 OK"
        until(lambda: served.stopped)
        assert served.server.retired == "2.0 MiB of memory in use (max_memory is 1.0 MiB)"


def test_an_idle_server_notices_a_change() -> None:
    look = Told()
    with serving(Recorder(), renewal=Renewal(Settings(), look)) as served:
        until(lambda: look.looks >= 2)
        assert not served.stopped
        look.told.append("restart.txt has changed")
        until(lambda: served.stopped)
        assert served.server.retired == "restart.txt has changed"

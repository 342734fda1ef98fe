"""L1, L2, L29 and L32: new workers, the end of a server, renewal and upgrade, all of it under load."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.soak.figures import loss, ms, numbers
from tests.soak.front import nginx
from tests.soak.model import OURS, PATIENT_PHP, PHP, UWSGI, Figure, Plan, Scenario, Wish
from tests.soak.servers import ANSWER, Running, Server, waited
from tests.support.load import Load, Report, Target
from tests.support.processes import is_running

#: 4 workers of one thread could serve 400 of these a second.
RATE, PATH = 200.0, "/sleep/0.01"


def storms(server: Server, plan: Plan) -> Iterator[Figure]:
    """L1: reloads each second, and each 50 ms."""
    ways = [Way("FastCGI, Unix", Wish()), Way("FastCGI through nginx, Unix", Wish(), front=True)]
    if server.name in (OURS, UWSGI):
        ways += [Way("SCGI, Unix", Wish(protocol="scgi"))]
    if server.name == OURS:
        ways += [
            Way("FastCGI kept, TCP", Wish(tcp=True), keep=True),
            Way("FastCGI kept, preload", Wish(preload=True), keep=True),
        ]
    if server.name == OURS and not plan.quick:
        ways += [
            Way("FastCGI kept, Unix", Wish(), keep=True),
            Way("FastCGI kept, 8 threads", Wish(threads=8), keep=True),
            Way("SCGI through nginx, TCP", Wish(protocol="scgi", tcp=True), front=True),
        ]
    for way in ways:
        for count, pause in ((plan.count(20, 5), 1.0), (plan.count(20, 10), 0.05)):
            yield _storm(server, way, count, pause)


class Way(NamedTuple):
    """How the requests of a storm get to the server."""

    name: str
    wish: Wish
    front: bool = False
    keep: bool = False


def _storm(server: Server, way: Way, count: int, pause: float) -> Figure:
    def act(running: Running) -> None:
        for _ in range(count):
            running.reload()
            time.sleep(pause)
        _settle(running, before)

    with server.running(way.wish) as running:
        master, before = running.master, set(running.workers())
        idle, report = _under_load(running, way, act)
        after = set(running.workers())
        survived = running.alive and running.master == master
        renewed = survived and len(after) == way.wish.workers and not before & after
    text = loss(report) + f", p99 {ms(idle.latency(99))} → {ms(report.latency(99))}, max {ms(report.latency(100))}"
    text += "" if survived else "; the master has died" if not running.alive else "; another master"
    text += "" if renewed or not survived else "; not all workers are new"
    slow = report.latency(100) > 1.2
    return Figure(
        f"{way.name}: {count} reloads, one each {pause:g} s",
        "0 lost, longest ≤ 1.2 s, all workers new",
        text,
        not report.failed and survived and renewed and not slow,
        {**numbers(report), "p99_idle": idle.latency(99), "survived": survived, "renewed": renewed},
    )


def _under_load(running: Running, way: Way, act: Callable[[Running], None]) -> tuple[Report, Report]:
    """Return the report of two quiet seconds, and that of what happens while ``act`` runs and a moment after."""
    if way.front:
        with nginx(running) as target:
            return _quiet(target), _during(target, lambda: act(running))
    target = running.target(keep=way.keep)
    return _quiet(target), _during(target, lambda: act(running))


def _quiet(target: Target) -> Report:
    return _during(target, lambda: time.sleep(2))


def _during(target: Target, act: Callable[[], None]) -> Report:
    load = Load(target, RATE, PATH, patience=ANSWER)
    load.start()
    try:
        act()
    finally:
        report = load.stop()
    return report


def _settle(running: Running, before: set[int]) -> None:
    """Give the last reload its time: until all workers are others, and have been the same ones for a second."""
    waited(lambda: not before & set(running.workers()), 15)
    workers, since = set(running.workers()), time.monotonic()
    end = since + 15
    while time.monotonic() < min(end, since + 1):
        time.sleep(0.05)
        now = set(running.workers())
        if now != workers or len(now) != running.wish.workers:
            workers, since = now, time.monotonic()


def stopping(server: Server, plan: Plan) -> Iterator[Figure]:
    """L2: the end of one server, alone and beside a second one."""
    seconds = plan.count(3, 2)
    with server.running(Wish()) as running:
        load = Load(running.target(keep=server.keeps), 30.0, "/sleep/0.1", patience=ANSWER)
        load.start()
        time.sleep(seconds)
        asked = time.monotonic()
        running.stop()
        ended = running.wait(lambda: not running.alive, "to end")
        report = load.stop()
    # What comes after the end is refused: that is what a second server is for.
    taken = [outcome for outcome in report.outcomes if outcome.failure not in ("refused", "no socket")]
    lost = Counter(outcome.failure for outcome in taken if outcome.failure)
    early = [outcome for outcome in report.outcomes if outcome.failure and outcome.begun < asked]
    text = f"{sum(lost.values())} of {len(taken)} lost" + "".join(f", {n} {why}" for why, n in lost.items())
    text += f" ({len(early)} of them begun before); ended after {ms(ended)}"
    yield Figure(
        "stopped while requests of 100 ms come in",
        "0 that were not refused lost, ended ≤ 0.6 s",
        text,
        not lost and not early and ended <= 0.6,
        {"lost": sum(lost.values()), "before": len(early), "ended": ended},
    )
    with server.running(Wish()) as one, server.running(Wish()) as other, nginx(one, other) as target:
        load = Load(target, 60.0, "/sleep/0.05", patience=ANSWER)
        load.start()
        time.sleep(seconds)
        one.stop()
        one.wait(lambda: not one.alive, "to end")
        time.sleep(1)
        report = load.stop()
    yield Figure(
        "one of two behind nginx stopped, which asks the next one on an error",
        "0 lost",
        loss(report) + f", max {ms(report.latency(100))}",
        not report.failed,
        numbers(report),
    )
    if server.name == OURS:
        yield cut_off(server)


def cut_off(server: Server) -> Figure:
    """L2: a request that lasts longer than graceful_timeout."""
    with server.running(Wish(graceful_timeout=1.0)) as running, running.loading(20.0, "/sleep/20"):
        time.sleep(0.5)
        running.stop()
        ended = running.wait(lambda: not running.alive, "to end")
        waited(lambda: not running.processes(), 2)
        left = len(running.processes())
        running.kill()
    text = f"ended after {ended:.2f} s" + (f", {left} processes left" if left else "")
    what = "requests of 20 s in hand and graceful_timeout 1 s"
    return Figure(what, "ended ≤ 2 s, no process left", text, ended <= 2.0 and not left, {"ended": ended, "left": left})


def renewal(server: Server, plan: Plan) -> Iterator[Figure]:
    """L29: max_requests, with its jitter."""
    limit, seconds = 100, plan.count(20, 6)
    with server.running(Wish(max_requests=limit)) as running:
        seen: set[int] = set(running.workers())
        fewest = len(seen)
        load = Load(running.target(keep=server.keeps), 300.0, "/sleep/0.005", patience=ANSWER)
        load.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            now = set(running.workers())
            seen |= now
            fewest = min(fewest, len(now))
            time.sleep(0.01)
        report = load.stop()
    text = f"{loss(report)}, {len(seen)} workers, at least {fewest} of 4 at any time, max {ms(report.latency(100))}"
    yield Figure(
        f"max_requests {limit}, 300 requests a second",
        "0 lost, never fewer than 2 of 4 workers",
        text,
        not report.failed and fewest >= 2 and len(seen) > report.sent / limit / 3,
        {**numbers(report), "workers": len(seen), "fewest": fewest},
    )


def upgrade(server: Server, plan: Plan) -> Iterator[Figure]:
    """L32: the master executes itself again."""
    for pause in (2.0, 0.05):
        count = plan.count(10, 4)

        with server.running(Wish()) as running:
            master, before = running.master, set(running.workers())

            def act(running: Running, count: int = count, pause: float = pause, before: set[int] = before) -> None:
                for _ in range(count):
                    os.kill(running.master, signal.SIGUSR2)
                    time.sleep(pause)
                _settle(running, before)

            _, report = _under_load(running, Way("", Wish(), keep=True), act)
            survived = running.alive and running.master == master
            renewed = not before & set(running.workers()) and all(map(is_running, running.workers()))
        text = loss(report) + f", max {ms(report.latency(100))}" + ("" if survived else "; the master has died")
        text += "" if renewed else "; not all workers are new"
        yield Figure(
            f"{count} upgrades, one each {pause:g} s",
            "0 lost, the same process id, all workers new",
            text,
            not report.failed and survived and renewed,
            {**numbers(report), "survived": survived, "renewed": renewed},
        )


SCENARIOS = (
    Scenario("L1", "Reload under load", storms, (OURS, PHP, PATIENT_PHP, UWSGI)),
    Scenario("L2", "Stop under load", stopping, (OURS, PHP, PATIENT_PHP, UWSGI)),
    Scenario("L29", "max_requests under load", renewal),
    Scenario("L32", "Upgrade of the running program", upgrade, (OURS,)),
)

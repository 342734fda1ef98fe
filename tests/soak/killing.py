"""L3, L4, L16, L17, L22 and L23: processes that are killed, stopped and hit by signals."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import statistics
import time
from collections.abc import Iterator

from tests.soak.figures import loss, ms, numbers
from tests.soak.model import OURS, UWSGI, Figure, Plan, Scenario, Wish
from tests.soak.servers import ANSWER, Server, waited
from tests.support.load import Load
from tests.support.managing import begun, descriptors, zombies
from tests.support.processes import is_running


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def workers_killed(server: Server, plan: Plan) -> Iterator[Figure]:
    """L3: kill -9 of a random worker, again and again."""
    kills = plan.count(200, 40) if server.name == OURS else plan.count(60, 20)
    chance = random.Random(4)
    with server.running(Wish()) as running:
        fds = len(descriptors(running.master))
        load = Load(running.target(), 100.0, "/sleep/0.02", patience=ANSWER)
        load.start()
        back = []
        for _ in range(kills):
            workers = running.workers()
            victim = chance.choice(workers)
            kill(victim)
            back.append(
                waited(lambda victim=victim: len(running.workers()) == 4 and victim not in running.workers()) or ANSWER
            )
            time.sleep(chance.uniform(0.1, 0.4))
        report = load.stop()
        left = waited(lambda: not zombies(running.master), 2)
        grown = len(descriptors(running.master)) - fds
        survived = running.alive
    text = (
        f"{kills} killed, {loss(report)}; a worker is back after {ms(statistics.median(back))}, at most {ms(max(back))}"
    )
    text += f"; the master has {grown:+d} descriptors, {'no zombie' if left is not None else 'zombies'}"
    yield Figure(
        "kill -9 of a worker, again and again; 100 requests of 20 ms a second",
        "lost ≤ killed, back ≤ 0.5 s, no zombie, no descriptor more",
        text if survived else text + "; the master has died",
        survived and report.failed <= kills and max(back) <= 0.5 and left is not None and grown <= 0,
        {**numbers(report), "kills": kills, "back_median": statistics.median(back), "back_max": max(back)},
    )


def master_killed(server: Server, plan: Plan) -> Iterator[Figure]:
    """L4: kill -9 of the master; do the workers go, and can it be started again?"""
    ended, bound = [], []
    for _ in range(plan.count(5, 2)):
        with server.running(Wish()) as running:
            load = Load(running.target(), 50.0, "/sleep/0.02", patience=2.0)
            load.start()
            time.sleep(0.5)
            kill(running.master)
            running.process.wait()
            ended.append(waited(lambda running=running: not running.processes(), 5.0))
            load.stop()
            running.restart()
            took = waited(lambda running=running: not running.alive or len(running.workers()) == 4, ANSWER)
            bound.append(took if took is not None and running.alive and running.answers() else float("inf"))
    gone = [seconds for seconds in ended if seconds is not None]
    text = f"workers gone after {ms(max(gone))}" if len(gone) == len(ended) else "workers still there after 5 s"
    text += f"; started again in {ms(max(bound))}" if max(bound) < float("inf") else "; cannot be started again"
    met = len(gone) == len(ended) and max(gone) <= 2 and max(bound) < 5
    what = "kill -9 of the master under load, then another start"
    yield Figure(what, "workers gone ≤ 2 s, starts at once", text, met, {"gone": ended, "started": bound})


def worker_stopped(server: Server, plan: Plan) -> Iterator[Figure]:
    """L16: SIGSTOP of one of four workers, for a while and for longer than a request may take."""
    with server.running(Wish()) as running:
        load = Load(running.target(), 100.0, "/sleep/0.02", patience=ANSWER)
        load.start()
        time.sleep(0.5)
        worker = running.workers()[0]
        kill(worker, signal.SIGSTOP)
        time.sleep(3)
        kill(worker, signal.SIGCONT)
        time.sleep(0.5)
        report = load.stop()
    late = [outcome.seconds for outcome in report.outcomes if outcome.seconds > 0.5]
    yield Figure(
        "SIGSTOP of one of 4 workers for 3 s",
        "0 lost, at most the request in its hands late",
        f"{loss(report)}, {len(late)} late, max {ms(report.latency(100))}",
        not report.failed and len(late) <= 1,
        {**numbers(report), "late": len(late)},
    )
    with server.running(Wish(request_timeout=2.0)) as running:
        long_one = Load(running.target(), 1.0, "/begin/long/1.5", patience=ANSWER)
        long_one.start()
        worker = begun(running.directory / "long")  # within its request: else nothing takes long
        long_one.end()
        kill(worker, signal.SIGSTOP)
        load = Load(running.target(), 100.0, "/sleep/0.02", patience=ANSWER)
        load.start()
        gone = waited(lambda: worker not in running.workers(), 8)
        back = waited(lambda: len(running.workers()) == 4, 5)
        kill(worker, signal.SIGCONT)
        long_one.stop()
        report = load.stop()
    text = loss(report) + (f", killed after {ms(gone)}" if gone else ", not killed in 8 s")
    yield Figure(
        "SIGSTOP of a worker for ever, requests may take 2 s",
        "no other lost, killed and replaced within 4 s",
        text + ("" if back is not None else ", not replaced"),
        not report.failed and gone is not None and gone <= 4 and back is not None,
        {**numbers(report), "killed": gone},
    )


def everything_stopped(server: Server, plan: Plan) -> Iterator[Figure]:
    """L17: SIGSTOP of all processes for longer than any timeout, as in a suspended machine."""
    flags = ("--heartbeat-timeout=2",) if server.name == OURS else ()
    with server.running(Wish(request_timeout=3.0, flags=flags)) as running:
        load = Load(running.target(), 50.0, "/sleep/0.05", patience=20.0)
        load.start()
        time.sleep(0.5)
        before = running.workers()
        everyone = running.processes()
        for pid in everyone:
            kill(pid, signal.SIGSTOP)
        time.sleep(5)
        for pid in reversed(everyone):
            kill(pid, signal.SIGCONT)
        time.sleep(2)
        report = load.stop()
        killed = len(set(before) - set(running.workers()))
    yield Figure(
        "SIGSTOP of all processes for 5 s, limits of 2 and 3 s",
        "0 lost, no worker killed",
        f"{loss(report)}, {killed} workers killed",
        not report.failed and not killed,
        {**numbers(report), "killed": killed},
    )


def live_threads(server: Server, plan: Plan) -> Iterator[Figure]:
    """L22: workers are forked while threads run and take locks; does each of them answer?"""
    count = plan.count(200, 40) if server.name == OURS else plan.count(20, 5)
    with server.running(Wish(workers=2, preload=True, at_boot="threads 4")) as running:
        hung, slow = 0, 0.0
        for _ in range(count):
            victim = running.workers()[0]
            kill(victim)
            waited(lambda victim=victim: len(running.workers()) == 2 and victim not in running.workers(), ANSWER)
            load = Load(running.target(), 400.0, "/loaded", patience=5.0)
            load.start()
            time.sleep(0.02)
            report = load.stop()
            hung += sum(1 for outcome in report.outcomes if outcome.failure)
            slow = max(slow, report.latency(100))
        survived = running.alive
    yield Figure(
        "workers killed, and forked again from a process with 4 busy threads",
        "none hangs",
        f"{count} times, {hung} requests failed, max {ms(slow)}" + ("" if survived else "; the master has died"),
        survived and not hung and slow < 5,
        {"respawns": count, "hung": hung, "max": slow},
    )


def signals(server: Server, plan: Plan) -> Iterator[Figure]:
    """L23: signals that nobody needs, each millisecond."""
    seconds = plan.count(30, 5)
    numbers_of = [signal.SIGWINCH, signal.SIGUSR1] if server.name == OURS else [signal.SIGWINCH]
    names = ", ".join(signal.Signals(number).name for number in numbers_of)
    with server.running(Wish()) as running:
        before = set(running.workers())
        load = Load(running.target(keep=server.keeps), 200.0, "/sleep/0.01", patience=ANSWER)
        load.start()
        end = time.monotonic() + seconds
        sent = 0
        while time.monotonic() < end:
            for pid in (running.master, *before):
                kill(pid, numbers_of[sent % len(numbers_of)])
            sent += 1
            time.sleep(0.001)
        report = load.stop()
        same = before == set(running.workers()) and all(map(is_running, before))
    yield Figure(
        "a signal each millisecond to the master and each worker",
        "0 lost, the same workers",
        f"{loss(report)} ({names}, {sent} times), max {ms(report.latency(100))}"
        + ("" if same else "; not the same workers"),
        not report.failed and same,
        {**numbers(report), "signals": sent},
    )


SCENARIOS = (
    Scenario("L3", "Workers killed", workers_killed),
    Scenario("L4", "Master killed", master_killed),
    Scenario("L16", "A worker stands still", worker_stopped),
    Scenario("L17", "Everything stands still", everything_stopped),
    Scenario("L22", "Fork beside live threads", live_threads, (OURS, UWSGI)),
    Scenario("L23", "Interrupted system calls", signals),
)

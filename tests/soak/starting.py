"""L35: what a start and a stop cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from tests.soak.figures import ms
from tests.soak.model import OURS, Figure, Plan, Scenario, Wish
from tests.soak.servers import ANSWER, Server, waited
from tests.support.load import ask


def start_and_stop(server: Server, plan: Plan) -> Iterator[Figure]:
    """L35: from the start of the program to an answer, and from the signal to the end."""
    wishes = [("4 workers", Wish())]
    if server.name == OURS:
        wishes += [("4 workers, preload", Wish(preload=True)), ("no master, --workers 0", Wish(workers=0))]
    for name, wish in wishes:
        ready, stopped = [], []
        for _ in range(plan.count(9, 5)):
            begun = time.monotonic()
            with server.running(wish, ready=False) as running:
                target = running.target()
                running.wait(lambda target=target: not ask(target, "/pid", 1).failure, "to answer")
                ready.append(time.monotonic() - begun)
                if wish.workers:
                    running.wait_ready()
                running.stop()
                took = waited(lambda running=running: not running.alive, ANSWER)
                stopped.append(ANSWER if took is None else took)
        first, last = statistics.median(ready), statistics.median(stopped)
        hung = stopped.count(ANSWER)
        yield Figure(
            f"{name}: from start to answer, from signal to end",
            "≤ 0.3 s, ≤ 0.1 s",
            f"{ms(first)}, {ms(last)}" + (f"; {hung} of {len(stopped)} times not ended in 10 s" if hung else ""),
            first <= 0.3 and last <= 0.1,
            {"ready": ready, "stopped": stopped},
        )


SCENARIOS = (Scenario("L35", "Start and stop", start_and_stop),)

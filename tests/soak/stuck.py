"""L18, L19 and L20: workers that do not come back, applications that cannot start, and more requests than threads."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.soak.figures import loss, ms, numbers
from tests.soak.model import OURS, PHP, UWSGI, Figure, Plan, Scenario, Wish
from tests.soak.servers import ANSWER, Server, waited
from tests.support.load import Load, Outcome, ask
from tests.support.managing import children

_LIMIT = 2.0

#: What a stuck request does, by its path; PHP has the first two.
_STUCK = {
    "/spin/30": "computes",
    "/sleep/30": "sleeps",
    "/hold/30": "is in C, and lets no other thread run",
    "/lock": "waits for a lock",
    "/deaf/30": "ignores SIGTERM",
}


def stuck(server: Server, plan: Plan) -> Iterator[Figure]:
    """L18: a request that does not end, with a limit of 2 s, beside others that do."""
    paths = list(_STUCK)[:2] if server.name == PHP else list(_STUCK)
    for path in paths:
        with server.running(Wish(request_timeout=_LIMIT)) as running:
            load = Load(running.target(), 50.0, "/sleep/0.02", patience=ANSWER)
            load.start()
            time.sleep(0.3)
            before = set(running.workers())
            stuck_one = Load(running.target(), 1.0, path, patience=ANSWER)
            begun = time.monotonic()
            stuck_one.start()
            time.sleep(0.1)
            stuck_one.end()
            gone = waited(lambda before=before: before - set(running.workers()), ANSWER)
            killed = time.monotonic() - begun
            back = waited(lambda: len(running.workers()) == 4, 5)
            stuck_one.stop()
            report = load.stop()
            shown = server.name != OURS or "managed_app.py" in running.log
        text = f"killed after {killed:.2f} s" if gone is not None else "not killed in 10 s"
        text += f", {report.failed} others lost" + ("" if back is not None else ", not replaced")
        text += "" if server.name != OURS else ", stacks in the log" if shown else ", no stacks in the log"
        met = gone is not None and abs(killed - _LIMIT) <= 0.5 and back is not None and not report.failed and shown
        yield Figure(
            f"a request that {_STUCK[path]}; it may take 2 s",
            "killed after 2 ± 0.5 s, no other lost, replaced, stacks in the log",
            text,
            met,
            {"killed": killed if gone is not None else None, **numbers(report)},
        )


def storm(server: Server, plan: Plan) -> Iterator[Figure]:
    """L19: an application that cannot be imported or dies at once, at the start and at a reload."""
    seconds = plan.count(10, 5)
    for boot, what in (("fail", "cannot be imported"), ("crash", "is killed 0.1 s after its import")):
        with server.running(Wish(at_boot=boot), ready=False) as running:
            seen: set[int] = set()
            ended = None
            begun = time.monotonic()
            while time.monotonic() < begun + seconds:
                seen |= set(children(running.master))
                if not running.alive:
                    ended = time.monotonic() - begun
                    break
                time.sleep(0.002)
            lasted = ended or seconds
            code = running.process.returncode
        text = f"{len(seen)} workers in {lasted:.1f} s"
        text += f", ended with status {code}" if ended is not None else ", goes on"
        met = len(seen) <= 4 + 5 * lasted and (boot == "crash" or ended is None or code == 3)
        yield Figure(
            f"an application that {what}",
            "≤ 5 more workers a second; status 3 where it ends",
            text,
            met,
            {"workers": len(seen), "seconds": lasted, "status": code},
        )
    with server.running(Wish()) as running:
        load = Load(running.target(), 100.0, "/sleep/0.01", patience=ANSWER)
        load.start()
        running.at_boot("fail")
        time.sleep(0.5)
        running.reload()
        time.sleep(3)
        running.at_boot("")
        running.reload()
        time.sleep(2)
        report = load.stop()
        survived = running.alive
    yield Figure(
        "a reload of an application that cannot be imported, and one that can",
        "0 lost",
        loss(report) + ("" if survived else "; the master has died"),
        survived and not report.failed,
        numbers(report),
    )


def exhaustion(server: Server, plan: Plan) -> Iterator[Figure]:
    """L20: many more requests than there are threads."""
    count = plan.count(1000, 400)
    wish = Wish(workers=1, threads=8) if server.name != PHP else Wish(workers=8)
    with server.running(wish) as running:
        load = Load(running.target(), 5000.0, "/sleep/0.05", patience=2 * ANSWER)
        load.start()
        while load.begun < count:
            time.sleep(0.001)
        report = load.stop()
        ended = time.monotonic()
        after: Outcome = ask(running.target(), "/pid", ANSWER)
        recovered = time.monotonic() - ended
    ordered = [outcome.begun + outcome.seconds for outcome in sorted(report.outcomes, key=lambda one: one.begun)]
    late = sum(1 for one, next_one in zip(ordered, ordered[1:]) if next_one < one - 0.2)
    yield Figure(
        f"{count} requests of 50 ms at once, for 8 threads",
        "0 lost, in their order, answers at once afterwards",
        f"{loss(report)}, {late} out of order, max {ms(report.latency(100))}; then {ms(recovered)}",
        not report.failed and not late and not after.failure and recovered < 1,
        {**numbers(report), "late": late, "recovered": recovered},
    )


SCENARIOS = (
    Scenario("L18", "Requests that do not end", stuck),
    Scenario("L19", "Applications that do not start", storm, (OURS, UWSGI)),
    Scenario("L20", "More requests than threads", exhaustion),
)

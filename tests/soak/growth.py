"""L6 and L7: what is left behind by many requests, many reloads and many broken connections."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.soak.figures import mib
from tests.soak.model import OURS, PHP, UWSGI, Figure, Plan, Scenario, SoakError, Wish
from tests.soak.servers import ANSWER, Running, Server, waited
from tests.support import wire
from tests.support.load import ask
from tests.support.managing import descriptors, resident
from tests.support.program import Program, running

_APPLICATION = Path(__file__).with_name("apps") / "growth_app.py"

#: How many of a hundred requests go which way. "/new" is a connection of its own, "/post" has a body.
WAYS = {
    "/list": 55,
    "/new": 10,
    "/write": 5,
    "/iterate": 5,
    "/log": 5,
    "/keep": 5,
    "/cycle": 5,
    "/raise": 5,
    "/post": 5,
}


def memory(server: Server, plan: Plan) -> Iterator[Figure]:
    """L6: many requests to one worker. Ours takes every way through the C part and out of it."""
    count = plan.requests or plan.count(1_000_000, 100_000)
    if server.name != OURS:
        count = min(count, plan.count(200_000, 50_000))
    sizes: list[int] = []
    if server.name == OURS:
        with contextlib.ExitStack() as stack:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="gw-"))
            program = stack.enter_context(running(Path(directory), "--threads", "8", application=_APPLICATION))
            for tenth in range(10):
                _ask_all_ways(program, count // 10, tenth * count // 10)
                sizes.append(resident(program.process.pid))
    else:
        with server.running(Wish(workers=1)) as peer:
            for _ in range(10):
                _ask_simply(peer, count // 10)
                sizes.append(sum(resident(pid) for pid in peer.workers()))
    growth = max(sizes[2:]) - sizes[1]
    per_thousand = growth / (count * 0.8) * 1000
    yield Figure(
        "requests to one process; growth since the first fifth",
        "≤ 1 MiB, and ≤ 1 KiB for each 1000 of a million",
        f"{count} requests: {mib(sizes[1])} → {mib(max(sizes[2:]))}, {per_thousand / 1024:.3f} KiB for each 1000",
        growth <= 1 << 20 and (per_thousand <= 1024 or count < 1_000_000),
        {"requests": count, "sizes": sizes, "bytes_per_1000": per_thousand},
    )


def _ask_all_ways(program: Program, count: int, first: int) -> None:
    """Make ``count`` requests, and check the answers."""
    ways = [path for path, share in WAYS.items() for _ in range(share)]
    with program.connect() as sock:
        reader = wire.RecordReader(sock)
        for number in range(first, first + count):
            path = ways[number * 37 % len(ways)]  # 37: every way comes, in another order than the list's
            if path == "/new":
                with program.connect() as other:
                    other.sendall(_request(path, number))
                    answer = wire.answer(wire.parse_records(wire.receive_all(other)))
            else:
                sock.sendall(_request(path, number))
                answer = reader.answer()
            expected = "500 Internal Server Error" if path == "/raise" else "200 OK"
            if answer.status != expected:
                raise SoakError(f"request {number}, {path}: {answer}")


def _request(path: str, number: int) -> bytes:
    """Write a request; the header that changes makes new values, and every tenth time a new name."""
    given = {b"PATH_INFO": path.encode(), b"REQUEST_URI": path.encode()}
    variables = [(name, given.get(name, value)) for name, value in wire.GET]
    name = b"HTTP_X_%d" % (number // 10 % 3000) if number % 10 == 0 else b"HTTP_X_NUMBER"
    variables.append((name, b"%d" % number))
    body = b""
    if path == "/post":
        body = b"x" * 100
        variables.append((b"CONTENT_LENGTH", b"100"))
    return wire.request(variables, body, keep=path != "/new")


def _ask_simply(server: Running, count: int) -> None:
    target = server.target()
    for _ in range(count):
        outcome = ask(target, "/pid", ANSWER)
        if outcome.failure:
            raise SoakError(f"{server.server.name}: {outcome.failure}")


def descriptors_kept(server: Server, plan: Plan) -> Iterator[Figure]:
    """L7: descriptors of the master and of a worker, after requests, reloads and broken connections."""
    rounds = plan.count(10, 4)
    with server.running(Wish(workers=2)) as running_one:
        target = running_one.target()
        _ask_simply(running_one, 100)
        master, worker = _descriptors(running_one)
        for _ in range(rounds):
            _ask_simply(running_one, 1000)
            for _ in range(100):
                with target.connect() as sock:
                    sock.sendall(target.request("/pid")[:-20])
            before = set(running_one.workers())
            running_one.reload()
            waited(lambda before=before: len(set(running_one.workers()) - before) == 2, ANSWER)
            waited(lambda: len(running_one.workers()) == 2, ANSWER)
        _ask_simply(running_one, 100)
        now = _descriptors(running_one)
        grown, grown_worker = now[0] - master, now[1] - worker
        survived = running_one.alive
    yield Figure(
        f"{rounds} times 1000 requests, 100 broken ones and a reload",
        "not one descriptor more, in the master and in a worker",
        f"master {master}{grown:+d}, worker {worker}{grown_worker:+d}" + ("" if survived else "; the master has died"),
        survived and grown <= 0 and grown_worker <= 0,
        {"master": master, "master_grown": grown, "worker": worker, "worker_grown": grown_worker},
    )


def _descriptors(server: Running) -> tuple[int, int]:
    """How many the master has, and the worker with the most; the least of a few looks, as connections come and go."""
    looks = []
    for _ in range(10):
        looks.append((len(descriptors(server.master)), max(len(descriptors(pid)) for pid in server.workers())))
        time.sleep(0.05)
    return min(look[0] for look in looks), min(look[1] for look in looks)


SCENARIOS = (
    Scenario("L6", "Memory", memory, (OURS, PHP, UWSGI)),
    Scenario("L7", "Descriptors", descriptors_kept),
)

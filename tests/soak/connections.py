"""L5, L8 and L11: connections that are broken off, that do nothing, and that are too many."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from tests.soak.figures import loss, ms, numbers
from tests.soak.model import OURS, PHP, Figure, Plan, Scenario, Wish
from tests.soak.servers import ANSWER, Running, Server, waited
from tests.support import wire
from tests.support.load import Load, Target, ask
from tests.support.managing import resident

_CLICK = os.sysconf("SC_CLK_TCK")


def aborts(server: Server, plan: Plan) -> Iterator[Figure]:
    """L5: clients that go away at any byte of their request or of the answer."""
    count = plan.count(10000, 2000) if server.name == OURS else plan.count(3000, 1000)
    chance = random.Random(5)
    with server.running(Wish(workers=2, threads=4, protocol="fastcgi", tcp=True)) as running:
        for number in range(max(count, 5000)):  # what is grown once is not counted
            _break_off(running.target(), chance, number)
        before = _settled(running)
        lines = running.log.count("\n")
        for number in range(count):
            _break_off(running.target(), chance, number)
        again = waited(lambda: ask(running.target(), "/pid", 1).failure == "", 5)
        time.sleep(1)
        grown = (_settled(running) - before) / before
        lines = running.log.count("\n") - lines
        idle = _processor(running, 1.0)
        open_ones = [_counted(running) for _ in range(20)] if server.name != PHP else []
        survived = running.alive and len(running.workers()) == 2
    left = max((one - other for one, other in open_ones), default=0)
    text = f"{count} times; " + (f"serves {ms(again)} later" if again is not None else "does not serve any more")
    text += f", {grown * 100:+.1f} % memory, {lines / count:.2f} lines of log each, {idle * 100:.0f} % processor after"
    text += f", {left} iterables not closed" if open_ones else ""
    yield Figure(
        "connections reset at any byte of request or answer",
        "serves ≤ 2 s later, memory ≤ +5 %, ≤ 1 line each, every iterable closed",
        text + ("" if survived else ", workers lost"),
        again is not None and again <= 2 and grown <= 0.05 and lines <= count and idle < 0.1 and not left and survived,
        {"again": again, "grown": grown, "lines": lines, "not_closed": left, "processor": idle},
    )


def _break_off(target: Target, chance: random.Random, number: int) -> None:
    """Send a part of a request, or read a part of the answer, and reset the connection."""
    path, body = (("/upload", b"x" * 300_000), ("/counted/4000", b""), ("/pid", b""))[number % 3]
    given = {b"PATH_INFO": path.encode(), b"REQUEST_URI": path.encode()}
    variables = [(name, given.get(name, value)) for name, value in wire.post(len(body), *target.more)]
    data = wire.request(variables, body)
    with contextlib.suppress(OSError), socket.socket(target.family) as sock:
        sock.settimeout(ANSWER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.connect(target.address)
        if number % 2:
            sock.sendall(data[: chance.randrange(len(data))])
        else:
            sock.sendall(data)
            left = chance.randrange(100_000)
            while left > 0 and (piece := sock.recv(min(left, 65536))):
                left -= len(piece)


def _counted(running: Running) -> tuple[int, int]:
    opened, closed = (ask(running.target(), "/counts").body or b"0 0").split()
    return int(opened), int(closed)


def _settled(running: Running) -> float:
    """The memory of all workers, the mean of a few looks."""
    sizes = []
    for _ in range(5):
        sizes.append(sum(resident(pid) for pid in running.workers()))
        time.sleep(0.1)
    return sum(sizes) / len(sizes)


def _processor(running: Running, seconds: float) -> float:
    """How much of a processor all processes use for so long: 1.0 is one of them, whole."""
    before = _ticks(running)
    time.sleep(seconds)
    return (_ticks(running) - before) / _CLICK / seconds


def _ticks(running: Running) -> int:
    total = 0
    for pid in running.processes():
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total


def idle(server: Server, plan: Plan) -> Iterator[Figure]:
    """L8: kept connections over which nothing comes, and requests beside them."""
    wanted = plan.count(10000, 2000) if server.name == OURS else 100
    flags = ("--keepalive-timeout=600",) if server.name == OURS else ()
    wish = Wish(workers=8) if server.name == PHP else Wish(workers=2, threads=4, flags=flags)
    with server.running(wish) as running, contextlib.ExitStack() as stack:
        quiet = running.load(100.0, 2, "/pid")
        before = sum(resident(pid) for pid in running.workers())
        socks: list[socket.socket] = []
        for _ in range(wanted):
            sock = _used_once(running.target(keep=True))
            if sock is None:
                break
            socks.append(stack.enter_context(sock))
        grown = sum(resident(pid) for pid in running.workers()) - before
        load = Load(running.target(), 100.0, "/pid", patience=3.0)
        load.start()
        time.sleep(plan.count(10, 3))
        report = load.stop()
        kept = sum(1 for sock in socks if _still_open(sock))
    each = grown / max(1, len(socks))
    text = f"{kept} of {len(socks)} stay open" + ("" if len(socks) == wanted else ", the next one is not answered")
    text += f", {each / 1024:.1f} KiB each; beside them {loss(report)}, p99 {ms(quiet.latency(99))} → "
    text += ms(report.latency(99))
    yield Figure(
        "connections kept after one request (10 000 of ours, --quick 2000; 100 of the others), 100 requests a second",
        "all stay, ≤ 10 KiB each; 0 lost, p99 < 20 ms",
        text,
        len(socks) == wanted == kept and each <= 10240 and not report.failed and report.latency(99) < 0.02,
        {**numbers(report), "opened": len(socks), "kept": kept, "bytes_each": each},
    )
    if server.name == OURS:
        yield _closed_in_time(server)


def _used_once(target: Target) -> socket.socket | None:
    """Return a connection after a request over it; None where no answer comes."""
    sock = socket.socket(target.family)
    try:
        sock.settimeout(2)
        sock.connect(target.address)
        sock.sendall(target.request("/pid"))
        wire.RecordReader(sock).answer()
    except (OSError, EOFError):
        sock.close()
        return None
    return sock


def _still_open(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return sock.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def _closed_in_time(server: Server) -> Figure:
    with server.running(Wish(workers=2, flags=("--keepalive-timeout=2",))) as running, contextlib.ExitStack() as stack:
        socks = [sock for _ in range(200) if (sock := _used_once(running.target(keep=True)))]
        for sock in socks:
            stack.enter_context(sock)
        took = waited(lambda: not any(_still_open(sock) for sock in socks), ANSWER)
    text = f"all of {len(socks)} closed after {took:.1f} s" if took is not None else "not closed in 10 s"
    return Figure("the same with keepalive_timeout 2 s", "closed after 2 to 4 s", text, took is not None and took <= 4)


def starved(server: Server, plan: Plan) -> Iterator[Figure]:
    """L11: more connections than descriptors."""
    seconds = plan.count(5, 3)
    with server.running(Wish(workers=1, threads=4, descriptors=64)) as running, contextlib.ExitStack() as stack:
        lines = running.log.count("\n")
        opened = 0
        for _ in range(500):
            sock = stack.enter_context(socket.socket(running.target().family))
            sock.setblocking(False)
            opened += sock.connect_ex(running.address) == 0
        time.sleep(0.5)
        share = _processor(running, float(seconds))
        lines = running.log.count("\n") - lines
        stack.close()
        back = waited(lambda: ask(running.target(), "/pid", 1).failure == "", ANSWER)
        survived = running.alive and len(running.workers()) == 1
    text = f"{share * 100:.1f} % of a processor, {lines} lines of log in {seconds} s"
    text += f"; serves {ms(back)} after they have gone" if back is not None else "; does not serve again in 10 s"
    yield Figure(
        f"{opened} connections that send nothing, 64 descriptors",
        "< 5 % processor, ≤ 1 line a second, serves ≤ 1 s after, no process lost",
        text + ("" if survived else ", a process was lost"),
        share < 0.05 and lines <= seconds + 2 and back is not None and back <= 1 and survived,
        {"processor": share, "lines": lines, "back": back},
    )


SCENARIOS = (
    Scenario("L5", "Broken connections", aborts),
    Scenario(
        "L8",
        "Idle connections",
        idle,
        note="A child of php-fpm serves one connection at a time, and a kept one until it is closed. uWSGI closes each "
        "connection after its request.",
    ),
    Scenario("L11", "No descriptors left", starved),
)

"""The load generator wrk: short requests through nginx."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.backends import APPS
from tests.bench.model import Sample
from tests.bench.running import Target

#: A request that takes longer than this is a failure of the backend.
_TIMEOUT = 10

#: No round lasts this long, the slowest requests included.
_LONGEST = 150

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}

#: 30 headers of a browser and of proxies on the way, a cookie of 4 KiB among them.
HEADERS = (
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.8,de;q=0.5,fr;q=0.3",
    "Cache-Control: max-age=0",
    "DNT: 1",
    'If-None-Match: "33a64df551425fcc55e4d42a148795d9f25f89d4"',
    "If-Modified-Since: Wed, 21 Oct 2026 07:28:00 GMT",
    "Origin: https://shop.example.org",
    "Priority: u=0, i",
    "Referer: https://shop.example.org/catalogue/books?page=3&sort=price",
    'Sec-CH-UA: "Chromium";v="140", "Not=A?Brand";v="24"',
    "Sec-CH-UA-Mobile: ?0",
    'Sec-CH-UA-Platform: "Linux"',
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-User: ?1",
    "Sec-GPC: 1",
    "Upgrade-Insecure-Requests: 1",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Via: 1.1 cache.example.net",
    "X-Forwarded-For: 203.0.113.7, 198.51.100.20",
    "X-Forwarded-Host: shop.example.org",
    "X-Forwarded-Port: 443",
    "X-Forwarded-Proto: https",
    "X-Real-IP: 203.0.113.7",
    "X-Request-ID: 7f3c2a9e-5f0b-4c57-9b8e-2f5f6c1d7a10",
    "X-Requested-With: XMLHttpRequest",
    "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "Cookie: session=" + "0123456789abcdef" * 255,
)


@dataclass(frozen=True)
class Wrk:
    """``wrk`` with so many connections on one page of the backend, in one thread."""

    connections: int
    headers: Sequence[str] = ()

    def __call__(self, target: Target, seconds: int) -> Sample:
        target.check()
        before = target.processor_times()
        figures = run(target, seconds, self.connections, headers=self.headers)
        spent = target.spent(before)
        return {"cost": spent / figures.pop("count") * 1e6, **figures}


@dataclass(frozen=True)
class SlowAndQuick:
    """Half of the requests sleep 50 ms in a server of ``threads`` threads.

    ``share``: twice as many connections as threads ask for a slow and a quick page in turn; the slow answers per second
    as a share of those that threads which do nothing but sleep could give. ``extra``: while half of the threads are
    busy with slow requests, what the p99 of quick ones on other connections is above that of quick ones alone.
    """

    threads: int

    def __call__(self, target: Target, seconds: int) -> Sample:
        target.check("slow")
        half = self.threads // 2
        alone = run(target, seconds, half)["p99"]
        with _running(_command(target, seconds + 1, half, path="slow")) as slow:
            beside = run(target, seconds, half)["p99"]
            _finish(target, slow)
        before = target.processor_times()
        mixed = run(target, seconds, 2 * self.threads, script=APPS / "alternate.lua")
        cost = target.spent(before) / mixed["count"] * 1e6
        ideal = self.threads / 0.05
        return {"share": mixed["rate"] / 2 / ideal, "extra": beside - alone, "rate": mixed["rate"], "cost": cost}


def run(
    target: Target, seconds: int, connections: int, *, headers: Sequence[str] = (), script: Path | None = None
) -> dict[str, float]:
    """Run wrk to its end; return what ``parse`` reads."""
    command = _command(target, seconds, connections, headers=headers, script=script)
    with _running(command) as process:
        return _finish(target, process)


def _finish(target: Target, process: subprocess.Popen[str]) -> dict[str, float]:
    """Wait for wrk's report and read it."""
    try:
        return parse(process.communicate(timeout=_LONGEST)[0])
    except subprocess.TimeoutExpired:
        raise target.failure(f"keeps wrk waiting for more than {_LONGEST} s") from None
    except ValueError as error:
        raise target.failure(f"does not answer well: {error}") from None


def parse(text: str) -> dict[str, float]:
    """Read wrk's report: ``count`` of requests, ``rate``, ``p50`` and ``p99`` in ms. ``ValueError`` for a failure."""
    for sign in ("Non-2xx", "Socket errors"):
        if sign in text:
            raise ValueError(next(line.strip() for line in text.splitlines() if sign in line))
    count = re.search(r"(\d+) requests in", text)
    rate = re.search(r"Requests/sec:\s+(\S+)", text)
    latencies = {percent: re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)$", text, re.M) for percent in (50, 99)}
    if not (count and rate and int(count[1])):
        raise ValueError(text.strip() or "wrk says nothing")
    figures = {"count": float(count[1]), "rate": float(rate[1])}
    for percent, found in latencies.items():
        if found is None:
            raise ValueError(f"no latency of {percent} % in what wrk says")
        figures[f"p{percent}"] = float(found[1]) * _UNITS[found[2]]
    return figures


def _command(
    target: Target,
    seconds: int,
    connections: int,
    *,
    path: str = "",
    headers: Sequence[str] = (),
    script: Path | None = None,
) -> list[str]:
    options = [option for header in headers for option in ("-H", header)]
    options += ["-s", str(script)] if script else []
    flags = [f"-c{connections}", f"-d{seconds}s", f"--timeout={_TIMEOUT}s", "--latency"]
    return ["wrk", "-t1", *flags, *options, f"http://127.0.0.1:{target.port}{target.url_path}{path}"]


@contextlib.contextmanager
def _running(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Run wrk, and end it whatever happens."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()

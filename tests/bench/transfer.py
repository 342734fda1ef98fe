"""Large responses and uploads through nginx, one at a time: throughput, and how much memory the backend grows by."""

from __future__ import annotations

import http.client
import itertools
import time
from dataclasses import dataclass

from tests.bench.model import Sample
from tests.bench.running import Target

MIB = 1 << 20
_BLOCK = bytes(MIB)


@dataclass(frozen=True)
class Transfer:
    """One page again and again for the time of a round, at least once: ``size`` bytes come or, with ``upload``, go."""

    path: str
    size: int
    upload: bool = False

    def __call__(self, target: Target, seconds: int) -> Sample:
        target.check()
        if not target.baseline:
            target.baseline = target.memory("VmRSS")
        before = target.processor_times()
        begun = time.perf_counter()
        count = 0
        with target.connection() as connection:
            while not count or time.perf_counter() - begun < seconds:
                self._once(target, connection)
                count += 1
        passed = time.perf_counter() - begun
        return {
            "throughput": count * self.size / MIB / passed,
            "growth": (target.memory("VmHWM") - target.baseline) / 1024,
            "cost": target.spent(before) / count * 1e6,
        }

    def _once(self, target: Target, connection: http.client.HTTPConnection) -> None:
        try:
            if self.upload:
                body = itertools.repeat(_BLOCK, self.size // MIB)
                connection.request("POST", target.url_path + self.path, body, {"Content-Length": str(self.size)})
            else:
                connection.request("GET", target.url_path + self.path)
            response = connection.getresponse()
            received, end = _drain(response)
        except (OSError, http.client.HTTPException) as error:
            raise target.failure(f"breaks off {self.path} ({error!r})") from None
        expected = len(b"%d\n" % self.size) if self.upload else self.size
        if (response.status, received) != (200, expected):
            raise target.failure(f"answers {response.status} and {received} bytes to {self.path}")
        if self.upload and end != b"%d\n" % self.size:
            raise target.failure(f"says {end!r} of an upload of {self.size} bytes")


def _drain(response: http.client.HTTPResponse) -> tuple[int, bytes]:
    """Read a body to its end; return its size and the last piece."""
    buffer = bytearray(MIB)
    view = memoryview(buffer)
    total = last = 0
    while size := response.readinto(view):
        total, last = total + size, size
    return total, bytes(view[: min(last, 64)])

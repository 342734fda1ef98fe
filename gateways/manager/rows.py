"""Reads what a process says of itself from its slot, as a stranger would: every worker can write to that memory."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from gateways.adapters import inhand
from gateways.manager.moves import Sight

if TYPE_CHECKING:
    from gateways.server.slot import Phase, Slot

#: How often to read a record again that is being written. Its writer has a processor, or none: then it is left out.
_ATTEMPTS = 5
#: Bytes that could end a field or a line, or steer a terminal.
_UNSAFE = re.compile(r"[^!#-\[\]-~]")


class Request(NamedTuple):
    """A request in hand, or the last one. Times are monotonic; texts are printable ASCII, the rest is ``\\xhh``."""

    number: int
    since: float
    #: 0.0 while it is in hand.
    ended: float
    method: str
    uri: str
    address: str
    user: str
    script: str
    #: CONTENT_LENGTH; 0 when there is none.
    length: int

    def duration(self, now: float) -> float:
        """Return how long it took, or has taken, seconds."""
        return max(0.0, (self.ended or now) - self.since)


class WorkerRow(NamedTuple):
    """What the scoreboard shows of one worker. Times are monotonic seconds, sizes are bytes."""

    slot: int
    pool: str
    worker: int
    generation: int
    pid: int
    phase: Phase
    started: float
    threads: int
    #: Requests that have begun, and bytes of the bodies of those that have ended.
    requests: int
    sent: int
    in_hand: int
    #: The request that has been in hand for the longest time, and the one that ended last.
    oldest: Request | None
    last: Request | None
    idle_since: float
    heartbeat: float
    memory: int

    def sight(self) -> Sight:
        """Return what a policy wants to know."""
        oldest = self.oldest
        return Sight(
            self.in_hand,
            self.threads,
            self.idle_since,
            oldest.since if oldest else 0.0,
            oldest.number if oldest else 0,
            self.heartbeat,
        )


def read_sight(slot: Slot) -> Sight:
    """Return what a policy wants to know, without the texts."""
    in_hand = slot.in_hand()
    since, number, _ = in_hand[0] if in_hand else (0.0, 0, 0)
    return Sight(len(in_hand), slot.threads, _time(slot.idle_since), _time(since), number, _time(slot.heartbeat))


def read_row(slot: Slot, pool: str) -> WorkerRow:
    """Return all of it."""
    in_hand = slot.in_hand()
    served = slot.served
    return WorkerRow(
        slot=slot.index,
        pool=pool,
        worker=slot.worker,
        generation=slot.generation,
        pid=slot.pid,
        phase=slot.phase,
        started=_time(slot.started),
        threads=slot.threads,
        requests=served + len(in_hand),
        sent=slot.sent,
        in_hand=len(in_hand),
        oldest=_read_request(slot, in_hand[0][2]) if in_hand else None,
        last=_read_request(slot, slot.last_record) if served else None,
        idle_since=_time(slot.idle_since),
        heartbeat=_time(slot.heartbeat),
        memory=slot.memory,
    )


def _read_request(slot: Slot, record: int) -> Request | None:
    if not 0 <= record < slot.records:
        return None
    start = inhand.HEADER_SIZE + record * inhand.RECORD_SIZE
    for _ in range(_ATTEMPTS):
        number = slot.area[start : start + inhand.WORD].cast("q")[0]
        copy = memoryview(bytes(slot.area[start : start + inhand.RECORD_SIZE]))
        if number > 0 and number == slot.area[start : start + inhand.WORD].cast("q")[0]:
            return _parse(copy)
    return None


def _parse(record: memoryview) -> Request:
    words, times = record.cast("q"), record.cast("d")
    method, address, user, script, uri = (
        _text(record, words[inhand.SIZES + index], *place) for index, place in enumerate(inhand.TEXTS)
    )
    return Request(
        number=words[inhand.NUMBER],
        since=_time(times[inhand.SINCE]),
        ended=_time(times[inhand.ENDED]),
        method=method,
        uri=uri,
        address=address,
        user=user,
        script=script,
        length=words[inhand.LENGTH],
    )


def _text(record: memoryview, size: int, begin: int, room: int) -> str:
    text = bytes(record[begin : begin + max(0, min(size, room))]).decode("latin-1")
    return _UNSAFE.sub(_escape, text) + ("..." if size > room else "")


def _escape(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]):02x}"


def _time(value: float) -> float:
    return value if isfinite(value) else 0.0

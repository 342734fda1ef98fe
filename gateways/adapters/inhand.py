"""The requests in hand of one process, written where other processes can read them: layout, and the Python writer.

An area is a header and, for each thread, a record. Both are words of 8 bytes in the machine's own order, each written
by one store, and a record has five texts behind its words. Who reads needs no lock: a record whose ``NUMBER`` is the
same before and after was not written in between (manager/rows.py). The C twin is _speedups_inhand.c.
"""

from __future__ import annotations

from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateways.adapters._pure import Link

WORD = 8

# Words of the header. The master writes the first group, the process that it is about the second.
PID, WORKER, GENERATION, POOL, STARTED = range(5)
PHASE, THREADS, HEARTBEAT, IDLE_SINCE, MEMORY, LAST = range(8, 14)
HEADER_SIZE = 256

# Words of a record. A record is in hand when it has a number and no end.
NUMBER, SINCE, ENDED, SERVED, SENT, LENGTH = range(6)
#: The first of five words with the sizes of the texts: method, address, user, script, URI. A size is that of the whole
#: text, of which only the beginning may be here.
SIZES = 6
#: Where each text begins, and how much there is room for.
METHOD, ADDRESS, USER, SCRIPT, URI = (128, 16), (144, 48), (192, 32), (224, 160), (384, 256)
TEXTS = (METHOD, ADDRESS, USER, SCRIPT, URI)
RECORD_SIZE = 640
_RECORD_WORDS = RECORD_SIZE // WORD


def area_size(records: int) -> int:
    """Return how many bytes an area with so many records takes."""
    return HEADER_SIZE + records * RECORD_SIZE


class InHand:
    """Writes to the records of ``area``, a writable buffer: each thread that serves a request takes one.

    ``begin`` and ``end`` may be called by several threads at once: a record belongs to one of them.
    """

    def __init__(self, area: Any) -> None:
        self._area = memoryview(area).cast("B")
        self._words = self._area.cast("q")
        self._times = self._area.cast("d")
        count = (len(self._area) - HEADER_SIZE) // RECORD_SIZE
        if count < 1:
            raise ValueError("the area has no room for a record")
        self._count = count
        self._free = list(range(count - 1, -1, -1))

    def begin(self, link: Link, environ: dict[str, Any] | None, now: float) -> None:
        """Take a record for the request that ``link`` has in hand; without a free one it is not seen."""
        if link.record < 0:
            try:
                link.record = self._free.pop()
            except IndexError:
                return
        start = HEADER_SIZE + link.record * RECORD_SIZE
        word = start // WORD
        words, times = self._words, self._times
        words[word + NUMBER] = 0  # readers: wait
        times[word + SINCE] = now
        times[word + ENDED] = 0.0
        length = "" if environ is None else environ.get("CONTENT_LENGTH", "")
        words[word + LENGTH] = int(length) if length.isdecimal() and len(length) <= 18 else 0
        for index, text in enumerate(_texts(environ or {})):
            begin, room = TEXTS[index]
            words[word + SIZES + index] = len(text)
            data = text[:room].encode("latin-1", "replace")
            self._area[start + begin : start + begin + len(data)] = data
        words[word + NUMBER] = link.number

    def end(self, link: Link, sent: int) -> None:
        """Give the record back: the response has ended, and ``sent`` bytes of its body were sent."""
        record = link.record
        if record < 0:
            return
        now = monotonic()
        word = (HEADER_SIZE + record * RECORD_SIZE) // WORD
        self._words[word + SERVED] += 1
        self._words[word + SENT] += sent
        self._times[word + ENDED] = now
        self._words[LAST] = record
        link.record = -1
        self._free.append(record)
        if len(self._free) == self._count:
            self._times[IDLE_SINCE] = now


def _texts(environ: dict[str, Any]) -> tuple[str, str, str, str, str]:
    get = environ.get
    uri = get("REQUEST_URI", "")
    if not uri:
        uri = get("SCRIPT_NAME", "") + get("PATH_INFO", "")
        query = get("QUERY_STRING", "")
        if query:
            uri += "?" + query
    return (
        get("REQUEST_METHOD", ""),
        get("REMOTE_ADDR", ""),
        get("REMOTE_USER", ""),
        get("SCRIPT_FILENAME", ""),
        uri,
    )

"""A case: what is sent to a backend, step by step, and how that what comes is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable, Union
from urllib.parse import unquote_to_bytes

from gateways.conform.seen import Seen

#: How the answer to a case is graded.
PASS, DIFFERS, FAIL = "pass", "differs", "fail"

Pairs = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Drip:
    """Send ``data`` in pieces of ``size`` bytes, with a moment between them: the backend reads each by itself."""

    data: bytes
    size: int = 1


@dataclass(frozen=True)
class Flood:
    """Send ``data`` ``times`` times without reading what comes, as long as the backend takes it."""

    data: bytes
    times: int


@dataclass(frozen=True)
class Await:
    """Read until ``count`` answers are complete, or ``notes`` other messages have come."""

    count: int = 1
    notes: int = 0


@dataclass(frozen=True)
class Act:
    """Something that is done to the connection."""

    name: str


#: The web server's side says that it sends no more.
HALF_CLOSE = Act("half-close")
#: The connection is reset.
RESET = Act("reset")
#: The application is given a moment to begin.
PAUSE = Act("pause")
#: The end is not waited for: the connection stays open, as was agreed.
LEAVE = Act("leave")

Step = Union[bytes, Drip, Flood, Await, Act]
Check = Callable[[Seen], bool]


@dataclass(frozen=True)
class Trial:
    """One exchange: pass when ``right`` holds, differs when ``also`` does, else fail.

    ``also`` is what is not right, but harms nobody: a request that is refused in another way.
    """

    steps: tuple[Step, ...]
    right: Check
    also: Check | None = None
    label: str = ""

    def judge(self, seen: Seen) -> str:
        """Return the grade of what came."""
        if self.right(seen):
            return PASS
        return DIFFERS if self.also is not None and self.also(seen) else FAIL


@dataclass(frozen=True)
class Case:
    """A numbered case of hostile or unusual input. Its grade is that of the worst of its trials.

    ``sent`` says in a few words what is sent, ``right`` what has to come, with the clause or the incident.
    """

    number: str
    sent: str
    right: str
    trials: tuple[Trial, ...]


class Fair:
    """What a fair request to the backend's application is made of.

    ``path`` may have a query. ``extra`` variables are added to each request, or replace what stands there.
    ``secret`` is that of a backend that speaks AJP13.
    """

    def __init__(self, path: str = "/", extra: Sequence[tuple[bytes, bytes]] = (), secret: str | None = None) -> None:
        self.uri = path.encode("latin-1")
        self.secret = None if secret is None else secret.encode("latin-1")
        plain, _, query = self.uri.partition(b"?")
        self._values = {
            b"SCRIPT_NAME": b"",
            b"PATH_INFO": unquote_to_bytes(plain),
            b"REQUEST_URI": self.uri,
            b"QUERY_STRING": query,
            b"SERVER_NAME": b"example.test",
            b"SERVER_PORT": b"80",
            b"SERVER_PROTOCOL": b"HTTP/1.1",
            b"REMOTE_ADDR": b"192.0.2.1",
            b"HTTP_HOST": b"example.test",
        }
        self._values.update(extra)

    def get(self, *more: tuple[bytes, bytes]) -> Pairs:
        """Return the variables of a GET request, and ``more``."""
        return ((b"REQUEST_METHOD", b"GET"), *self._values.items(), *more)

    def post(self, length: object, *more: tuple[bytes, bytes]) -> Pairs:
        """Return the variables of a POST request whose CONTENT_LENGTH is ``length``, a number or any bytes."""
        value = length if isinstance(length, bytes) else str(length).encode("ascii")
        return ((b"CONTENT_LENGTH", value), (b"REQUEST_METHOD", b"POST"), *self._values.items(), *more)


def case(number: str, sent: str, right: str, *trials: Trial) -> Case:
    """Return a case of these trials."""
    return Case(number, sent, right, trials)

"""What a decoder has to say: one ``Item`` for each record, packet, head or piece of a body."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

Pairs = list[tuple[bytes, bytes]]

#: Bytes of a header block that are kept to be decoded: far above what web servers send, and small enough to be held by
#: each of many connections.
MAX_HEAD = 1 << 20


@dataclass
class Item:
    """One thing that was on the wire.

    ``what`` is its name in the protocol, ``facts`` are what stands in it, ``pairs`` variables or headers. ``size`` is
    that of its content in bytes, and ``start`` how a body begins. ``wrong`` says what is malformed, with the clause
    that it violates. ``ends`` marks the last of a request.
    """

    what: str
    facts: list[str] = field(default_factory=list)
    pairs: Pairs = field(default_factory=list)
    size: int | None = None
    start: bytes | None = None
    wrong: str = ""
    ends: bool = False


class Decoder(Protocol):
    """Takes the bytes of one connection, in any segmentation. It keeps no more than a record or a header block."""

    @property
    def idle(self) -> bool:
        """True between requests, with nothing received of the next."""

    def to_backend(self, data: bytes) -> list[Item]:
        """Take what the web server has sent."""

    def from_backend(self, data: bytes) -> list[Item]:
        """Take what the backend has sent."""

    def ended(self, backend: bool) -> list[Item]:
        """Take note that the ``backend``, or the web server, sends no more."""

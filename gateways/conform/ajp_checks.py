"""What may be right of AJP13's answers alone: pongs, and what the end of a response says of the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.conform.judgement import is_good, refused

if TYPE_CHECKING:
    from gateways.conform.case import Check
    from gateways.conform.seen import Seen


def closing(*statuses: int) -> Check:
    """A refusal whose end says that the connection is not used again, and it is closed."""

    def check(seen: Seen) -> bool:
        return refused(*statuses)(seen) and not seen.answers[0].reuse

    return check


def pongs(count: int, body: bytes) -> Check:
    """A pong for each ping, and the one request is served."""

    def check(seen: Seen) -> bool:
        if seen.trouble or seen.notes != ["CPONG"] * count or len(seen.answers) != 1:
            return False
        return is_good(seen, seen.answers[0], body)

    return check


def says_it_ends(body: bytes) -> Check:
    """The application saw the body up to its early end, and the connection is not used again."""

    def check(seen: Seen) -> bool:
        if len(seen.answers) != 1 or seen.trouble or seen.end != "closed":
            return False
        return is_good(seen, seen.answers[0], body) and not seen.answers[0].reuse

    return check


def never_asked_again(seen: Seen) -> bool:
    """One answer, and nobody saw the request that was hidden in the body; a second one may only be to the last."""
    if seen.trouble or not 1 <= len(seen.answers) <= 2 or seen.end == "open":
        return False
    first = seen.answers[0]
    return is_good(seen, first, b"", lacks=(b"HTTP_X_EVIL",)) and (len(seen.answers) == 1 or first.reuse)

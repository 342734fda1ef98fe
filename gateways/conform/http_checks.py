"""What may be right of HTTP's answers alone: interim responses, and refusals that end the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.conform.judgement import is_good

if TYPE_CHECKING:
    from gateways.conform.case import Check
    from gateways.conform.seen import Seen


def refused_alone(*statuses: int) -> Check:
    """One answer with one of these statuses, and the connection is closed: what came behind it never runs.

    A reset is a close, too: the rest of the request was not read.
    """

    def check(seen: Seen) -> bool:
        return (
            not seen.trouble
            and seen.end in ("closed", "reset")
            and len(seen.answers) == 1
            and seen.answers[0].complete
            and seen.answers[0].status in statuses
        )

    return check


def continued(body: bytes) -> Check:
    """``100 Continue`` came, once and first, and then the answer."""

    def check(seen: Seen) -> bool:
        if seen.notes not in ([], ["100"]) or len(seen.answers) != 1 or seen.end == "open":
            return False
        return is_good(seen, seen.answers[0], body)

    return check

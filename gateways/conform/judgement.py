"""What may be right of an answer: conditions on ``Seen``, to be combined by ``either``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.conform.seen import show

if TYPE_CHECKING:
    from gateways.conform.case import Check
    from gateways.conform.seen import Answer, Seen

#: Answers of a server that cannot serve a request, or will not.
BAD = (400,)
TOO_LARGE = (431, 413, 400)

Names = tuple[bytes, ...]


def served(*bodies: bytes, lacks: Names = (), has: tuple[tuple[bytes, bytes], ...] = (), end: str = "") -> Check:
    """All is answered by the application, which saw these bodies, one for each request, and of these variables.

    ``end`` is how the connection has to end; ``""`` for any but hanging and a reset.
    """

    def check(seen: Seen) -> bool:
        ends = (end,) if end else ("closed", "left")
        if seen.trouble or seen.end not in ends or len(seen.answers) != len(bodies):
            return False
        return all(
            is_good(seen, answer, body, lacks, has if answer is seen.answers[0] else ())
            for answer, body in zip(seen.answers, bodies)
        )

    return check


def is_good(
    seen: Seen, answer: Answer, body: bytes, lacks: Names = (), has: tuple[tuple[bytes, bytes], ...] = ()
) -> bool:
    """Whether the application has answered, and saw this; where it is not ours, whether there is an answer."""
    if not answer.complete or answer.protocol_status:
        return False
    if not seen.strict:
        return True
    found = answer.echo
    if found is None or found.body != body:
        return False
    remarks = [
        f"the application sees {show(name) or 'a variable without a name'}" for name in lacks if name in found.variables
    ]
    for name, value in has:
        if found.variables.get(name) != value:
            given = found.variables.get(name)
            remarks.append(f"{show(name)} is " + ("missing" if given is None else repr(show(given))))
    seen.remarks += [remark for remark in remarks if remark not in seen.remarks]
    return not remarks


def refused(*statuses: int) -> Check:
    """One answer, with one of these statuses, and the connection is closed."""

    def check(seen: Seen) -> bool:
        return (
            not seen.trouble
            and seen.end == "closed"
            and len(seen.answers) == 1
            and seen.answers[0].complete
            and seen.answers[0].status in (statuses or BAD)
            and not seen.answers[0].protocol_status
        )

    return check


def closed(seen: Seen) -> bool:
    """The connection ends without a word."""
    return not seen.answers and not seen.notes and not seen.trouble and seen.end in ("closed", "reset")


def unserved(seen: Seen) -> bool:
    """No application was asked, and the connection does not hang."""
    return seen.end != "open" and not any(map(seen.is_served, seen.answers))


def ends(protocol_status: int, id: int = 1) -> Check:
    """The request is answered by END_REQUEST with this protocol status alone, and the connection closed."""

    def check(seen: Seen) -> bool:
        found = [(answer.id, answer.protocol_status, answer.text) for answer in seen.answers]
        return found == [(id, protocol_status, b"")] and seen.end == "closed" and not seen.trouble

    return check


def broken_off(seen: Seen) -> bool:
    """The request is not answered as if it were whole: closed or reset, or what came is a refusal or incomplete."""
    return seen.end in ("closed", "reset") and not any(
        answer.complete and seen.is_served(answer) for answer in seen.answers
    )


def noted(*notes: str, then: Check) -> Check:
    """These messages came, and ``then`` holds as well."""

    def check(seen: Seen) -> bool:
        return seen.notes == list(notes) and then(seen)

    return check


def either(*checks: Check) -> Check:
    """One of ``checks`` holds."""
    return lambda seen: any(check(seen) for check in checks)


def anything(seen: Seen) -> bool:
    """Whatever came: what is looked at is whether the backend serves afterwards."""
    return not seen.trouble


def whole(count: int) -> Check:
    """There are as many complete answers, whatever they say, and the connection does not hang."""

    def check(seen: Seen) -> bool:
        is_whole = len(seen.answers) == count and all(answer.whole for answer in seen.answers)
        return is_whole and seen.end != "open" and not seen.trouble

    return check


def bounded(seen: Seen) -> bool:
    """A flood was not taken to its end."""
    return seen.flood != "taken"

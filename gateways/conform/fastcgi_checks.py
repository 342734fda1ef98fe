"""What may be right of FastCGI's answers alone: several requests on a connection, management records, refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.adapters.fastcgi import records as fcgi
from gateways.conform.judgement import is_good, served

if TYPE_CHECKING:
    from gateways.conform.case import Check
    from gateways.conform.seen import Answer, Seen

_REFUSALS = (fcgi.CANT_MPX_CONN, fcgi.OVERLOADED)


def first_then_closed(seen: Seen) -> bool:
    """The first request is answered, and the connection closed instead of kept: the next one is sent on another."""
    return (
        len(seen.answers) == 1
        and seen.answers[0].complete
        and seen.end in ("closed", "reset")
        and not (seen.trouble or seen.notes)
    )


def values(least: int) -> Check:
    """GET_VALUES_RESULT came, with at least so many pairs, and nothing that was not asked for or is not known."""

    def check(seen: Seen) -> bool:
        if len(seen.notes) != 1 or not seen.notes[0].startswith("GET_VALUES_RESULT ") or seen.answers:
            return False
        pairs = [pair for pair in seen.notes[0].split()[1:] if "=" in pair]
        names = {pair.partition("=")[0] for pair in pairs}
        return names <= {"FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS"} and len(names) >= least

    return check


def asked_meanwhile(seen: Seen) -> bool:
    """GET_VALUES was answered, and so was the request."""
    return [note.partition(" ")[0] for note in seen.notes] == ["GET_VALUES_RESULT"] and served(b"hello")(seen)


def unknown_role_then(body: bytes) -> Check:
    """The first request is refused for its role, the second, id 2, is served."""

    def check(seen: Seen) -> bool:
        if len(seen.answers) != 2 or seen.trouble:
            return False
        first, second = seen.answers
        refusal = (first.id, first.protocol_status, first.text) == (1, fcgi.UNKNOWN_ROLE, b"")
        return refusal and second.id == 2 and is_good(seen, second, body)

    return check


def interleaved(first: bytes, second: bytes) -> Check:
    """The first request is served; the second as well, or refused: nothing of one is in the other."""

    def check(seen: Seen) -> bool:
        if len(seen.answers) != 2 or seen.trouble or {answer.id for answer in seen.answers} != {1, 2}:
            return False
        one, two = sorted(seen.answers, key=lambda answer: answer.id)
        other = two.protocol_status in _REFUSALS or is_good(seen, two, second)
        return other and is_good(seen, one, first, lacks=(b"EVIL",))

    return check


def second_begin_refused(body: bytes) -> Check:
    """The second BEGIN_REQUEST is answered by a refusal, and the first request goes on: nothing is reset."""

    def check(seen: Seen) -> bool:
        if len(seen.answers) != 2 or seen.trouble:
            return False
        first, second = seen.answers
        return first.protocol_status in _REFUSALS and not first.text and is_good(seen, second, body)

    return check


def with_ids(then: Check, *ids: int) -> Check:
    """The answers have these ids, and ``then`` holds as well."""
    return lambda seen: [answer.id for answer in seen.answers] == list(ids) and then(seen)


def _of(seen: Seen, id: int) -> list[Answer]:
    return [answer for answer in seen.answers if answer.id == id]


def overloaded(body: bytes, count: int) -> Check:
    """The first request is served, and ``count`` others are refused."""

    def check(seen: Seen) -> bool:
        refusals = [answer for answer in seen.answers if answer.protocol_status in _REFUSALS and not answer.text]
        return len(refusals) == count and multiplexed(body)(seen)

    return check


def multiplexed(body: bytes) -> Check:
    """The first request is served, whatever happened to the others."""

    def check(seen: Seen) -> bool:
        first = _of(seen, 1)
        return not seen.trouble and len(first) == 1 and is_good(seen, first[0], body)

    return check


def aborted_then(body: bytes) -> Check:
    """The first request is ended, once, and the second served."""

    def check(seen: Seen) -> bool:
        if len(seen.answers) != 2 or seen.trouble:
            return False
        first, second = seen.answers
        return first.whole and not first.protocol_status and is_good(seen, second, body)

    return check


def said_nothing(seen: Seen) -> bool:
    """It took everything, and had no answer to it."""
    return not seen.notes and not seen.answers

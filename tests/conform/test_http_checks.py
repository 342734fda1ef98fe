"""Conditions on HTTP's answers."""

from __future__ import annotations

from gateways.conform import http_checks as checks
from gateways.conform.seen import Answer, Seen

GOOD = Answer(text=b"HTTP/1.1 200 OK\r\n\r\ngateways echo 1\nbody hello\n", whole=True)
BAD = Answer(text=b"HTTP/1.1 400 Bad Request\r\n\r\n", whole=True)


def seen(*answers: Answer, end: str = "closed", notes: tuple[str, ...] = ()) -> Seen:
    return Seen(list(answers), list(notes), end=end, strict=True)


def test_a_refusal_is_the_last_answer() -> None:
    assert checks.refused_alone(400)(seen(BAD))
    assert checks.refused_alone(400)(seen(BAD, end="reset"))
    assert not checks.refused_alone(400)(seen(BAD, end="open"))
    assert not checks.refused_alone(400)(seen(BAD, GOOD))
    assert not checks.refused_alone(431)(seen(BAD))


def test_a_leave_to_continue() -> None:
    assert checks.continued(b"hello")(seen(GOOD, notes=("100",)))
    assert not checks.continued(b"hello")(seen(GOOD, notes=("100", "100")))
    assert not checks.continued(b"hello")(seen(GOOD, end="open"))

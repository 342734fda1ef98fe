"""Conditions on several answers of one connection."""

from __future__ import annotations

from gateways.conform import fastcgi_checks as checks
from gateways.conform.seen import Answer, Seen

UNKNOWN_ROLE, CANT_MPX_CONN = 3, 1


def good(id: int, body: bytes) -> Answer:
    return Answer(id, b"Status: 200 OK\r\n\r\ngateways echo 1\nbody " + body + b"\n", True)


def refusal(id: int, status: int) -> Answer:
    return Answer(id, b"", True, status)


def seen(*answers: Answer, end: str = "left", notes: tuple[str, ...] = ()) -> Seen:
    return Seen(list(answers), list(notes), end=end, strict=True)


def test_values() -> None:
    all_three = "GET_VALUES_RESULT FCGI_MAX_CONNS=1 FCGI_MAX_REQS=1 FCGI_MPXS_CONNS=0"
    assert checks.values(3)(seen(notes=(all_three,)))
    assert not checks.values(3)(seen(notes=("GET_VALUES_RESULT FCGI_MPXS_CONNS=0",)))
    assert checks.values(0)(seen(notes=("GET_VALUES_RESULT without a pair",)))
    assert not checks.values(0)(seen(notes=("GET_VALUES_RESULT UNKNOWN=1",)))
    assert not checks.values(0)(seen(end="open"))


def test_kept_connections() -> None:
    assert checks.first_then_closed(seen(good(1, b"one"), end="closed"))
    assert not checks.first_then_closed(seen(good(1, b"one"), end="open"))
    assert checks.unknown_role_then(b"two")(seen(refusal(1, UNKNOWN_ROLE), good(2, b"two")))
    assert not checks.unknown_role_then(b"two")(seen(good(1, b""), good(2, b"two")))


def test_interleaved() -> None:
    check = checks.interleaved(b"body", b"two")
    assert check(seen(refusal(2, CANT_MPX_CONN), good(1, b"body")))
    assert check(seen(good(2, b"two"), good(1, b"body")))
    assert not check(seen(good(2, b"two"), good(1, b"two")))
    assert not check(seen(good(1, b"body")))


def test_many() -> None:
    refusals = [refusal(number, CANT_MPX_CONN) for number in range(2, 5)]
    assert checks.overloaded(b"hello", 3)(seen(*refusals, good(1, b"hello")))
    assert not checks.overloaded(b"hello", 4)(seen(*refusals, good(1, b"hello")))
    assert checks.multiplexed(b"hello")(seen(good(1, b"hello")))
    assert not checks.multiplexed(b"hello")(seen(*refusals))


def test_aborts_and_begins() -> None:
    assert checks.aborted_then(b"two")(seen(Answer(1, b"", True, 0, 1), good(1, b"two")))
    assert not checks.aborted_then(b"two")(seen(refusal(1, 1), refusal(1, 1)))
    assert checks.second_begin_refused(b"hello")(seen(refusal(1, CANT_MPX_CONN), good(1, b"hello")))
    assert not checks.second_begin_refused(b"hello")(seen(good(1, b"hello")))


def test_the_rest() -> None:
    assert checks.with_ids(lambda seen: True, 7)(seen(good(7, b"")))
    assert not checks.with_ids(lambda seen: True, 7)(seen(good(1, b"")))
    assert checks.said_nothing(seen())
    assert not checks.said_nothing(seen(good(1, b"")))
    assert checks.asked_meanwhile(seen(good(1, b"hello"), notes=("GET_VALUES_RESULT x",), end="closed"))
    assert not checks.asked_meanwhile(seen(good(1, b"hello"), end="closed"))

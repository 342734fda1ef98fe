"""Conditions on what came."""

from __future__ import annotations

from gateways.conform import judgement
from gateways.conform.seen import Answer, Seen

GOOD = Answer(1, b"Status: 200 OK\r\n\r\ngateways echo 1\nbody hello\nvar A 1\n", True)
BAD = Answer(1, b"Status: 400 Bad Request\r\n\r\n", True)


def seen(*answers: Answer, end: str = "closed", trouble: str = "", strict: bool = True) -> Seen:
    return Seen(list(answers), end=end, trouble=trouble, strict=strict)


def test_served() -> None:
    check = judgement.served(b"hello", lacks=(b"B",), has=((b"A", b"1"),))
    assert check(seen(GOOD))
    assert not check(seen(GOOD, end="open"))
    assert not check(seen(GOOD, GOOD))
    assert not check(seen(GOOD, trouble="rubbish"))
    assert not check(seen(Answer(1, GOOD.text, whole=False)))
    assert not judgement.served(b"other")(seen(GOOD))
    assert judgement.served(b"other")(seen(GOOD, strict=False)), "who knows what it saw?"
    assert not judgement.served(b"hello", end="left")(seen(GOOD))


def test_what_the_application_saw_is_remarked() -> None:
    found = seen(GOOD)
    assert not judgement.served(b"hello", lacks=(b"A",), has=((b"A", b"2"), (b"C", b"3")))(found)
    assert found.remarks == ["the application sees A", "A is '1'", "C is missing"]


def test_refused_and_closed() -> None:
    assert judgement.refused()(seen(BAD))
    assert not judgement.refused(431)(seen(BAD))
    assert not judgement.refused()(seen(BAD, end="open"))
    assert not judgement.refused()(seen(GOOD))
    assert judgement.closed(seen(end="reset"))
    assert not judgement.closed(seen(BAD))
    assert not judgement.closed(seen(end="open"))


def test_nobody_was_asked() -> None:
    assert judgement.unserved(seen(BAD))
    assert judgement.unserved(seen())
    assert not judgement.unserved(seen(GOOD))
    assert not judgement.unserved(seen(end="open"))


def test_the_rest() -> None:
    assert judgement.ends(3)(seen(Answer(1, b"", True, 3)))
    assert not judgement.ends(3)(seen(Answer(1, b"", True, 1)))
    assert judgement.broken_off(seen(Answer(1, GOOD.text, whole=False), end="reset"))
    assert not judgement.broken_off(seen(GOOD))
    assert judgement.whole(1)(seen(BAD))
    assert not judgement.whole(2)(seen(BAD))
    strange = seen(BAD)
    strange.trouble = "not HTTP"
    assert not judgement.whole(1)(strange)
    noted = seen(GOOD)
    noted.notes = ["x"]
    assert judgement.noted("x", then=judgement.served(b"hello"))(noted)
    assert not judgement.noted("y", then=judgement.served(b"hello"))(noted)
    assert judgement.either(judgement.closed, judgement.refused())(seen(BAD))
    assert judgement.anything(seen(end="left"))
    assert not judgement.bounded(Seen(flood="taken"))
    assert judgement.bounded(Seen(flood="stopped"))

"""Conditions on AJP13's answers."""

from __future__ import annotations

from gateways.conform import ajp_checks as checks
from gateways.conform.seen import Answer, Seen


def good(body: bytes = b"", reuse: bool = True, more: bytes = b"") -> Answer:
    text = b"Status: 200 OK\r\n\r\ngateways echo 1\nbody " + body + b"\n" + more
    return Answer(text=text, whole=True, reuse=reuse)


def seen(*answers: Answer, end: str = "closed", notes: tuple[str, ...] = ()) -> Seen:
    return Seen(list(answers), list(notes), end=end, strict=True)


def test_a_refusal_says_that_the_connection_ends() -> None:
    refusal = Answer(text=b"Status: 400 Bad\r\n\r\n", whole=True, reuse=False)
    assert checks.closing(400)(seen(refusal))
    refusal.reuse = True
    assert not checks.closing(400)(seen(refusal))


def test_pongs() -> None:
    assert checks.pongs(2, b"x")(seen(good(b"x"), notes=("CPONG", "CPONG"), end="left"))
    assert not checks.pongs(2, b"x")(seen(good(b"x"), notes=("CPONG",), end="left"))


def test_bodies() -> None:
    assert checks.says_it_ends(b"abc")(seen(good(b"abc", reuse=False)))
    assert not checks.says_it_ends(b"abc")(seen(good(b"abc")))


def test_what_is_hidden_in_a_body_is_no_request() -> None:
    assert checks.never_asked_again(seen(good(reuse=False)))
    assert not checks.never_asked_again(seen(good(more=b"var HTTP_X_EVIL 1\n")))
    assert not checks.never_asked_again(seen(good(reuse=False), good(reuse=False)))
    assert not checks.never_asked_again(seen())

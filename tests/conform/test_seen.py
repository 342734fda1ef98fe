"""What came, in a few words, safe for a terminal."""

from __future__ import annotations

import pytest

from gateways.conform.seen import Answer, Seen, show

HEAD = b"Status: 200 OK\r\n\r\n"
ECHO = HEAD + b"gateways echo 1\nbody a%1Bb\n"


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (Seen(end="closed"), "closed"),
        (Seen(end="open"), "left hanging"),
        (Seen(end="left"), "nothing"),
        (Seen([Answer(1, HEAD, True)], end="closed"), "200"),
        (Seen([Answer(1, HEAD, True)] * 3, end="open"), "3 × 200, left hanging"),
        (Seen([Answer(1, ECHO, True)], end="closed", strict=True), "200 (body a\\x1bb)"),
        (Seen([Answer(1, HEAD, False)], end="reset"), "200, broken off, reset"),
        (Seen([Answer(1, b"", True, 3)], end="closed"), "END_REQUEST UNKNOWN_ROLE"),
        (Seen([Answer(1, b"", True, 0, 1)], end="closed"), "empty, appStatus 1"),
        (Seen([Answer(1, b"rubbish", True)], end="closed"), "no head, broken off"),
        (Seen(notes=["CPONG"] * 2, trouble="not AJP13: x", end="reset"), "2 × CPONG, not AJP13: x, reset"),
    ],
)
def test_descriptions(seen: Seen, text: str) -> None:
    assert seen.describe() == text


def test_bytes_of_a_backend_are_shown_in_one_short_line() -> None:
    assert show(b"a\nb\x1b[0m\x9b\xff\t") == "a\\nb\\x1b[0m\\x9b\xff\\t"
    assert len(show(b"x" * 1000)) < 80


def test_who_has_answered() -> None:
    """Another application is known by the status that fair requests have; ours says so itself."""
    refusal, page = Answer(1, b"Status: 400 Bad\r\n\r\n", True), Answer(1, b"Status: 404 No\r\n\r\n", True)
    seen = Seen(usual=frozenset((404,)))
    assert [seen.is_served(answer) for answer in (refusal, page)] == [False, True]
    seen.strict = True
    assert [seen.is_served(answer) for answer in (page, Answer(1, ECHO, True))] == [False, True]

"""``repr()`` of a part of what is large."""

from __future__ import annotations

import array
import enum
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from typing import Any

import pytest

from gateways.core.shortrepr import short_repr


class Name(str):
    __slots__ = ()


class Markup(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return f"Markup({super().__repr__()})"


class Colour(str, enum.Enum):
    RED = "red"


class Form(dict):  # type: ignore[type-arg]
    def __iter__(self) -> Any:
        raise RuntimeError


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 1, -1.5, "text", b"bytes", bytearray(b"x"), "\udc80\0'", object, range(3), Ellipsis),
        *([], [1, "a"], (), (1,), (1, 2), {}, {"a": [1]}, {1}, frozenset({1}), deque([1]), array.array("b", [1])),
        *(Markup("m"), Colour.RED, Point(1, [2]), {1: 2}.keys(), {1: 2}.values(), {1: 2}.items()),
        [[[[[1]]]]],
    ],
    ids=str,
)
def test_what_is_small_is_what_it_is(value: object) -> None:
    shown = short_repr(value)
    assert shown == {"array('b', [1])": "array([1])"}.get(repr(value), repr(value))


def test_subclasses_have_their_names() -> None:
    assert short_repr(Name("n")) == "'n'", "as Python has it"
    assert short_repr(OrderedDict(a=1)) == "OrderedDict({'a': 1})"
    assert short_repr(defaultdict(list, {"a": [1]})) == "defaultdict({'a': [1]})"
    assert short_repr(Counter("a")) == "Counter({'a': 1})"
    assert short_repr(Form(a=1)) == "Form({'a': 1})"


LARGE = 1 << 20


@pytest.mark.parametrize(
    "value",
    [
        *("x" * LARGE, b"x" * LARGE, bytearray(LARGE), Name("x" * LARGE), Markup("x" * LARGE)),
        *([1] * LARGE, (1,) * LARGE, set(range(LARGE)), deque([1] * LARGE), array.array("b", bytes(LARGE))),
        *(dict.fromkeys(range(LARGE)), dict.fromkeys(range(LARGE)).keys(), {1: b"x" * LARGE}.values()),
        *({"a": "x" * LARGE}, defaultdict(str, a="x" * LARGE), OrderedDict(a="x" * LARGE), Counter("x" * LARGE)),
        1 << LARGE,
    ],
    ids=lambda value: type(value).__name__,
)
def test_of_what_is_large_there_is_a_part(value: object) -> None:
    assert len(short_repr(value)) < 2000
    assert isinstance(value, (int, Counter)) or "..." in short_repr(value)


def test_a_long_text_has_both_ends() -> None:
    shown = short_repr("a" * 5000 + "b" * 5000)
    assert shown.startswith("'aaa")
    assert shown.endswith("bbb'")
    assert short_repr(Name("a" * 5000)).startswith("Name('aaa")
    assert short_repr(bytearray(b"a" * 5000)).startswith("bytearray(b'aaa")


def test_what_holds_itself() -> None:
    value: list[Any] = [1]
    value += [value, {"again": value}]
    assert short_repr(value) == "[1, [...], {'again': [...]}]"
    same = [1]
    assert short_repr([same, same]) == "[[1], [1]]"


def circle() -> Any:
    nodes: list[Any] = []
    nodes += [{"peers": nodes, "more": [nodes]} for _ in range(100)]
    return nodes


def lattice() -> Any:
    """Each level holds the one below a hundred times, and is no circle."""
    level: list[Any] = [1] * 100
    for _ in range(10):
        level = [level] * 100
    return level


@pytest.mark.parametrize("make", [circle, lattice])
def test_the_work_is_bounded(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred to the power of five values would have the request wait for hours."""
    from gateways.core import shortrepr

    calls = []
    show = shortrepr._Walk.show

    def counted(self: Any, value: Any, depth: int) -> str:
        calls.append(depth)
        assert len(calls) < 5000
        return show(self, value, depth)

    monkeypatch.setattr(shortrepr._Walk, "show", counted)
    assert "raises" not in short_repr(make())
    assert len(calls) > 100


class Unwilling:
    def __repr__(self) -> str:
        raise SystemExit(2)


class UnwillingText(str):
    __slots__ = ()
    __repr__ = Unwilling.__repr__  # type: ignore[assignment]


class Faceless(type):
    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(name)


def test_what_cannot_be_shown_takes_nothing_else_away() -> None:
    assert short_repr([1, Unwilling(), UnwillingText("a")]) == (
        "[1, (its repr() raises SystemExit), (its repr() raises SystemExit)]"
    )
    assert "raises RuntimeError" in short_repr(Faceless("Faceless", (), {})())

"""``repr()`` of a part of what is large, for the debug page: an upload can be a local variable, a tree can hold itself.

Whatever is looked at, the work is bounded. An object with a ``__repr__`` of its own is asked for that, which is as long
as its author wants it.
"""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict, defaultdict, deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

#: Characters of a string, and bytes.
_TEXT = 1900
#: Bits of a number: the time for its digits grows with the square of them.
_BITS = 4096
#: Items of one list, dict or set, of all that are within one value, and how deep they may lie.
_ITEMS = 100
_ALL_ITEMS = 1000
_DEPTH = 6

_TEXTS = (str, bytes, bytearray)
#: What is gone through item by item, and between which brackets: subclasses too, unless they have another ``__repr__``.
_MAPPINGS: tuple[Any, ...] = (dict, OrderedDict, defaultdict, Counter)
_VIEWS: tuple[Any, ...] = (type({}.keys()), type({}.values()), type({}.items()))
_ROWS: tuple[Any, ...] = (list, tuple, set, frozenset, deque, array, *_VIEWS)
_BRACKETS = {tuple: "()", set: "{}", frozenset: "{}", **dict.fromkeys(_MAPPINGS, "{}")}
#: Those that Python writes without their name.
_NAMELESS = (dict, list, tuple, set, *_TEXTS[:2])


def short_repr(value: object) -> str:
    """Return about what ``repr(value)`` does, with ``...`` for what is left out. Raises nothing."""
    try:
        return _Walk().show(value, _DEPTH)
    except BaseException as error:  # even sys.exit()
        return _failed(error)


class _Walk:
    """One value with all that is in it."""

    def __init__(self) -> None:
        self._left = _ALL_ITEMS
        self._inside: set[int] = set()

    def show(self, value: Any, depth: int) -> str:
        for base in _TEXTS:
            if isinstance(value, base):
                return _text(value, base)
        if isinstance(value, int) and int.bit_length(value) > _BITS:
            return f"(a number of {int.bit_length(value)} bits)"
        own = type(value).__repr__
        for base in (*_MAPPINGS, *_ROWS):
            if own is base.__repr__:
                return _named(value, base, self._items(value, base, depth))
        return _own(value)

    def _items(self, value: Any, base: Any, depth: int) -> str:
        brackets = _BRACKETS.get(base, "[]")
        first, last = brackets[0], brackets[1]
        if not depth or id(value) in self._inside:
            return f"{first}...{last}"
        self._inside.add(id(value))
        parts: list[str] = []
        for part in self._parts(value, base, depth - 1):
            if self._left <= 0 or len(parts) == _ITEMS:
                parts.append("...")
                break
            self._left -= 1
            parts.append(part)
        self._inside.discard(id(value))
        comma = "," if base is tuple and len(parts) == 1 else ""
        return f"{first}{', '.join(parts)}{comma}{last}"

    def _parts(self, value: Any, base: Any, depth: int) -> Iterator[str]:
        # Of the base: what a subclass makes of iteration is its own affair.
        if base in _MAPPINGS:
            for key, item in base.items(value):
                yield f"{self.show(key, depth)}: {self.show(item, depth)}"
        else:
            for item in base.__iter__(value):
                yield self.show(item, depth)


def _text(value: Any, base: Any) -> str:
    """Show a string or bytes; in the middle of a long one something is left out."""
    length = base.__len__(value)
    if length <= _TEXT:
        return _own(value)
    half = _TEXT // 2
    ends = base.__getitem__(value, slice(0, half)) + base.__getitem__(value, slice(length - half, length))
    text = repr(ends if base is str else bytes(ends))
    return _named(value, base, f"{text[:half]}...{text[-half:]}")


def _named(value: Any, base: Any, text: str) -> str:
    """Put the name of the type around ``text``, where Python does."""
    nameless = type(value) in _NAMELESS and not (base is set and text == "{}")
    return text if nameless else f"{type(value).__name__}({text})"


def _own(value: object) -> str:
    try:
        return repr(value)
    except BaseException as error:  # even sys.exit()
        return _failed(error)


def _failed(error: BaseException) -> str:
    return f"(its repr() raises {type(error).__name__})"

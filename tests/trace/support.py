"""What the tests of the decoders share."""

from __future__ import annotations

from collections.abc import Iterator

from gateways.trace.items import Item


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """Cut ``data`` into pieces of ``size`` bytes."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def names(items: list[Item]) -> list[str]:
    return [item.what for item in items]


def merged(items: list[Item]) -> list[tuple[object, ...]]:
    """What items say, with pieces of a body that follow each other put together."""
    found: list[list[object]] = []
    for item in items:
        entry: list[object] = [item.what, item.facts, item.pairs, item.size, item.wrong, item.ends]
        if found and item.what == "body" and found[-1][0] == "body":
            found[-1][3] = int(str(found[-1][3])) + (item.size or 0)
            found[-1][5] = item.ends
        else:
            found.append(entry)
    return [tuple(entry) for entry in found]

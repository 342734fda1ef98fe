"""The marks of what gateways init writes."""

from __future__ import annotations

import pytest

from gateways.deploy.hosting.marks import find_block, is_marked, is_unchanged, mark_block, mark_file

TEXT = "#!/bin/sh\none\ntwo\n"


@pytest.mark.parametrize("line", [0, 1, 3])
def test_a_file_is_known_again(line: int) -> None:
    marked = mark_file(TEXT, line)
    assert marked.count("\n") == 4
    assert is_marked(marked)
    assert is_unchanged(marked)


def test_a_change_is_seen() -> None:
    marked = mark_file(TEXT)
    changed = marked.replace("two", "three")
    assert is_marked(changed)
    assert not is_unchanged(changed)
    assert not is_marked(TEXT)
    assert not is_unchanged(TEXT)


def test_lines_are_known_again_among_others() -> None:
    text = f"before\n{mark_block(TEXT, whole=False)}after\n"
    block = find_block(text)
    assert block is not None
    assert text[: block.start] + text[block.end :] == "before\nafter\n"
    assert block.unchanged
    assert not block.whole
    changed = find_block(text.replace("one", "1"))
    assert changed is not None
    assert not changed.unchanged


def test_a_file_of_its_own() -> None:
    block = find_block(mark_block(TEXT, whole=True))
    assert block is not None
    assert block.whole
    assert find_block(TEXT) is None

from __future__ import annotations

import pytest

from gateways.compat.words import number, switch, umask


@pytest.mark.parametrize(("text", "value"), [("Yes", True), ("t", True), ("1", True), ("n", False), ("off", False)])
def test_switches(text, value):
    assert switch(text) is value


def test_numbers():
    assert number("010") == 10
    assert umask("010") == 0o010


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (switch, "maybe", "'maybe' is neither true nor false"),
        (number, "x", "'x' is not a number"),
        *((umask, text, f"'{text}' is not an octal number from 0 to 777") for text in ("18", "1777", "-1", "")),
    ],
)
def test_what_means_nothing(read, text, message):
    with pytest.raises(ValueError, match=message):
        read(text)

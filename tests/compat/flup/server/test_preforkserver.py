"""What it does is tested by tests/compat/test_forking.py and test_children.py."""

from __future__ import annotations

import pytest

from gateways.compat.flup.server.preforkserver import PreforkServer


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"minSpare": 0}, "minSpare must be at least 1"),
        ({"minSpare": 6}, "maxSpare, 5, must not be less than minSpare, 6"),
        ({"sockTimeout": -1}, "sockTimeout"),
        ({"sockTimeout": "1"}, "sockTimeout"),
        ({"sockTimeout": True}, "sockTimeout"),
    ],
)
def test_numbers_that_cannot_be(given, message):
    with pytest.raises(ValueError, match=message):
        PreforkServer(**given)


def test_there_are_never_fewer_than_may_be_idle():
    assert PreforkServer(maxSpare=60)._maxChildren == 60

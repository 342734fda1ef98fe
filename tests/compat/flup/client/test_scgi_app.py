from __future__ import annotations

import pytest

from gateways.compat.flup.client.scgi_app import SCGIApp, encodeNetstring


def test_netstrings():
    assert encodeNetstring(b"hello") == b"5:hello,"


@pytest.mark.parametrize("given", [{}, {"host": "h"}])
def test_what_has_to_be_given(given):
    with pytest.raises(AssertionError):
        SCGIApp(**given)

"""gateways.client.text: text to a backend."""

from __future__ import annotations

import pytest

from gateways.client.text import encode_text


def test_text_is_latin_1() -> None:
    assert encode_text("x", "a\xff\0") == b"a\xff\0"
    with pytest.raises(ValueError, match="the path holds characters outside latin-1"):
        encode_text("the path", "/\u20ac")

"""gateways.client.text: text to and from a backend."""

from __future__ import annotations

import pytest

from gateways.client.text import encode_text, escape_controls, printable


def test_text_is_latin_1() -> None:
    assert encode_text("x", "a\xff\0") == b"a\xff\0"
    with pytest.raises(ValueError, match="the path holds characters outside latin-1"):
        encode_text("the path", "/\u20ac")


@pytest.mark.parametrize("code", [*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029])
def test_controls_are_escaped_but_tab_and_line_feed(code: int) -> None:
    text = escape_controls(f"a{chr(code)}b")
    assert text == f"a{chr(code)}b" if code in (9, 10) else text.isprintable() and len(text) > 3


def test_error_text_is_shown_as_it_is_meant() -> None:
    assert printable("Traceback:\r\n\tKeyError: 'é€'\n".encode()) == "Traceback:\n\tKeyError: 'é€'\n"
    assert printable(b"\xff\x1b[2J") == "\\xff\\x1b[2J"

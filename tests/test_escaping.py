"""gateways.escaping: what others wrote, as it can be printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.escaping import escape, escape_lines

UNPRINTABLE = (*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x202E, 0xFEFF)


@given(st.text(alphabet=st.characters(), max_size=50))
def test_finding_14_any_text_is_one_printable_line(text: str) -> None:
    assert escape(text).isprintable()


@pytest.mark.parametrize("code", UNPRINTABLE)
def test_controls_are_escaped_but_those_that_are_kept(code: int) -> None:
    text = f"a{chr(code)}b"
    assert escape(text).isprintable()
    assert escape(text).startswith("a\\")
    assert escape(text, keep="\n\t") == (text if code in (9, 10) else escape(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zeitüberschreitung 日本語 \\ 'quoted'", "Zeitüberschreitung 日本語 \\ 'quoted'"),
        ("line\nand \x1b[31mred\x9b é€", "line\\nand \\x1b[31mred\\x9b é€"),
        ("\udcff\ud800\u202e", "\\xff\\ud800\\u202e"),
    ],
)
def test_what_can_be_read_stays_readable(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_lines_of_a_program_stay_lines() -> None:
    assert escape_lines("Traceback:\r\n\tKeyError: 'é€'\n".encode()) == "Traceback:\n\tKeyError: 'é€'\n"
    assert escape_lines(b"\xff\x1b[2J\xe2\x80\xae") == "\\xff\\x1b[2J\\u202e"

"""What is said of an exception: in the log, on the debug page, and in one line."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from gateways.core.failures import one_line, report, title_of
from gateways.errors import ConfigError
from tests.core.recording import answer, make_environ


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_a_title_is_how_a_traceback_ends() -> None:
    assert title_of(ValueError("the message")) == "ValueError: the message"
    assert title_of(ConfigError("the message")) == "the message"
    assert title_of(KeyError()) == "KeyError"
    assert title_of(Mute()).endswith("Mute: <exception str() failed>")
    assert title_of(ValueError("x" * 5000)) == f"ValueError: {'x' * 988}… (5012 characters)"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="notes came with Python 3.11")
def test_a_note_takes_no_name_away() -> None:
    error = ValueError("the message")
    error.add_note("a note")  # type: ignore[attr-defined]
    assert title_of(error) == "ValueError: the message"


def test_no_text_of_the_applications_begins_a_line() -> None:
    assert report("GET /", ValueError("a\nb")).splitlines() == [
        "gateways: GET /: ValueError: a\\nb", "  ValueError: a", "  b",
    ]  # fmt: skip
    assert one_line(Mute()) == "(it cannot be shown as text)"


def test_a_traceback_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("traceback.format_exception", fail)
    assert report("GET /", ValueError("why")).splitlines() == [
        "gateways: GET /: ValueError: why", "  the traceback cannot be shown: OSError",
    ]  # fmt: skip


def test_the_first_line_of_a_traceback_is_the_applications() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        yield b"" + environ["nothing"]

    lines = [line for line in answer(application, make_environ()).log.splitlines() if " File " in line]
    assert len(lines) == 1
    assert "test_failures.py" in lines[0]

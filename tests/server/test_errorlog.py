"""The error log: records are single lines, whatever the message holds, and nothing raises."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.server.errorlog import LEVELS, MAX_TRACEBACK, ErrorLog
from gateways.server.logfile import MAX_LINE

RECORD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4} \[(\d+)\] ([a-z]+): (.*)")


class Log:
    """An error log in a file, and a way to read it."""

    def __init__(self, path: Path, level: str = "debug") -> None:
        self.path = path
        self.error_log = ErrorLog(str(path), level)

    def records(self) -> list[tuple[str, str]]:
        found = [RECORD.fullmatch(line) for line in self.path.read_text("utf-8").split("\n")[:-1]]
        assert all(found)
        assert {match[1] for match in found if match} <= {str(os.getpid())}
        return [(match[2], match[3]) for match in found if match]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path / "error.log")
    yield log
    log.error_log.close()


@pytest.mark.parametrize("level", LEVELS)
def test_the_level_is_the_least_that_is_kept(tmp_path: Path, level: str) -> None:
    log = Log(tmp_path / "error.log", level)
    for name in LEVELS:
        getattr(log.error_log, name)(f"a {name}")
    assert log.records() == [(name, f"a {name}") for name in LEVELS[LEVELS.index(level) :]]
    log.error_log.close()


def test_finding_14_controls_are_escaped(log: Log) -> None:
    for code in (*range(32), *range(127, 160), 0x2028, 0x2029, 0x202E, 0xFEFF):
        log.error_log.error(f"a{chr(code)}b")
    texts = [text for _, text in log.records()]
    assert len(texts) == 32 + 33 + 4
    assert all(text.isprintable() and text.startswith("a\\") and text.endswith("b") for text in texts)
    assert texts[10] == "a\\nb"
    assert texts[0x1B] == "a\\x1bb"


def test_text_of_any_language_stays_readable(log: Log) -> None:
    log.error_log.error("Zeitüberschreitung 日本語 \\ 'quoted'")
    assert log.records() == [("error", "Zeitüberschreitung 日本語 \\ 'quoted'")]


def test_a_long_message_is_cut_with_a_mark_and_within_a_character(log: Log) -> None:
    log.error_log.error("é" * 100_000)
    data = log.path.read_bytes()
    assert MAX_LINE - 2 <= len(data) <= MAX_LINE
    assert data.endswith("é...\n".encode())
    log.error_log.error("next")
    assert log.records()[1] == ("error", "next")


def test_an_exception_is_one_record_for_each_line(log: Log) -> None:
    try:
        raise ValueError("first\nsecond \x1b[31m")
    except ValueError as error:
        log.error_log.exception("the loop failed", error)
    records = log.records()
    assert records[0] == ("error", "the loop failed: second \\x1b[31m")
    assert records[1] == ("error", "  Traceback (most recent call last):")
    assert records[-2:] == [("error", "  ValueError: first"), ("error", "  second \\x1b[31m")]
    assert {level for level, _ in records} == {"error"}


def test_a_traceback_keeps_both_ends(log: Log) -> None:
    try:
        raise ValueError("\n".join(f"line {number}" for number in range(1000)))
    except ValueError as error:
        log.error_log.exception("failed", error)
    texts = [text for _, text in log.records()]
    assert len(texts) == 1 + MAX_TRACEBACK + 1
    assert texts[1] == "  Traceback (most recent call last):"
    assert re.fullmatch(r"  \.\.\. \d+ lines \.\.\.", texts[1 + MAX_TRACEBACK // 2])
    assert texts[-1] == "  line 999"


class EvilError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_an_exception_that_cannot_be_shown(log: Log) -> None:
    log.error_log.exception("failed", EvilError())
    level, text = log.records()[-1]
    assert level == "error"
    assert "EvilError" in text


def test_an_endless_recursion(log: Log) -> None:
    def recurse() -> None:
        recurse()

    try:
        recurse()
    except RecursionError as error:
        log.error_log.exception("failed", error)
    assert log.records()[-1][1].startswith("  RecursionError: ")


def test_L26_a_log_that_cannot_be_written_raises_nothing() -> None:
    error_log = ErrorLog("/dev/full", "debug")
    error_log.error("lost")
    error_log.exception("lost", ValueError("too"))
    error_log.close()


def test_a_dash_is_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    error_log = ErrorLog("-", "info")
    error_log.notice("hello")
    assert RECORD.fullmatch(capfd.readouterr().err.rstrip("\n"))
    error_log.close()


def test_reopen_follows_a_renamed_file(log: Log) -> None:
    log.error_log.error("old")
    log.path.rename(log.path.with_suffix(".1"))
    log.error_log.reopen()
    log.error_log.error("new")
    assert log.records() == [("error", "new")]

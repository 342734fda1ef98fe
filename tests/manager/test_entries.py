"""The slow log's file: entries of bounded size, in which no bytes of a client's begin a line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest

from gateways.errors import ConfigError
from gateways.manager.entries import MAX_ENTRY, Entry, SlowLog
from gateways.server.errorlog import ErrorLog
from tests.support.serving import RecordingLog

STACKS = 'Thread 0x01 [gateways-1] (most recent call first):\n  File "app.py", line 3 in view\n\nThread 0x02'
ENTRY = Entry(1700000000.5, "shop", 3, 4711, "GET /report?all=1 from 192.0.2.7", 5.25, 17, STACKS)
HEAD = "pool shop, worker 3, pid 4711: GET /report?all=1 from 192.0.2.7 has taken 5.250 s (request 17)"


def written(tmp_path: Path, *entries: Entry) -> str:
    log = SlowLog(str(tmp_path / "slow.log"), cast(Any, RecordingLog()))
    for entry in entries:
        log.write(entry)
    log.close()
    return (tmp_path / "slow.log").read_text("utf-8")


def test_an_entry(tmp_path: Path) -> None:
    lines = written(tmp_path, ENTRY).split("\n")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.500[+-]\d{4} " + re.escape(HEAD), lines[0])
    assert lines[1:] == [
        "  Thread 0x01 [gateways-1] (most recent call first):",
        '    File "app.py", line 3 in view',
        "",
        "  Thread 0x02",
        "",
        "",
    ]


def test_the_error_log_takes_them_too() -> None:
    log = RecordingLog()
    SlowLog("-", cast(Any, log)).write(ENTRY)
    assert log.entries == [
        ("warning", f"slow: {HEAD}"),
        ("warning", "  Thread 0x01 [gateways-1] (most recent call first):"),
        ("warning", '    File "app.py", line 3 in view'),
        ("warning", "  Thread 0x02"),
    ]


@pytest.mark.parametrize("target", ["file", "-"])
def test_bytes_of_a_client_forge_nothing(tmp_path: Path, target: str) -> None:
    evil = "GET /\r\n2026-01-01T00:00:00.000+0000 forged\x1b[2J\u202e\udcff"
    entry = ENTRY._replace(request=evil, stacks=f'File "{evil}"\x85\u2028x')
    error_log = ErrorLog(str(tmp_path / "error.log"))
    log = SlowLog(target if target == "-" else str(tmp_path / "slow.log"), error_log)
    log.write(entry)
    log.close()
    error_log.close()
    text = (tmp_path / ("error.log" if target == "-" else "slow.log")).read_text("utf-8")
    assert text.isascii()
    assert not re.search(r"[^\n -~]", text)
    assert not re.search(r"^2026-01-01T00", text, re.MULTILINE)
    assert r"\x1b[2J" in text


@pytest.mark.parametrize(
    "stacks", ["x" * 10 * MAX_ENTRY, "line\n" * MAX_ENTRY, "\x1b" * MAX_ENTRY], ids=["long", "many", "escaped"]
)
def test_an_entry_has_an_end(tmp_path: Path, stacks: str) -> None:
    text = written(tmp_path, ENTRY._replace(stacks=stacks), ENTRY)
    assert len(text) < MAX_ENTRY + 2000
    assert "\n  ...\n" in text
    assert max(map(len, text.split("\n"))) < 8192
    assert text.count(HEAD) == 2


def test_a_rotated_file_is_left_alone(tmp_path: Path) -> None:
    log = SlowLog(str(tmp_path / "slow.log"), cast(Any, RecordingLog()))
    log.write(ENTRY)
    (tmp_path / "slow.log").rename(tmp_path / "slow.log.1")
    log.reopen()
    log.write(ENTRY._replace(worker=4))
    log.close()
    assert "worker 3" in (tmp_path / "slow.log.1").read_text()
    assert "worker 4" in (tmp_path / "slow.log").read_text()
    assert "worker 3" not in (tmp_path / "slow.log").read_text()


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^slow_log '.*/absent/slow.log' cannot be opened: there is no directory"):
        SlowLog(str(tmp_path / "absent" / "slow.log"), cast(Any, RecordingLog()))


def test_the_error_log_is_not_the_slow_logs_to_reopen_or_close() -> None:
    log = RecordingLog()
    slow = SlowLog("-", cast(Any, log))
    slow.reopen()
    slow.close()
    slow.write(ENTRY)
    assert ("debug", "reopened") not in log.entries

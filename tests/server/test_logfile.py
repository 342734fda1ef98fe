"""Log files: whole lines, and no log that fails can fail or hold up a request (L26)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.errors import ConfigError
from gateways.server import logfile
from gateways.server.logfile import MAX_LINE, MAX_PIPE_LINE, LogFile


class Reports(list[str]):
    """Collects what a log file reports."""

    def __call__(self, message: str) -> None:
        self.append(message)


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:  # the test closed it
            pass


def test_a_file_is_appended_to_and_not_for_everybody(tmp_path: Path, reports: Reports) -> None:
    path = tmp_path / "a.log"
    for line in (b"one\n", b"two\n"):
        log = LogFile("access_log", str(path), 1, reports)
        log.write(line)
        log.close()
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o137 == 0
    assert log.max_line == MAX_LINE


def test_a_dash_is_the_given_stream_even_after_the_application_closed_it(
    pipe: tuple[int, int], reports: Reports
) -> None:
    log = LogFile("access_log", "-", pipe[1], reports)
    os.close(pipe[1])
    log.write(b"line\n")
    assert os.read(pipe[0], 100) == b"line\n"
    assert log.max_line == MAX_PIPE_LINE
    log.close()


def test_a_copied_stream_is_not_inherited_by_children(pipe: tuple[int, int], reports: Reports) -> None:
    os.set_inheritable(pipe[1], True)
    log = LogFile("access_log", "-", pipe[1], reports)
    assert not os.get_inheritable(log._fd)
    log.close()


@pytest.mark.parametrize(
    ("path", "reason"),
    [("absent/a.log", "there is no directory {}/absent; create it"), ("", "Is a directory")],
)
def test_a_file_that_cannot_be_opened(tmp_path: Path, reports: Reports, path: str, reason: str) -> None:
    target = str(tmp_path / path)
    with pytest.raises(ConfigError) as caught:
        LogFile("error_log", target, 2, reports)
    assert str(caught.value) == f"error_log {target!r} cannot be opened: {reason.format(tmp_path)}"


def test_L26_a_full_disk_is_reported_once_and_raises_nothing(reports: Reports) -> None:
    log = LogFile("access_log", "/dev/full", 1, reports)
    for _ in range(5):
        log.write(b"line\n")
    assert reports == ["access_log cannot be written, lines are lost: No space left on device"]
    assert log.lost == 5
    log.close()


def test_L26_a_reader_that_died_is_reported_once(pipe: tuple[int, int], reports: Reports) -> None:
    log = LogFile("access_log", "-", pipe[1], reports)
    os.close(pipe[0])
    log.write(b"line\n")
    log.write(b"line\n")
    assert reports == ["access_log cannot be written, lines are lost: Broken pipe"]
    log.close()


@pytest.mark.parametrize("blocking", [True, False])
def test_L26_a_reader_that_stands_still_costs_lines_and_not_time(
    pipe: tuple[int, int], reports: Reports, blocking: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logfile, "_PATIENCE", 1000)  # milliseconds: waited for once
    os.set_blocking(pipe[1], blocking)
    log = LogFile("access_log", "-", pipe[1], reports)
    line = b"x" * 4095 + b"\n"
    began = time.monotonic()
    for _ in range(100):  # a pipe holds 16 of them
        log.write(line)
    assert time.monotonic() - began < 40.0
    lost = log.lost
    assert lost > 50
    assert len(reports) == 1
    os.set_blocking(pipe[0], False)
    kept = os.read(pipe[0], 1 << 20)
    assert kept == line * (100 - lost)
    log.write(b"again\n")
    assert os.read(pipe[0], 100) == b"again\n"
    assert reports[1:] == [f"access_log is written again; {lost} lines were lost"]
    assert log.lost == 0
    log.close()


@pytest.mark.parametrize("size", [1, 1023, 1024, 4096])
@pytest.mark.parametrize("to_pipe", [True, False])
def test_lines_of_several_threads_arrive_once_and_whole(
    tmp_path: Path,
    pipe: tuple[int, int],
    reports: Reports,
    size: int,
    to_pipe: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logfile, "_PATIENCE", 45_000)  # milliseconds: the reader may be late
    path = tmp_path / "a.log"
    log = LogFile("access_log", "-" if to_pipe else str(path), pipe[1], reports)

    def write(letter: bytes) -> None:
        for _ in range(20):
            log.write(letter * (size - 1) + b"\n")

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    received = b""
    while to_pipe and len(received) < 60 * size:
        received += os.read(pipe[0], 65536)
    for thread in threads:
        thread.join()
    lines = (received if to_pipe else path.read_bytes()).splitlines()
    assert sorted(lines) == sorted([b"a" * (size - 1), b"b" * (size - 1), b"c" * (size - 1)] * 20)
    assert not reports
    log.close()


def test_many_lines_are_put_together_up_to_the_limit(pipe: tuple[int, int], reports: Reports) -> None:
    log = LogFile("error_log", "-", pipe[1], reports)
    written: list[bytes] = []
    log.write = written.append  # type: ignore[method-assign]
    log.write_all([b"a\n", b"b" * 2000, b"c" * 2094, b"d\n", b"e" * 4096, b"f"])
    assert written == [b"a\n" + b"b" * 2000 + b"c" * 2094, b"d\n", b"e" * 4096, b"f"]
    log.write_all([])
    assert len(written) == 4
    log.close()


def test_L26_reopening_follows_a_renamed_file(tmp_path: Path, reports: Reports) -> None:
    path = tmp_path / "a.log"
    log = LogFile("access_log", str(path), 1, reports)
    log.write(b"old\n")
    path.rename(tmp_path / "a.log.1")
    log.write(b"still old\n")
    descriptor = log._fd
    log.reopen()
    log.write(b"new\n")
    assert (tmp_path / "a.log.1").read_bytes() == b"old\nstill old\n"
    assert path.read_bytes() == b"new\n"
    assert log._fd == descriptor
    assert not os.get_inheritable(descriptor)
    log.close()


def test_a_file_that_another_process_has_opened_is_adopted(tmp_path: Path, reports: Reports) -> None:
    mine, other = (LogFile("log", str(tmp_path / name), 2, reports.append) for name in ("mine", "other"))
    mine.write(b"before\n")
    number = mine.fileno()
    mine.adopt(os.dup(other.fileno()))
    mine.write(b"after\n")
    assert mine.fileno() == number
    assert not os.get_inheritable(number)
    assert (tmp_path / "mine").read_bytes() == b"before\n"
    assert (tmp_path / "other").read_bytes() == b"after\n"
    mine.close()
    other.close()


def test_reopening_finds_the_file_again_after_the_application_changed_the_directory(
    tmp_path: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    log = LogFile("access_log", "a.log", 1, reports)
    os.chdir("elsewhere")
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    log.reopen()
    log.write(b"new\n")
    assert (tmp_path / "a.log").read_bytes() == b"new\n"
    assert os.listdir(tmp_path / "elsewhere") == []
    log.close()


def test_a_relative_path_where_the_directory_is_gone(
    tmp_path: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match=r"'a\.log' cannot be opened: the current directory is gone"):
        LogFile("access_log", "a.log", 1, reports)
    LogFile("access_log", str(tmp_path / "a.log"), 1, reports).close()


def test_the_old_file_stays_in_use_where_the_new_one_cannot_be_opened(tmp_path: Path, reports: Reports) -> None:
    directory = tmp_path / "logs"
    directory.mkdir()
    log = LogFile("access_log", str(directory / "a.log"), 1, reports)
    directory.rename(tmp_path / "moved")
    log.reopen()
    log.write(b"line\n")
    assert (tmp_path / "moved" / "a.log").read_bytes() == b"line\n"
    assert len(reports) == 1
    assert reports[0].endswith("create it; the old file stays in use")
    log.close()


def test_a_stream_cannot_be_reopened_and_stays(pipe: tuple[int, int], reports: Reports) -> None:
    log = LogFile("access_log", "-", pipe[1], reports)
    log.reopen()
    log.write(b"line\n")
    assert os.read(pipe[0], 100) == b"line\n"
    log.close()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # that it has threads is what is tested
def test_L22_a_child_can_write_though_it_was_forked_while_a_thread_wrote(tmp_path):
    """The nursery of the process manager forks beside the threads of the application it has loaded."""
    read, write = os.pipe()
    log = LogFile("error_log", "-", write, pytest.fail)
    with log._lock:
        child = os.fork()
        if not child:
            log.write(b"from the child\n")
            os._exit(0)
    os.close(write)
    log.close()
    assert os.read(read, 100) == b"from the child\n"
    os.close(read)
    assert os.waitpid(child, 0)[1] == 0

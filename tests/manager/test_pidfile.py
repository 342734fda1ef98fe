"""The pid file: one living master has it, a dead one's is replaced, and nobody removes another's."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from gateways.errors import ConfigError
from gateways.manager.pidfile import PidFile, is_held
from tests.support.processes import as_nobody, in_child
from tests.support.serving import PATIENCE, until

HOLD = """
import os, sys
from gateways.manager.pidfile import PidFile
fd = int(os.environ.pop("KEPT", "-1"))
file = PidFile(sys.argv[1], fd)
file.take()
print(os.getpid(), flush=True)
word = sys.stdin.readline().strip()
if word == "exec":
    os.environ["KEPT"] = str(file.fileno())
    os.set_inheritable(file.fileno(), True)
    os.execv(sys.executable, [sys.executable, "-c", os.environ["CODE"], sys.argv[1]])
if word == "fork":
    if os.fork() == 0:
        file.remove()  # a child's wish counts for nothing
        print("forked", flush=True)
        sys.stdin.readline()
        os._exit(0)
    os.wait()
file.remove()
"""


class Holder:
    """A process that holds the pid file until it is told what to do."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)],
            env={**os.environ, "CODE": HOLD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.line()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def end(self) -> int:
        self.process.communicate("\n", timeout=PATIENCE)
        return self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def hold(path: Path) -> Iterator[Callable[[], Holder]]:
    holders: list[Holder] = []

    def start() -> Holder:
        holders.append(Holder(path))
        return holders[-1]

    yield start
    for holder in holders:
        holder.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.pid"


def refusal(path: Path | str) -> str:
    with pytest.raises(ConfigError) as caught:
        PidFile(str(path)).take()
    return str(caught.value)


def content(path: Path) -> int:
    text = path.read_text()
    assert text.endswith("\n")
    return int(text)


def test_it_is_written_and_removed(path: Path) -> None:
    before = os.umask(0o077)
    try:
        file = PidFile(str(path))
        file.take()
    finally:
        os.umask(before)
    assert content(path) == os.getpid()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(path.parent) == ["app.pid"]
    file.remove()
    assert os.listdir(path.parent) == []
    file.remove()


def test_a_relative_path_is_that_of_the_start(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(path.parent)
    file = PidFile("app.pid")
    monkeypatch.chdir(tmp_path_factory.mktemp("other"))
    file.take()
    assert content(path) == os.getpid()
    file.remove()
    assert not path.exists()


def test_one_that_a_living_process_holds_is_refused(path: Path, hold: Callable[[], Holder]) -> None:
    holder = hold()
    message = refusal(path)
    assert f"process {holder.process.pid} holds it and is running" in message
    assert str(path) in message
    assert content(path) == holder.process.pid
    assert os.listdir(path.parent) == ["app.pid"]
    assert holder.end() == 0
    assert not path.exists()


def test_one_that_a_killed_process_left_is_replaced(path: Path, hold: Callable[[], Holder]) -> None:
    hold().kill()
    assert path.exists()
    holder = hold()
    assert content(path) == holder.process.pid
    assert holder.end() == 0
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "\n", "1\n", "4194304\n"])
def test_a_number_alone_says_nothing(path: Path, text: str) -> None:
    """Process 1 lives, and had nothing to do with this file."""
    path.write_text(text)
    file = PidFile(str(path))
    file.take()
    assert content(path) == os.getpid()
    file.remove()


def test_children_of_a_killed_master_do_not_hold_it(path: Path, hold: Callable[[], Holder]) -> None:
    holder = hold()
    holder.say("fork")
    assert holder.line() == "forked"
    assert content(path) == holder.process.pid  # the child could not remove it
    os.kill(holder.process.pid, signal.SIGKILL)
    holder.process.wait(PATIENCE)
    second = hold()  # the child still lives
    assert content(path) == second.process.pid
    assert second.end() == 0


def test_it_survives_exec(path: Path, hold: Callable[[], Holder]) -> None:
    holder = hold()
    for _ in range(2):
        before = path.stat().st_ino
        holder.say("exec")
        assert holder.line() == str(holder.process.pid)
        assert path.stat().st_ino == before
        assert "is running" in refusal(path)
    assert holder.end() == 0
    assert not path.exists()


def test_after_exec_a_removed_one_is_written_anew(path: Path, hold: Callable[[], Holder]) -> None:
    holder = hold()
    path.unlink()
    holder.say("exec")
    holder.line()
    assert content(path) == holder.process.pid
    assert "is running" in refusal(path)
    assert holder.end() == 0


def test_another_processs_file_is_left_alone(path: Path) -> None:
    file = PidFile(str(path))
    file.take()
    path.unlink()
    path.write_text("1\n")
    file.remove()
    assert path.read_text() == "1\n"


def test_of_many_that_start_at_once_one_wins(path: Path) -> None:
    path.write_text("1\n")  # a stale one, which all of them want to replace
    code = HOLD.replace("file.take()", "sys.stdin.readline()\nfile.take()", 1)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    until(lambda: sum(process.poll() is not None for process in processes) == 5)  # the winner waits for a word
    [winner] = [process for process in processes if process.poll() is None]
    assert content(path) == winner.pid
    for process in processes:
        out, err = process.communicate(timeout=PATIENCE)
        assert (b"is running" in err) == (process is not winner), (out, err)
    assert not path.exists()
    assert os.listdir(path.parent) == []


# What is in the way


def test_a_missing_directory(tmp_path: Path) -> None:
    message = refusal(tmp_path / "absent" / "app.pid")
    assert f"there is no directory {tmp_path}/absent; create it" in message


def test_a_file_that_is_no_pid_file_is_not_touched(path: Path) -> None:
    path.write_text("[pool]\nworkers = 4\n")
    assert "exists and is no pid file" in refusal(path)
    assert path.read_text() == "[pool]\nworkers = 4\n"


def test_other_kinds_of_file(path: Path) -> None:
    os.mkfifo(path)
    assert "exists and is no pid file" in refusal(path)
    path.unlink()
    path.mkdir()
    assert "Is a directory" in refusal(path)


def test_a_link_is_not_followed(path: Path) -> None:
    (path.parent / "precious").write_text("1\n")
    path.symlink_to("precious")
    assert "it is a symbolic link" in refusal(path)
    assert (path.parent / "precious").read_text() == "1\n"


def test_a_directory_that_may_not_be_written(path: Path) -> None:
    path.parent.chmod(0o755)
    for parent in list(path.parents)[1:3]:
        parent.chmod(0o755)
    if os.geteuid() != 0:
        path.parent.chmod(0o555)
    message = as_nobody(lambda: refusal(path))
    path.parent.chmod(0o755)
    assert f"let it write in {path.parent}" in message


def test_the_current_directory_is_gone(tmp_path: Path) -> None:
    def attempt() -> str:
        gone = tmp_path / "gone"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()
        return refusal("app.pid")

    assert "the current directory is gone; give an absolute path" in in_child(attempt)


def test_what_a_killed_process_of_our_number_left_is_no_hindrance(path: Path) -> None:
    (path.parent / f".app.pid.{os.getpid()}").write_text("half")
    file = PidFile(str(path))
    file.take()
    assert os.listdir(path.parent) == ["app.pid"]
    file.remove()


def test_others_see_that_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    holder = Holder(path)
    with path.open("rb") as file:
        assert is_held(file.fileno())
        holder.process.kill()
        holder.process.communicate()
        assert not is_held(file.fileno())

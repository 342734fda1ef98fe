"""Orphans come to us, and all that has ended is collected."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from gateways.manager import subreaper
from gateways.manager.subreaper import become_subreaper, is_available, is_subreaper, reap
from tests.support.processes import in_child
from tests.support.serving import until

pytestmark = pytest.mark.skipif(not is_available(), reason="no prctl(2) here")


def orphan(code: int) -> int:
    """Start a process, have its parent end, and return its number. It ends with ``code`` when it was adopted."""
    receiver, sender = os.pipe()
    middle = os.fork()
    if not middle:
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            while os.getppid() == parent:
                pass
            os._exit(code)
        os.write(sender, b"%d" % pid)
        os._exit(0)
    os.close(sender)
    with open(receiver, "rb") as pipe:
        pid = int(pipe.read())
    os.waitpid(middle, 0)
    return pid


def collect(count: int) -> list[tuple[int, int]]:
    ended: list[tuple[int, int]] = []
    until(lambda: ended.extend(reap()) or len(ended) >= count)
    return ended


def test_orphans_are_inherited_and_collected() -> None:
    def adopt() -> bool:
        assert not is_subreaper()
        assert become_subreaper()
        assert is_subreaper()
        pids = [orphan(code) for code in (3, 4)]
        ended = dict(collect(2))
        return [os.WEXITSTATUS(ended[pid]) for pid in pids] == [3, 4] and reap() == []

    assert in_child(adopt)


def test_children_are_no_subreapers_and_exec_keeps_it() -> None:
    code = "from gateways.manager.subreaper import is_subreaper; raise SystemExit(10 + is_subreaper())"

    def execute() -> list[int]:
        become_subreaper()
        statuses = []
        for before in ("pass", "become_subreaper()"):
            pid = os.fork()
            if not pid:
                exec(before, globals())
                os.execv(sys.executable, [sys.executable, "-c", code])
            [(ended, status)] = collect(1)
            assert ended == pid
            statuses.append(os.WEXITSTATUS(status))
        return statuses

    assert in_child(execute) == [10, 11]


def test_how_they_ended_is_told() -> None:
    def kill() -> list[int]:
        pids = []
        for _ in range(3):
            pid = os.fork()
            if not pid:
                signal.pause()
            pids.append(pid)
        assert reap() == []  # it does not wait
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return [os.WTERMSIG(status) for _, status in collect(3)]

    assert in_child(kill) == [signal.SIGKILL] * 3


def test_without_children_there_is_nothing() -> None:
    assert in_child(reap) == []


def test_where_the_system_has_no_such_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subreaper.sys, "platform", "freebsd14")
    assert not is_available()
    assert not become_subreaper()
    assert not is_subreaper()


def test_a_python_without_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert not is_available()
    assert not become_subreaper()

"""gateways.server.respawning: a process that a web server started gives way to a new one, and no request is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import wire
from tests.support.serving import until
from tests.support.spawning import Spawned, read_body, spawning


def rewrite(spawned: Spawned) -> None:
    spawned.install("two")


def touch(spawned: Spawned) -> None:
    (spawned.directory / "restart.txt").touch()


def touch_for_passenger(spawned: Spawned) -> None:
    (spawned.directory / "tmp").mkdir()
    (spawned.directory / "tmp" / "restart.txt").touch()


def touch_script(spawned: Spawned) -> None:
    os.utime(spawned.script)


@pytest.mark.parametrize("keep", [False, True])
def test_it_begins_anew_when_a_file_changes_and_loses_nothing(socket_dir: Path, keep: bool) -> None:
    with spawning(socket_dir) as spawned:
        with spawned.loading(100, "/pid", "/slow0.02", keep=keep) as load:
            until(lambda: b"one" in load.report.bodies)
            for number, version in enumerate(("two", "six", "ten"), 2):  # of one size, and within a second or two
                spawned.install(version)
                spawned.until_serving(number)
                spawned.until_version(version)
            until(lambda: b"ten" in load.report.bodies)
        assert not load.report.failures, load.report
        assert spawned.log.count(f"{spawned.module} has changed; starting anew") == 3
        assert set(load.report.bodies) >= {str(spawned.process.pid).encode(), b"one", b"ten"}
        assert spawned.end() == 0


@pytest.mark.parametrize("change", [touch, touch_for_passenger, touch_script])
def test_it_begins_anew_when_a_file_is_touched(socket_dir: Path, change: Callable[[Spawned], None]) -> None:
    with spawning(socket_dir, protocol="scgi") as spawned:
        with spawned.loading(100, "/pid") as load:
            change(spawned)
            spawned.until_serving(2)
        assert not load.report.failures, load.report
        assert spawned.end() == 0


def test_one_that_is_touched_again_and_again(socket_dir: Path) -> None:
    with spawning(socket_dir) as spawned:
        for number in range(2, 5):
            touch(spawned)
            spawned.until_serving(number)
        assert spawned.end() == 0


@pytest.mark.parametrize("keep", [False, True])
def test_max_requests(socket_dir: Path, keep: bool) -> None:
    with spawning(socket_dir, max_requests=20, renew_on="never") as spawned:
        with spawned.loading(100, "/pid", "/slow0.01", keep=keep) as load:
            spawned.until_serving(4)
        assert not load.report.failures, load.report
        assert set(load.report.bodies) == {str(spawned.process.pid).encode(), b"one"}
        assert "requests served (max_requests); starting anew" in spawned.log
        assert spawned.ends_well()


def test_max_memory(socket_dir: Path) -> None:
    with spawning(socket_dir, max_memory="120M") as spawned:
        with spawned.loading(50, "/pid") as load:
            assert spawned.ask("/hoard150000000") == "one"
            spawned.until_serving(2)
        assert not load.report.failures, load.report
        assert "of memory in use (max_memory is 120.0 MiB); starting anew" in spawned.log


def test_renew_on_restart_and_never(socket_dir: Path) -> None:
    looks = 'print("renew_on", gateways.server.renewal.LOOK_INTERVAL, file=sys.stderr)'
    with spawning(socket_dir, code=looks, renew_on="restart") as spawned:
        rewrite(spawned)
        touch(spawned)
        spawned.until_serving(2)
        assert "restart.txt has changed" in spawned.log
        assert "app.py has changed" not in spawned.log
        assert spawned.end() == 0
    (socket_dir / "socket").unlink()
    with spawning(socket_dir, renew_on="never", max_requests=3) as spawned:
        touch(spawned)
        for _ in range(3):
            spawned.ask()
        spawned.until_serving(2)
        assert "restart.txt" not in spawned.log


# What cannot be loaded


def test_a_module_that_fails_is_answered_with_500_until_it_is_mended(socket_dir: Path) -> None:
    with spawning(socket_dir) as spawned:
        spawned.write(spawned.module, "import absent_framework\n")
        spawned.until_serving(2)
        assert "could not be loaded" in spawned.ask()
        assert "No module named 'absent_framework'" in spawned.log
        spawned.install("second")
        spawned.until_version("second")
        spawned.install("third")
        spawned.until_version("third")
        assert spawned.end() == 0


# What is in hand


def test_a_request_in_hand_is_finished_and_others_are_served_beside_it(socket_dir: Path) -> None:
    released = socket_dir / "released"
    with spawning(socket_dir) as spawned:
        with spawned.send(f"/wait{released}") as slow:
            until(lambda: spawned.ask() == "one")
            rewrite(spawned)
            for _ in range(20):
                assert spawned.ask() == "one"
            released.touch()
            assert read_body(slow) == "one"
        spawned.until_version("two")
        assert spawned.end() == 0


def test_a_request_that_never_ends_is_dropped_after_graceful_timeout(socket_dir: Path) -> None:
    with spawning(socket_dir, graceful_timeout=0.4) as spawned:
        with spawned.send("/wait/never") as slow:
            rewrite(spawned)
            assert wire.receive_all(slow) == b""
        spawned.until_version("two")
        assert "stopped after 0.2 s with 1 connections in hand" in spawned.log
        assert spawned.ask("/pid") == str(spawned.process.pid)
        assert spawned.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_ends_it_all_the_same(socket_dir: Path, number: int) -> None:
    """lighttpd sends SIGTERM once, and waits for ever: it must not get lost with the old program."""
    with spawning(socket_dir, graceful_timeout=6) as spawned, spawned.send("/wait/never"):
        rewrite(spawned)
        spawned.until_log("starting anew")
        assert spawned.end(number) == 1
        assert spawned.log.count("serving") == 1

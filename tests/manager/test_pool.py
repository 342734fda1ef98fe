"""Pools from outside: how many workers there are, and of what kind."""

from __future__ import annotations

import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.managing import managing
from tests.support.serving import PATIENCE, until


@pytest.mark.parametrize("flags", [(), ("--preload",)], ids=["", "preload"])
def test_ondemand_has_no_worker_until_it_is_needed(flags: tuple[str, ...]) -> None:
    with managing("--workers", "2", "--pm", "ondemand", "--idle-timeout", "0.3", *flags, ready=False) as managed:
        managed.until("serving fastcgi")
        assert managed.workers() == []
        worker = managed.worker()
        assert managed.workers() == [worker] or managed.workers() == []
        until(lambda: managed.workers() == [])
        assert managed.worker() != worker


def test_ondemand_starts_more_while_all_are_busy() -> None:
    flags = ("--workers", "3", "--threads", "1", "--pm", "ondemand", "--graceful-timeout", "0.1")
    with managing(*flags) as managed, ExitStack() as stack:
        for number in range(3):  # one after the other: a worker may accept two connections before it reads the first
            stack.enter_context(managed.begin(f"busy{number}", 30)[0])
            if number:
                until(lambda number=number: len(managed.workers()) >= number + 1)
        assert len(managed.workers()) == 3


def test_dynamic_keeps_spare_workers() -> None:
    flags = ("--workers", "4", "--threads", "1", "--pm", "dynamic", "--min-spare", "1", "--max-spare", "1")
    with managing(*flags) as managed, ExitStack() as stack:
        until(lambda: len(managed.workers()) == 1)
        for number in range(2):
            stack.enter_context(managed.hold(f"busy{number}")[0])
            until(lambda number=number: len(managed.workers()) == number + 2)
        for number in range(2):
            managed.release(f"busy{number}")
        until(lambda: len(managed.workers()) == 1)


def test_one_worker_less_and_one_more() -> None:
    with managing("--workers", "2") as managed:
        managed.signal(signal.SIGTTOU)
        until(lambda: len(managed.workers()) == 1)
        managed.signal(signal.SIGTTIN)
        until(lambda: len(managed.workers()) == 2)


@pytest.mark.parametrize("flags", [(), ("--preload",)], ids=["", "preload"])
def test_L29_max_requests_replaces_workers_and_loses_nothing(flags: tuple[str, ...]) -> None:
    with managing("--workers", "2", "--max-requests", "10", *flags) as managed:
        served = {managed.worker() for _ in range(60)}
        assert len(served) >= 4
        until(lambda: len(managed.workers()) == 2)


def connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


def test_a_reload_while_the_first_workers_start_has_an_end() -> None:
    """Nobody is told of the end of the first generation, which is no reload."""
    with managing("--workers", "2", "--control", "{dir}/control", ready=False) as managed:
        until(lambda: connects(managed.control))
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(str(managed.control))
            sock.sendall(b'{"ask": "reload"}\n')
            with sock.makefile("rb") as answer:
                assert list(answer)[-1] == b'{"done": true, "failure": ""}\n'


def test_a_stop_while_a_nursery_forks_ends_all() -> None:
    """Workers that are told to end before they have said a word are counted out all the same."""
    for _ in range(4):
        with managing("--workers", "3", "--preload", ready=False) as managed:
            managed.until("serving fastcgi")
            until(lambda managed=managed: managed.worker() > 0)
            managed.signal(signal.SIGHUP)
            assert managed.stop() == 0


def test_two_pools_of_one_file() -> None:
    config = """
        [gateways]
        access_log = "off"
        error_log = "{dir}/log"
        [pool.one]
        application = "{app}"
        fastcgi = ["unix:{dir}/socket"]
        workers = 1
        env = { WHICH = "one" }
        [pool.two]
        application = "{app}"
        scgi = ["unix:{dir}/other"]
        workers = 2
        env = { WHICH = "two" }
    """
    with managing(config=config) as managed:
        until(lambda: len(managed.workers()) == 3)
        assert managed.ask("/environ/WHICH").body == b"one"
        assert (managed.directory / "other").exists()

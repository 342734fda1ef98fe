"""What is passed on to the next program, written and read again."""

from __future__ import annotations

import json
import os

import pytest

from gateways.errors import ConfigError
from gateways.manager.handover import (
    VARIABLE,
    Handover,
    PassedFile,
    PassedListener,
    PassedPool,
    PassedWorker,
    describe,
    read,
)


@pytest.fixture
def fds():
    """Inheritable descriptors."""
    found = [os.open(os.devnull, os.O_RDONLY) for _ in range(6)]
    for fd in found:
        os.set_inheritable(fd, True)
    yield found
    for fd in found:
        os.close(fd)


def make(fds: list[int]) -> Handover:
    return Handover(
        listeners=(
            PassedListener("shop", "fastcgi", "unix:/run/shop.sock", fds[0], (7, 4711)),
            PassedListener("blog", "scgi", ":4000", fds[1]),
        ),
        pools={
            "shop": PassedPool(
                9, 3, (PassedWorker(7, 3, 100, fds[2], 4), PassedWorker(2, 1, 50, fds[3], -1, True)), 5.0
            ),
            "blog": PassedPool(1, 1),
        },
        control=PassedFile("/run/control", fds[4], (7, 4712)),
        pid_file=PassedFile("/run/pid", fds[5]),
        why="SIGUSR2",
    )


def test_it_comes_back_as_it_was(fds):
    environ = {VARIABLE: describe(make(fds)), "HOME": "/"}
    assert read(environ) == make(fds)
    assert environ == {"HOME": "/"}
    assert not any(map(os.get_inheritable, fds))


def test_without_the_variable_nothing_was_passed_on():
    assert read({}) is None
    assert read({VARIABLE: ""}) is None


def test_a_trial_opens_nothing(fds):
    handover = make(fds).for_trial()
    assert handover.descriptors() == []
    assert handover.trial
    assert [listener.address for listener in handover.listeners] == ["unix:/run/shop.sock", ":4000"]


def test_a_trial_is_for_a_child_and_a_handover_for_the_process_itself(fds):
    for handover in (make(fds), make(fds).for_trial()):
        whole = json.loads(describe(handover))
        other = {**whole, "pid": os.getppid() if not handover.trial else os.getpid()}
        own = {**whole, "pid": os.getpid() if not handover.trial else os.getppid()}
        assert read({VARIABLE: json.dumps(own)}) == handover
        with pytest.raises(ConfigError, match=f"{VARIABLE} is for process {other['pid']}; unset it"):
            read({VARIABLE: json.dumps(other)})


def test_what_a_later_version_adds_is_passed_over():
    whole = {**json.loads(describe(Handover(why="x"))), "colour": "green"}
    assert read({VARIABLE: json.dumps(whole)}) == Handover(why="x")


@pytest.mark.parametrize("text", ["1", "{", "[]", "{}", '{"version": 2}', '{"version": 1}', "[" * 5000])
def test_what_cannot_be_read(text):
    with pytest.raises(ConfigError, match=f"{VARIABLE} cannot be used"):
        read({VARIABLE: text})


def test_descriptors_that_are_not_open(fds):
    handover = make(fds)._replace(board=1_000_000)
    with pytest.raises(ConfigError, match="cannot be used"):
        read({VARIABLE: describe(handover)})


def test_so_many_workers_fit_into_a_variable():
    def pool(count: int) -> PassedPool:
        rows = (PassedWorker(10**6 + number, 10**4, 4_000_000, 3000 + number, number) for number in range(count))
        return PassedPool(10**6, 10**4, tuple(rows))

    describe(Handover(pools={"shop": pool(2048)}))
    with pytest.raises(OverflowError, match="too many workers to pass on: 8000"):
        describe(Handover(pools={"shop": pool(4000), "blog": pool(4000)}))

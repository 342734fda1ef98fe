"""Two machines behind nginx and HAProxy, with their files of conf/: no request is lost while one of them is reloaded,
stopped, started and killed.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from tests.live.machines import FRONTS, Backend, Front, several_machines
from tests.live.sandbox import Sandbox
from tests.support.load import Outcome, Target, ask, loading
from tests.support.serving import PATIENCE, until

pytestmark = [pytest.mark.live, pytest.mark.slow]

BODY = b"x" * 300
RATE = 25.0
"""Requests a second: of each kind that a test sends."""

IN_HAND = 1.5
"""Seconds that the application takes for a request which is in hand while something happens to its machine."""

_names = itertools.count()


@pytest.fixture(scope="module", params=FRONTS)
def running(request: pytest.FixtureRequest) -> Iterator[tuple[Front, list[Backend]]]:
    """A web server and two machines, for all tests of this module."""
    sandbox = Sandbox(applications=False)
    try:
        with several_machines(request.param, sandbox) as booted:
            yield booted
    finally:
        sandbox.close()


@pytest.fixture
def front(running: tuple[Front, list[Backend]]) -> Front:
    """The web server."""
    return running[0]


@pytest.fixture
def backend(running: tuple[Front, list[Backend]]) -> Backend:
    """The machine that something happens to, and that gets requests now."""
    front, (first, _) = running
    if not first.serves:
        first.start()
    serves(front.target, first)
    return first


def serves(target: Target, backend: Backend) -> None:
    """Wait until requests come to a backend, after it was away."""

    def answers() -> bool:
        time.sleep(0.05)  # a web server looks for it once in some seconds; do not flood the other one meanwhile
        outcome = ask(target, "/pid")
        assert outcome.failure == ""
        return int(outcome.body) in backend.managed.workers()

    until(answers, f"for a request at {backend.address}")


@contextlib.contextmanager
def lossless(front: Front, *, post: bool) -> Iterator[None]:
    """Send GET requests, and POST requests if asked to, while the block runs: each is answered, and whole."""
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(loading(front.target, RATE, "/pid", "/sleep/0.2"))]
        if post:
            loads.append(stack.enter_context(loading(front.target._replace(body=BODY), RATE, "/count")))
        until(lambda: all(load.begun > 5 for load in loads))
        yield
        begun = [load.begun for load in loads]
        until(lambda: all(load.begun > before + 10 for load, before in zip(loads, begun)))
    for load in loads:
        assert load.report.failures == {}
    if post:
        assert set(loads[1].report.bodies) == {b"%d" % len(BODY)}


class InHand:
    """A request through the web server that the application of a certain machine has in hand."""

    def __init__(self, target: Target, backend: Backend, seconds: float = IN_HAND) -> None:
        self._target = target
        self._seconds = seconds
        self._threads: list[threading.Thread] = []
        self.outcomes: list[Outcome] = []
        self.worker = 0
        until(lambda: self._send(backend), f"for a request at {backend.address}")

    def _send(self, backend: Backend) -> bool:
        """Whether this one came to the backend; otherwise the other one has it."""
        name = f"begun-{next(_names)}"
        thread = threading.Thread(target=self._ask, args=(f"/begin/{name}/{self._seconds}",), daemon=True)
        thread.start()
        self._threads.append(thread)
        time.sleep(0.05)
        path = backend.directory / name
        if path.exists():
            self.worker = int(path.read_text())
        return self.worker != 0

    def _ask(self, path: str) -> None:
        self.outcomes.append(ask(self._target, path))

    def answered(self) -> set[int]:
        """The workers that answered this request and those on the way to it; none of them was lost."""
        for thread in self._threads:
            thread.join(PATIENCE)
        assert [outcome.failure for outcome in self.outcomes] == [""] * len(self._threads)
        return {int(outcome.body) for outcome in self.outcomes}


def test_a_machine_is_reloaded(front: Front, backend: Backend) -> None:
    with lossless(front, post=True):
        request = InHand(front.target._replace(body=BODY), backend)
        backend.reload()
        assert request.worker in request.answered()
    serves(front.target, backend)


def test_a_machine_is_taken_out_and_stopped(front: Front, backend: Backend) -> None:
    with lossless(front, post=True):
        front.drain(0)
        backend.stop()
        backend.start()
        front.restore(0)
        serves(front.target, backend)


def test_a_machine_is_stopped(front: Front, backend: Backend) -> None:
    """Nobody has told the web server: requests in hand are finished, POST ones too, and new ones go to the other."""
    with lossless(front, post=False):
        request = InHand(front.target._replace(body=BODY), backend)
        backend.stop()
        assert request.worker in request.answered()
    with lossless(front, post=True):
        backend.start()
        serves(front.target, backend)


def test_a_machine_is_killed(front: Front, backend: Backend) -> None:
    """What it had in hand is asked for again at the other: it may be, as it is GET."""
    with lossless(front, post=False):
        request = InHand(front.target, backend, 4.0)  # it must not be over before
        backend.kill()
        assert request.worker not in request.answered()

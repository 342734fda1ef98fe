"""Link and Board, in Python and in C: one test for both, so that they stay twins."""

from __future__ import annotations

import threading
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gateways.adapters import _pure, speedups


@pytest.fixture(params=["pure", "C"])
def twin(request: pytest.FixtureRequest) -> Any:
    """The module with the two types."""
    if request.param == "pure":
        return _pure
    if speedups.module is None:
        pytest.skip(speedups.describe())
    return speedups.module


def make_board(twin: ModuleType) -> Any:
    lock = threading.Lock()
    woken: list[str] = []
    board = twin.Board(lock, lambda: woken.append("woken"))
    return SimpleNamespace(board=board, lock=lock, woken=woken)


def test_both_have_the_same_names() -> None:
    if speedups.module is None:
        pytest.skip(speedups.describe())
    for name in ("Link", "Board"):
        ours = set(dir(_pure.Link() if name == "Link" else _pure.Board(threading.Lock(), print)))
        theirs = set(dir(getattr(speedups.module, name)))
        assert {attribute for attribute in ours if not attribute.startswith("_")} - {"read"} == {
            attribute for attribute in theirs if not attribute.startswith("_")
        }


def test_a_new_link(twin: ModuleType) -> None:
    link = twin.Link()
    values = {name: getattr(link, name) for name in _pure.Link.__slots__}
    flags = dict.fromkeys(("ahead", "detached", "keep", "waiting", "watched"), False)
    assert values == {**flags, "deadline": 0.0, "errors": None, "fd": -1, "fresh": True, "number": 0, "record": -1}
    for name in values.keys() - {"number", "record"}:
        value: Any = {"deadline": 2.5, "errors": [], "fd": 7, "fresh": False}.get(name, True)
        setattr(link, name, value)
        assert getattr(link, name) == value
    link.admit()  # it has been


def test_on_readable_reads(twin: ModuleType) -> None:
    class Reader(twin.Link):  # type: ignore[name-defined,misc]
        __slots__ = ("count",)

        def read(self) -> None:
            self.count += 1

    reader = Reader()
    reader.count = 0
    reader.on_readable()
    assert reader.count == 1


def test_an_error_in_read_comes_out(twin: ModuleType) -> None:
    class Reader(twin.Link):  # type: ignore[name-defined,misc]
        def read(self) -> None:
            raise LookupError

    with pytest.raises(LookupError):
        Reader().on_readable()


def test_a_request_begins_and_ends(twin: ModuleType) -> None:
    made, link = make_board(twin), twin.Link()
    assert (made.board.busy, made.board.served) == (None, 0)
    made.board.begin(link)
    assert (made.board.busy, made.board.served) == (link, 1)
    made.board.end(link)
    assert (made.board.busy, made.board.served, made.woken) == (None, 1, [])


def test_a_request_wakes_a_monitor_that_rests(twin: ModuleType) -> None:
    made, link = make_board(twin), twin.Link()
    made.board.resting = True
    made.board.begin(link)
    made.board.end(link)
    assert made.woken == ["woken"]


def test_what_a_thread_that_no_longer_leads_does_is_not_counted(twin: ModuleType) -> None:
    made, link, other = make_board(twin), twin.Link(), twin.Link()
    made.board.begin(other)
    link.detached = True
    made.board.begin(link)
    made.board.end(link)
    assert (made.board.busy, made.board.served) == (other, 1)


def test_only_the_same_request_of_the_same_connection_is_taken(twin: ModuleType) -> None:
    made, link = make_board(twin), twin.Link()
    made.board.begin(link)
    assert not made.board.take(twin.Link(), 1)
    assert not made.board.take(link, 0)
    assert made.board.busy is link
    assert made.board.take(link, 1)
    assert made.board.busy is None
    assert not made.board.take(link, 1)


def test_an_end_waits_for_the_promotion_that_has_begun(twin: ModuleType) -> None:
    """The old leader must find ``detached`` set, or two threads would lead."""
    made, link = make_board(twin), twin.Link()
    made.board.begin(link)
    found: list[bool] = []

    def end() -> None:
        made.board.end(link)
        found.append(link.detached)

    with made.lock:
        assert made.board.take(link, 1)
        thread = threading.Thread(target=end)
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()
        link.detached = True
    thread.join()
    assert found == [True]


def test_what_the_server_sets(twin: ModuleType) -> None:
    board = make_board(twin).board
    assert (board.stopping, board.resting, board.next_sweep) == (False, False, 0.0)
    board.stopping, board.next_sweep = True, 5.5
    assert (board.stopping, board.next_sweep) == (True, 5.5)

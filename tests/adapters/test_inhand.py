"""The records of requests in hand, in Python and in C: both have to write the same bytes."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters import _pure, inhand, speedups
from gateways.adapters.inhand import ENDED, HEADER_SIZE, IDLE_SINCE, LAST, NUMBER, RECORD_SIZE, SENT, SERVED, SINCE

TWINS = [_pure] if speedups.module is None else [_pure, speedups.module]
ENVIRON = {
    "REQUEST_METHOD": "POST",
    "REQUEST_URI": "/app/a%20b?x=1",
    "SCRIPT_NAME": "/app",
    "PATH_INFO": "/a b",
    "QUERY_STRING": "x=1",
    "REMOTE_ADDR": "192.0.2.7",
    "REMOTE_USER": "alice",
    "SCRIPT_FILENAME": "/srv/app.py",
    "CONTENT_LENGTH": "1234",
}


class Area:
    """An area of memory, the Board of a twin that writes to it, and views to look at it."""

    def __init__(self, twin: Any, records: int) -> None:
        self.bytes = bytearray(inhand.area_size(records))
        self.words = memoryview(self.bytes).cast("q")
        self.times = memoryview(self.bytes).cast("d")
        self.board = twin.Board(threading.Lock(), print, self.bytes)

    def word(self, record: int, word: int) -> int:
        return (HEADER_SIZE + record * RECORD_SIZE) // inhand.WORD + word

    def in_hand(self) -> list[int]:
        """The numbers of the requests in hand."""
        records = range((len(self.bytes) - HEADER_SIZE) // RECORD_SIZE)
        return [
            self.words[self.word(record, NUMBER)]
            for record in records
            if self.words[self.word(record, NUMBER)] and not self.times[self.word(record, ENDED)]
        ]

    def text(self, record: int, place: tuple[int, int]) -> tuple[str, int]:
        size = self.words[self.word(record, inhand.SIZES + inhand.TEXTS.index(place))]
        start = HEADER_SIZE + record * RECORD_SIZE + place[0]
        return self.bytes[start : start + min(size, place[1])].decode("latin-1"), size

    def timeless(self) -> bytes:
        """All of it, without the times, which differ."""
        copy = bytearray(self.bytes)
        times = memoryview(copy).cast("d")
        times[IDLE_SINCE] = 0.0
        for record in range((len(copy) - HEADER_SIZE) // RECORD_SIZE):
            times[self.word(record, SINCE)] = 0.0
            times[self.word(record, ENDED)] = bool(times[self.word(record, ENDED)])
        return bytes(copy)


@pytest.fixture(params=TWINS, ids=lambda twin: twin.__name__.rpartition("_")[2])
def twin(request: pytest.FixtureRequest) -> Any:
    """The module with Link and Board."""
    return request.param


def test_a_request_is_seen_from_begin_to_end(twin: Any) -> None:
    area, link = Area(twin, 2), twin.Link()
    assert (link.number, link.record) == (0, -1)
    area.board.begin(link, ENVIRON)
    assert (link.number, link.record, area.in_hand()) == (1, 0, [1])
    assert area.text(0, inhand.METHOD) == ("POST", 4)
    assert area.text(0, inhand.URI) == ("/app/a%20b?x=1", 14)
    assert area.text(0, inhand.ADDRESS) == ("192.0.2.7", 9)
    assert area.text(0, inhand.USER) == ("alice", 5)
    assert area.text(0, inhand.SCRIPT) == ("/srv/app.py", 11)
    assert area.words[area.word(0, inhand.LENGTH)] == 1234
    assert area.times[area.word(0, SINCE)] == area.board.since
    assert area.times[IDLE_SINCE] == 0.0
    area.board.end(link, 500)
    assert (link.number, link.record, area.in_hand()) == (1, -1, [])
    assert area.words[area.word(0, SERVED)] == 1
    assert area.words[area.word(0, SENT)] == 500
    assert area.times[IDLE_SINCE] == area.times[area.word(0, ENDED)] >= area.board.since > 0
    assert area.text(0, inhand.URI) == ("/app/a%20b?x=1", 14)  # who looks later sees the last request


def test_several_threads_have_a_record_each(twin: Any) -> None:
    area, links = Area(twin, 3), [twin.Link() for _ in range(3)]
    for link in links:
        area.board.begin(link, ENVIRON)
    assert ([link.record for link in links], area.in_hand()) == ([0, 1, 2], [1, 2, 3])
    area.board.end(links[1])
    assert (area.in_hand(), area.words[LAST], area.times[IDLE_SINCE]) == ([1, 3], 1, 0.0)
    links[1].detached = True  # a thread that no longer leads is seen, too
    area.board.begin(links[1], ENVIRON)
    assert (links[1].record, links[1].number) == (1, 4)
    for link in links:
        area.board.end(link)
    assert area.in_hand() == []
    assert area.times[IDLE_SINCE] > 0
    assert [area.words[area.word(record, SERVED)] for record in range(3)] == [1, 2, 1]


def test_without_a_free_record_a_request_is_not_seen(twin: Any) -> None:
    area, first, second = Area(twin, 1), twin.Link(), twin.Link()
    area.board.begin(first, ENVIRON)
    area.board.begin(second, ENVIRON)
    assert (second.record, second.number, area.in_hand()) == (-1, 2, [1])
    area.board.end(second, 5)
    area.board.end(first)
    area.board.end(first, 5)  # after a fault it may be said twice
    assert (area.words[area.word(0, SERVED)], area.words[area.word(0, SENT)]) == (1, 0)


def test_a_request_that_never_ended_makes_room_for_the_next_of_its_connection(twin: Any) -> None:
    area, link = Area(twin, 2), twin.Link()
    area.board.begin(link, ENVIRON)
    area.board.begin(link, ENVIRON)
    assert (link.record, area.in_hand()) == (0, [2])


def test_a_request_that_could_not_be_read_has_no_texts(twin: Any) -> None:
    area, link = Area(twin, 1), twin.Link()
    area.board.begin(link, ENVIRON)
    area.board.end(link)
    area.board.begin(link)
    assert area.in_hand() == [2]
    assert {area.text(0, place) for place in inhand.TEXTS} == {("", 0)}


@pytest.mark.parametrize(
    ("environ", "uri"),
    [
        ({}, ""),
        ({"SCRIPT_NAME": "/app"}, "/app"),
        ({"SCRIPT_NAME": "/app", "PATH_INFO": "/a"}, "/app/a"),
        ({"PATH_INFO": "/a", "QUERY_STRING": ""}, "/a"),
        ({"PATH_INFO": "/a", "QUERY_STRING": "b=1"}, "/a?b=1"),
        ({"REQUEST_URI": "/x", "PATH_INFO": "/a"}, "/x"),
        ({"REQUEST_URI": "", "PATH_INFO": "/a"}, "/a"),
    ],
)
def test_the_uri_is_made_from_its_parts_where_there_is_none(twin: Any, environ: dict[str, str], uri: str) -> None:
    area = Area(twin, 1)
    area.board.begin(twin.Link(), environ)
    assert area.text(0, inhand.URI) == (uri, len(uri))


@pytest.mark.parametrize(
    ("length", "number"), [("", 0), ("0", 0), ("007", 7), ("-1", 0), ("1x", 0), ("9" * 18, 10**18 - 1), ("9" * 19, 0)]
)
def test_the_length_of_the_body(twin: Any, length: str, number: int) -> None:
    area = Area(twin, 1)
    area.board.begin(twin.Link(), {"CONTENT_LENGTH": length})
    assert area.words[area.word(0, inhand.LENGTH)] == number


def test_an_area_without_a_record(twin: Any) -> None:
    with pytest.raises(ValueError, match="no room"):
        twin.Board(threading.Lock(), print, bytearray(HEADER_SIZE))


def test_an_area_that_cannot_be_written(twin: Any) -> None:
    with pytest.raises((BufferError, TypeError)):
        twin.Board(threading.Lock(), print, bytes(inhand.area_size(1))).begin(twin.Link(), ENVIRON)


def test_a_link_of_another_board(twin: Any) -> None:
    large, small, links = Area(twin, 2), Area(twin, 1), [twin.Link(), twin.Link()]
    for link in links:
        large.board.begin(link, ENVIRON)
    try:
        small.board.begin(links[1], ENVIRON)
        small.board.end(links[1])
    except IndexError:  # Python says so
        assert twin is _pure
    assert small.in_hand() == []


texts = st.text(st.characters(max_codepoint=0x1FFF, exclude_categories=["Cs"]), max_size=40).flatmap(
    lambda text: st.integers(0, 20).map(lambda times: text * times)
)
environs = st.dictionaries(st.sampled_from(sorted(ENVIRON)), texts)
steps = st.lists(st.one_of(st.tuples(st.integers(0, 3), environs), st.tuples(st.integers(0, 3), st.integers(0, 10**9))))


@pytest.mark.skipif(len(TWINS) == 1, reason=speedups.describe())
@given(steps)
def test_both_write_the_same(steps: list[tuple[int, Any]]) -> None:
    written = []
    for twin in TWINS:
        area, links = Area(twin, 3), [twin.Link() for _ in range(4)]
        for index, step in steps:
            if isinstance(step, dict):
                area.board.begin(links[index], step)
            else:
                area.board.end(links[index], step)
        written.append((area.timeless(), [(link.number, link.record) for link in links]))
    assert written[0] == written[1]

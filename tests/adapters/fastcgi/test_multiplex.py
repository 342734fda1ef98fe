"""gateways.adapters.fastcgi.multiplex without a socket: several requests on one connection, one case of each kind."""

from __future__ import annotations

from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters.events import ABORTED, Limits, Request
from gateways.adapters.fastcgi.multiplex import Abort, Begun, Demultiplexer, More
from gateways.errors import ProtocolError
from tests.support import wire
from tests.support.drive import cut

ROLE = (b"FCGI_ROLE", b"RESPONDER")


def start(id: int, *params: tuple[bytes, bytes]) -> bytes:
    return wire.begin(id, keep=True) + wire.stream(wire.PARAMS, id, wire.pairs(params or wire.post(4)))


class Driver:
    """Takes all events, and keeps what came of each request."""

    def __init__(self, most: int = 3) -> None:
        self.demux = Demultiplexer(Limits(2000, 30), most)
        self.protocols: dict[int, Any] = {}
        self.events: list[Any] = []
        self.bodies: dict[int, list[Any]] = {}
        self.output = b""

    def take(self, data: bytes) -> list[Any]:
        """Receive ``data`` and return the events that it led to."""
        before = len(self.events)
        self.demux.receive_data(data)
        try:
            while (event := self.demux.next_event()) is not None:
                self._take(event)
        except ProtocolError as error:
            self.events.append(("error", str(error)))
        self.output += b"".join(self.demux.outgoing)
        self.demux.outgoing.clear()
        return self.events[before:]

    def _take(self, event: Any) -> None:
        if isinstance(event, Begun):
            self.protocols[event.id] = event.protocol
            self.bodies[event.id] = []
            what = list(event.request.variables) if isinstance(event.request, Request) else event.request.status
            self.events.append((event.id, what))
            return
        protocol = self.protocols[event.id]
        if isinstance(event, Abort):
            self.events.append((event.id, "aborted"))
            return
        assert isinstance(event, More)
        protocol.receive_data(event.data)
        while (piece := protocol.next_event()) is not None:
            assert piece is not ABORTED
            body = self.bodies[event.id]
            if body and isinstance(body[-1], bytes) and piece:
                body[-1] += piece
            else:
                body.append(piece or "end")

    def answer(self, id: int, body: bytes = b"x") -> wire.Answer:
        """Answer a request as the server does."""
        data = self.protocols[id].encode_head("200 OK", [], body, True)
        self.demux.done(id)
        return wire.answer(wire.parse_records(data), id)

    def sent(self) -> list[wire.Record]:
        """Return what was answered without an application, and forget it."""
        data, self.output = self.output, b""
        return list(wire.parse_records(data))


def test_F33_two_interleaved_requests_are_kept_apart() -> None:
    driver = Driver()
    one = list(wire.parse_records(start(1) + wire.stream(wire.STDIN, 1, b"one!")))
    two = list(wire.parse_records(start(2, *wire.post(4, (b"HTTP_X", b"2"))) + wire.stream(wire.STDIN, 2, b"two!")))
    for pair in zip(one, two):
        for item in pair:
            driver.take(wire.record(item.type, item.id, item.content))
    assert driver.events == [(1, [*wire.post(4), ROLE]), (2, [*wire.post(4, (b"HTTP_X", b"2")), ROLE])]
    assert driver.bodies == {1: [b"one!", "end"], 2: [b"two!", "end"]}
    assert driver.answer(2).body == b"x"
    assert driver.answer(1).body == b"x"
    assert driver.demux.idle
    assert driver.demux.input_complete


def test_F05_values_say_that_it_multiplexes() -> None:
    driver = Driver(most=7)
    driver.take(wire.record(wire.GET_VALUES, 0, wire.pairs([(b"FCGI_MPXS_CONNS", b""), (b"FCGI_MAX_REQS", b"")])))
    [record] = driver.sent()
    assert record.content == wire.pairs([(b"FCGI_MPXS_CONNS", b"1"), (b"FCGI_MAX_REQS", b"7")])


def check_overloaded(records: list[wire.Record], id: int) -> None:
    answer = wire.answer(records, id)
    assert (answer.status, answer.protocol_status) == ("503 Service Unavailable", wire.OVERLOADED)


def test_F50_more_requests_than_may_be_are_refused_and_the_others_go_on() -> None:
    driver = Driver(most=2)
    driver.take(start(1) + start(2) + start(3) + wire.stream(wire.STDIN, 3, b"lost"))
    assert [event[0] for event in driver.events] == [1, 2]
    check_overloaded(driver.sent(), 3)
    assert not driver.take(wire.stream(wire.STDIN, 1, b"one!"))
    assert driver.bodies[1] == [b"one!", "end"]
    driver.answer(1)
    assert driver.take(start(3))[0][0] == 3


def test_F50_a_begin_for_every_id_keeps_nothing() -> None:
    driver = Driver(most=2)
    for id in range(1, 65536):
        driver.take(wire.begin(id, keep=True))
        if id > 2:
            check_overloaded(driver.sent(), id)
    assert driver.events == []


def test_a_request_that_has_begun_can_be_refused() -> None:
    driver = Driver()
    driver.take(start(1) + start(2))
    driver.demux.refuse(1)
    driver.take(wire.stream(wire.STDIN, 1, b"late") + wire.stream(wire.STDIN, 2, b"two!"))
    check_overloaded(driver.sent(), 1)
    assert driver.bodies == {1: [], 2: [b"two!", "end"]}


def test_F32_a_begin_for_an_id_in_use() -> None:
    for data in (wire.begin(1, keep=True), start(1)):
        assert "which is in use" in Driver().take(data + wire.begin(1))[-1][1]


def test_an_id_can_be_used_again_when_its_answer_ends() -> None:
    driver = Driver()
    for _ in range(3):
        driver.take(start(5) + wire.record(wire.STDIN, 5, b"half"))
        driver.answer(5)
        assert not driver.demux.input_complete
        driver.take(wire.record(wire.STDIN, 5, b"late") + wire.record(wire.STDIN, 5))
        assert driver.demux.input_complete
    assert len(driver.events) == 3


def test_several_that_were_answered_before_their_input_was_in() -> None:
    driver = Driver()
    driver.take(start(1) + start(2) + start(3))
    for id in (1, 2, 3):
        driver.answer(id)
    for id in (2, 1, 3):
        assert not driver.demux.input_complete
        driver.take(wire.record(wire.STDIN, id))
    assert driver.demux.input_complete
    for id in range(1, 100):  # as many are remembered as may be in hand
        driver.take(start(id))
        driver.answer(id)
    assert len(driver.demux._draining) == 3


@pytest.mark.parametrize("data", [wire.begin(2) + wire.record(wire.ABORT, 2), wire.begin(2, 9)], ids=["F29", "F08"])
def test_what_ends_with_one_request_without_keep_conn_leaves_the_others(data: bytes) -> None:
    driver = Driver()
    driver.take(start(1))
    assert driver.take(data) == []
    assert [(record.type, record.id) for record in driver.sent()][-1] == (wire.END, 2)
    assert driver.demux.closing
    driver.take(wire.stream(wire.STDIN, 1, b"one!"))
    assert driver.bodies == {1: [b"one!", "end"]}


def test_F29_F30_F31_aborts_are_of_one_request() -> None:
    driver = Driver()
    driver.take(start(1) + wire.begin(2, keep=True) + start(3) + wire.record(wire.ABORT, 9))
    assert driver.take(wire.record(wire.ABORT, 2)) == []
    assert driver.sent() == [
        wire.Record(wire.STDOUT, 2, b""),
        wire.Record(wire.END, 2, pack(">IB3x", 1, wire.COMPLETE)),
    ]
    assert driver.take(wire.record(wire.ABORT, 3)) == [(3, "aborted")]
    driver.take(wire.stream(wire.STDIN, 1, b"one!"))
    assert driver.bodies == {1: [b"one!", "end"], 3: []}


def test_F13_F38_F39_records_that_are_late_or_of_nobody_are_ignored() -> None:
    driver = Driver()
    driver.take(start(1) + wire.stream(wire.STDIN, 1, b"one!"))
    stray = [wire.record(kind, 7, b"stray") for kind in (wire.PARAMS, wire.STDIN, wire.DATA, wire.ABORT, 99)]
    stray += [wire.record(kind, 1, b"late") for kind in (wire.PARAMS, wire.STDIN)]
    assert driver.take(b"".join(stray)) == []
    assert driver.bodies[1] == [b"one!", "end"]
    assert driver.sent() == []


def test_F08_an_unknown_role() -> None:
    driver = Driver()
    driver.take(start(1) + wire.begin(2, 9, keep=True) + wire.stream(wire.PARAMS, 2, b"") + wire.record(wire.STDIN, 2))
    assert driver.sent() == [wire.Record(wire.END, 2, pack(">IB3x", 0, wire.UNKNOWN_ROLE))]
    assert len(driver.events) == 1


def test_F20_F45_what_is_wrong_with_one_request_is_answered_for_it_alone() -> None:
    driver = Driver()
    bad = wire.begin(2, keep=True) + wire.stream(wire.PARAMS, 2, wire.pairs(wire.GET)[:-1])
    large = wire.begin(3, keep=True) + wire.record(wire.PARAMS, 3, bytes(2001))
    assert driver.take(start(1) + bad + large)[1:] == [
        (2, "400 Bad Request"),
        (3, "431 Request Header Fields Too Large"),
    ]
    assert driver.answer(2).status == driver.answer(3).status == "200 OK"
    driver.take(wire.stream(wire.STDIN, 1, b"one!"))
    assert driver.bodies[1] == [b"one!", "end"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n", "this is HTTP", id="F42-http"),
        pytest.param(b"VERSION-CONTROL / HTTP/1.1\r\n", "this is HTTP", id="F42-long-method"),
        pytest.param(b"\2" + wire.request()[1:], "not FastCGI version 1", id="F07-version"),
        pytest.param(wire.record(wire.BEGIN, 2, bytes(3)), "of 3 bytes", id="F11-begin"),
        pytest.param(wire.record(wire.END, 1, bytes(8)), "not for an application", id="F36-end"),
        pytest.param(wire.record(wire.STDOUT, 7, b"x"), "not for an application", id="F37-stdout"),
        pytest.param(wire.record(wire.GET_VALUES, 3), "not for an application", id="F48-get-values"),
        pytest.param(wire.record(12, 1), "type 12", id="F46-type-12"),
        pytest.param(wire.record(wire.STDIN, 0), "with request id 0", id="F10-id-0"),
        pytest.param(
            wire.begin(2, keep=True) + wire.record(wire.STDIN, 2, b"x"), "before the end of PARAMS", id="F14-stdin"
        ),
    ],
)
def test_what_fastcgi_forbids_ends_the_connection(data: bytes, reason: str) -> None:
    kind, message = Driver().take(start(1) + data)[-1]
    assert kind == "error"
    assert reason in message


def test_F58_an_authorizer_has_no_input() -> None:
    driver = Driver()
    driver.take(wire.begin(1, wire.AUTHORIZER, keep=True) + wire.stream(wire.PARAMS, 1, wire.pairs(wire.GET)))
    driver.answer(1)
    assert driver.demux.input_complete


def test_F09_filters_beside_others() -> None:
    driver = Driver()
    filtered = list(wire.parse_records(wire.filtering(wire.post(4), b"body", b"data", id=1, keep=True)))
    for item in filtered[:-1]:
        driver.take(wire.record(item.type, item.id, item.content))
    driver.take(start(2) + wire.stream(wire.STDIN, 2, b"two!"))
    assert driver.bodies == {1: [b"body", "end", b"data"], 2: [b"two!", "end"]}
    driver.answer(1)
    assert not driver.demux.input_complete
    driver.answer(2)
    driver.take(wire.record(wire.DATA, 1))
    assert driver.demux.input_complete


INTERLEAVED = (
    wire.record(wire.GET_VALUES, 0, wire.pairs([(b"FCGI_MPXS_CONNS", b"")]))
    + wire.begin(1, keep=True, padding=3)
    + wire.begin(2, keep=True)
    + wire.record(wire.PARAMS, 1, wire.pairs(wire.post(4))[:50])
    + wire.stream(wire.PARAMS, 2, wire.pairs(wire.post(3)), cut=60)
    + wire.record(wire.STDIN, 2, b"tw")
    + wire.record(wire.PARAMS, 1, wire.pairs(wire.post(4))[50:])
    + wire.record(99, 0, b"?", padding=9)
    + wire.record(wire.PARAMS, 1)
    + wire.record(wire.STDIN, 1, b"on")
    + wire.stream(wire.STDIN, 2, b"o")
    + wire.begin(3, keep=True)
    + wire.begin(4, keep=True)
    + wire.stream(wire.STDIN, 1, b"e!")
    + wire.record(wire.ABORT, 3)
    + wire.record(wire.ABORT, 2)
)


def outcome(pieces: list[bytes]) -> tuple[Any, ...]:
    driver = Driver()
    for piece in pieces:
        driver.take(piece)
    return driver.events, driver.bodies, driver.output


def test_the_same_for_every_split_in_two_and_byte_by_byte() -> None:
    whole = outcome([INTERLEAVED])
    assert whole[1] == {1: [b"one!", "end"], 2: [b"two", "end"]}
    for point in range(len(INTERLEAVED)):
        assert outcome([INTERLEAVED[:point], INTERLEAVED[point:]]) == whole, point
    assert outcome([INTERLEAVED[at : at + 1] for at in range(len(INTERLEAVED))]) == whole


@given(st.lists(st.integers(0, len(INTERLEAVED)), max_size=12))
def test_the_same_for_any_segments(points: list[int]) -> None:
    assert outcome(cut(INTERLEAVED, points)) == outcome([INTERLEAVED])


@given(
    st.binary(max_size=200), st.integers(0, len(INTERLEAVED)), st.lists(st.integers(0, len(INTERLEAVED)), max_size=4)
)
def test_any_bytes_give_events_or_a_protocol_error(noise: bytes, at: int, points: list[int]) -> None:
    data = INTERLEAVED[:at] + noise + INTERLEAVED[at:]
    whole = Driver()
    whole.take(data)
    parts = Driver()
    for piece in cut(data, points):
        parts.take(piece)
        if parts.events and parts.events[-1][0] == "error":
            break
    # The message of the error shows what has come so far.
    assert [event[:1] if event[0] == "error" else event for event in parts.events] == [
        event[:1] if event[0] == "error" else event for event in whole.events
    ]

"""gateways.adapters.fastcgi.server without a socket: one case of hostile input each, by its number.

The same numbers over a socket, with an application behind, are in tests/server/test_fastcgi_cases.py.
"""

from __future__ import annotations

from struct import pack

import pytest

from gateways.adapters.events import ABORTED, Limits, Request
from gateways.adapters.fastcgi import ServerConnection
from gateways.errors import ProtocolError
from tests.support import wire
from tests.support.drive import RESPONSE, drive

GOOD = wire.request(id=1)
ROLE = (b"FCGI_ROLE", b"RESPONDER")
#: A request whose body has yet to come.
OPEN = wire.begin(keep=True) + wire.stream(wire.PARAMS, 1, wire.pairs(wire.post(10)))


def take(protocol: ServerConnection, data: bytes = b"") -> object:
    """Feed ``data`` and take one event."""
    protocol.receive_data(data)
    return protocol.next_event()


def take_request(protocol: ServerConnection, data: bytes) -> Request:
    event = take(protocol, data)
    assert isinstance(event, Request)
    return event


def sent(protocol: ServerConnection) -> list[wire.Record]:
    """Return what the protocol itself answered, and forget it."""
    records = list(wire.parse_records(b"".join(protocol.outgoing)))
    protocol.outgoing.clear()
    return records


def refused(data: bytes, protocol: ServerConnection | None = None) -> ProtocolError:
    """Return the error that ``data`` ends with; it is final for all that follows."""
    protocol = protocol or ServerConnection()
    protocol.receive_data(data)
    with pytest.raises(ProtocolError) as caught:
        exhaust(protocol)
    return caught.value


def exhaust(protocol: ServerConnection) -> None:
    while protocol.next_event() is not None:
        pass


def exhaust_with(protocol: ServerConnection, data: bytes) -> None:
    protocol.receive_data(data)
    exhaust(protocol)


# What a request is


def test_F01_a_whole_request() -> None:
    protocol = ServerConnection()
    request = take_request(protocol, wire.request(wire.post(5), b"hello"))
    assert request.variables == [*wire.post(5), ROLE]
    assert not request.keep
    assert [protocol.next_event(), protocol.next_event(), protocol.next_event()] == [b"hello", b"", None]
    assert protocol.input_complete
    answer = wire.answer(wire.parse_records(protocol.encode_head("200 OK", [("A", "b")], b"body", True)))
    assert answer == wire.Answer(b"A: b\r\nStatus: 200 OK", b"body", b"", 0, wire.COMPLETE)
    assert protocol.idle


def test_F02_a_second_request_on_a_kept_connection() -> None:
    outcome = drive(ServerConnection(), [wire.request(keep=True), wire.request(wire.post(2), b"hi", keep=True)])
    assert outcome.events == [
        ("request", [*wire.GET, ROLE], True),
        "answered",
        ("request", [*wire.post(2), ROLE], True),
        b"hi",
        "answered",
    ]


def test_F05_get_values_answers_what_it_knows() -> None:
    protocol = ServerConnection(max_requests=8)
    asked = [(b"FCGI_MPXS_CONNS", b""), (b"FCGI_MAX_CONNS", b""), (b"UNHEARD", b""), (b"FCGI_MAX_REQS", b"")]
    assert take(protocol, wire.record(wire.GET_VALUES, 0, wire.pairs(asked))) is None
    [answer] = sent(protocol)
    assert (answer.type, answer.id) == (wire.GET_VALUES_RESULT, 0)
    known = [(b"FCGI_MPXS_CONNS", b"0"), (b"FCGI_MAX_CONNS", b"8"), (b"FCGI_MAX_REQS", b"8")]
    assert answer.content == wire.pairs(known)
    assert protocol.idle


def test_F05_get_values_of_nothing() -> None:
    protocol = ServerConnection()
    take(protocol, wire.record(wire.GET_VALUES, 0))
    assert sent(protocol) == [wire.Record(wire.GET_VALUES_RESULT, 0, b"")]


@pytest.mark.parametrize("kind", [0, 12, 99, 255])
def test_F04_F46_an_unknown_management_type_is_named_back(kind: int) -> None:
    protocol = ServerConnection()
    assert isinstance(take(protocol, wire.record(kind, 0, b"?") + GOOD), Request)
    assert sent(protocol) == [wire.Record(wire.UNKNOWN_TYPE, 0, bytes([kind, 0, 0, 0, 0, 0, 0, 0]))]


# Records that may not be


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(wire.record(wire.GET_VALUES, 0, b"\x80\x00"), id="F06-truncated-length"),
        pytest.param(b"\x02" + GOOD[1:], id="F07-version-2"),
        pytest.param(wire.begin(0), id="F10-begin-with-id-0"),
        pytest.param(wire.record(wire.PARAMS, 0), id="F10-params-with-id-0"),
        pytest.param(wire.record(wire.STDIN, 0), id="F10-stdin-with-id-0"),
        pytest.param(wire.record(wire.ABORT, 0), id="F10-abort-with-id-0"),
        pytest.param(wire.record(wire.BEGIN, 1, b"\0\1\0"), id="F11-begin-of-3-bytes"),
        pytest.param(wire.record(wire.BEGIN, 1, b"\0\1" + bytes(14)), id="F12-begin-of-16-bytes"),
        pytest.param(wire.begin() + wire.record(wire.STDIN, 1, b"early"), id="F14-stdin-before-end-of-params"),
        pytest.param(wire.begin() + wire.record(wire.PARAMS, 1, b"\1") + wire.begin(), id="F32-second-begin"),
        pytest.param(GOOD[:-8] + wire.begin(), id="F32-second-begin-after-params"),
        pytest.param(wire.record(wire.END, 1, bytes(8)), id="F36-end-request"),
        pytest.param(wire.begin() + wire.record(wire.END, 1, bytes(8)), id="F36-end-request-of-an-active-id"),
        pytest.param(wire.record(wire.STDOUT, 1, b"x"), id="F37-stdout"),
        pytest.param(wire.begin() + wire.record(wire.STDERR, 1, b"x"), id="F37-stderr-of-an-active-id"),
        pytest.param(wire.record(wire.GET_VALUES_RESULT, 0), id="F37-get-values-result"),
        pytest.param(wire.begin() + wire.record(12, 1), id="F46-type-12-of-an-active-id"),
        pytest.param(wire.begin() + wire.record(0, 1), id="F46-type-0-of-an-active-id"),
        pytest.param(wire.record(wire.GET_VALUES, 3), id="F48-get-values-with-an-id"),
    ],
)
def test_forbidden_records_end_the_connection(data: bytes) -> None:
    assert refused(data).status == ""


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(wire.record(wire.PARAMS, 7, wire.pairs([(b"EVIL", b"1")])), id="F13-params"),
        pytest.param(wire.record(wire.STDIN, 7, b"x") + wire.record(wire.STDIN, 7), id="F13-stdin"),
        pytest.param(wire.record(wire.ABORT, 7), id="F31-abort"),
        pytest.param(wire.record(wire.DATA, 7, b"x"), id="F51-data"),
        pytest.param(wire.record(12, 7), id="F46-type-12"),
    ],
)
@pytest.mark.parametrize("place", ["before", "in params", "in stdin"])
def test_records_of_inactive_ids_are_ignored(data: bytes, place: str) -> None:
    begin = wire.begin()
    params = wire.stream(wire.PARAMS, 1, wire.pairs(wire.post(2)))
    body = wire.stream(wire.STDIN, 1, b"hi")
    order = {"before": [data, begin, params, body], "in params": [begin, data, params, body]}
    pieces = order.get(place, [begin, params, data, body])
    outcome = drive(ServerConnection(), pieces)
    assert outcome.events == [("request", [*wire.post(2), ROLE], False), b"hi", "answered"]
    assert wire.answer(wire.parse_records(outcome.output)).body == RESPONSE


def test_a_record_of_65535_bytes_and_255_of_padding_is_skipped_whole() -> None:
    """haproxy 598527673: where 65535 + 1 becomes 0, the content is parsed as records."""
    inner = (wire.request([*wire.GET, (b"EVIL", b"1")], id=9) * 300)[:65535]
    inner += bytes(65535 - len(inner))
    outcome = drive(ServerConnection(), [wire.record(wire.STDIN, 7, inner, padding=255), GOOD])
    assert outcome.events == [("request", [*wire.GET, ROLE], False), "answered"]


# Roles


def test_F08_an_unknown_role_on_a_kept_connection() -> None:
    unknown = wire.begin(3, role=9, keep=True) + wire.stream(wire.PARAMS, 3, wire.pairs(wire.GET))
    outcome = drive(ServerConnection(), [unknown, wire.record(wire.STDIN, 3), GOOD])
    assert outcome.events == [("request", [*wire.GET, ROLE], False), "answered"]
    first, *rest = wire.parse_records(outcome.output)
    assert first == wire.Record(wire.END, 3, pack(">IB3x", 0, wire.UNKNOWN_ROLE))
    assert wire.answer(rest).body == RESPONSE


@pytest.mark.parametrize("role", [0, 4, 9, 65535])
def test_F08_an_unknown_role_is_refused(role: int) -> None:
    protocol = ServerConnection()
    assert refused(wire.begin(1, role=role), protocol).status == ""
    assert sent(protocol) == [wire.Record(wire.END, 1, pack(">IB3x", 0, wire.UNKNOWN_ROLE))]


def test_F58_an_authorizer_is_told_its_role() -> None:
    protocol = ServerConnection()
    params = wire.stream(wire.PARAMS, 1, wire.pairs([(b"REQUEST_METHOD", b"GET")]))
    request = take_request(protocol, wire.begin(1, wire.AUTHORIZER) + params)
    assert (b"FCGI_ROLE", b"AUTHORIZER") in request.variables
    for size in (0, 100_000):
        head = protocol.gather_head("403 Forbidden", [("X-Why", "so")], memoryview(bytes(size)), False)
        assert b"".join(head)[8:].startswith(b"Status: 403 Forbidden\r\nX-Why: so\r\n\r\n")
    assert protocol.encode_head("200 OK", [], b"", True)[8:].startswith(b"Status: 200 OK\r\n\r\n")


FILTERED = wire.filtering(wire.post(4), b"body", b"the data")


def test_F09_a_filter_has_a_body_and_data() -> None:
    outcome = drive(ServerConnection(), [FILTERED + wire.request(id=2)])
    [(_, variables, _), *events] = outcome.events[:4]
    assert (b"FCGI_ROLE", b"FILTER") in variables
    assert dict(variables)[b"FCGI_DATA_LENGTH"] == b"8"
    assert dict(variables)[b"FCGI_DATA_LAST_MOD"] == b"1234567890"
    assert events == [b"body", "data", b"the data"]
    assert outcome.events[4:] == ["answered", ("request", [*wire.GET, ROLE], False), "answered"]


def test_F09_only_a_filter_has_data() -> None:
    assert take_request(ServerConnection(), FILTERED).filters
    assert not take_request(ServerConnection(), GOOD).filters


def test_F62_data_before_the_end_of_the_body() -> None:
    data = wire.begin(1, wire.FILTER) + wire.stream(wire.PARAMS, 1, wire.pairs(wire.GET))
    assert "before the end of STDIN" in str(refused(data + wire.record(wire.DATA, 1, b"x")))


def test_F62_body_after_its_end_is_not_data() -> None:
    data = FILTERED[:-24] + wire.record(wire.STDIN, 1, b"late") + FILTERED[-24:]
    assert data != FILTERED
    assert drive(ServerConnection(), [data]).events == drive(ServerConnection(), [FILTERED]).events


@pytest.mark.parametrize("reads", [0, 1, 2, 3])
def test_F63_data_that_nobody_reads_is_never_a_request(reads: int) -> None:
    hidden = wire.request(wire.get((b"EVIL", b"1")))
    protocol = ServerConnection()
    filtered = wire.filtering(wire.post(len(hidden)), hidden, hidden, keep=True)
    take_request(protocol, filtered + wire.request(id=2, keep=True))
    for _ in range(reads):
        assert isinstance(protocol.next_event(), bytes)
    protocol.encode_head("200 OK", [], b"", True)
    request = protocol.next_event()
    assert isinstance(request, Request)
    assert request.variables == [*wire.GET, ROLE]


def test_F63_the_input_of_a_filter_is_complete_after_its_data() -> None:
    protocol = ServerConnection()
    data = wire.filtering(wire.post(0), b"", b"", keep=True)
    take_request(protocol, data[:-8])
    assert protocol.next_event() == b""
    assert not protocol.input_complete
    protocol.complete()
    assert not protocol.input_complete
    assert take(protocol, wire.record(wire.STDIN, 1)) is None
    assert not protocol.input_complete
    assert take(protocol, wire.record(wire.DATA, 1)) is None
    assert protocol.input_complete


def test_F30_a_filter_given_up() -> None:
    protocol = ServerConnection()
    take_request(protocol, FILTERED[:-24])
    assert [protocol.next_event(), protocol.next_event()] == [b"body", b""]
    assert take(protocol, wire.record(wire.DATA, 1, b"x")) == b"x"
    assert take(protocol, wire.record(wire.ABORT, 1)) is ABORTED


def test_the_peer_cannot_name_its_role_itself() -> None:
    request = take_request(ServerConnection(), wire.request(wire.get((b"FCGI_ROLE", b"AUTHORIZER"))))
    assert dict(request.variables)[b"FCGI_ROLE"] == b"RESPONDER"


# Streams


def test_F15_padding_of_255_on_every_record() -> None:
    outcome = drive(ServerConnection(), [wire.request(wire.post(5), b"hello", cut=2, padding=255)])
    assert outcome.events == [("request", [*wire.post(5), ROLE], False), b"hello", "answered"]


def test_F16_a_value_of_65535_bytes() -> None:
    params = wire.get((b"HTTP_X", b"v" * 65535))
    request = take_request(ServerConnection(), wire.request(params, padding=255))
    assert request.variables == [*params, ROLE]


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 100])
def test_F17_params_cut_anywhere(cut: int) -> None:
    params = wire.get((b"HTTP_LONG", b"v" * 300), (b"N" * 200, b""))
    request = take_request(ServerConnection(), wire.request(params, cut=cut))
    assert request.variables == [*params, ROLE]


def test_F34_the_largest_id() -> None:
    outcome = drive(ServerConnection(), [wire.request(id=65535)])
    assert wire.answer(wire.parse_records(outcome.output), id=65535).body == RESPONSE


def test_F35_two_requests_in_one_segment() -> None:
    two = wire.request(id=1, keep=True) + wire.request(wire.post(2), b"hi", id=2, keep=True)
    outcome = drive(ServerConnection(), [two])
    assert [event[0] for event in outcome.events if isinstance(event, tuple)] == ["request", "request"]
    records = list(wire.parse_records(outcome.output))
    assert [record.id for record in records] == [1, 1, 1, 2, 2, 2]


def test_the_next_request_waits_for_the_one_in_hand() -> None:
    protocol = ServerConnection()
    take_request(protocol, wire.request(keep=True) + wire.request(id=2))
    assert protocol.next_event() == b""
    assert protocol.buffered
    protocol.complete()
    assert not protocol.idle
    assert isinstance(protocol.next_event(), Request)


def test_F38_params_after_their_end_are_never_merged() -> None:
    late = wire.record(wire.PARAMS, 1, wire.pairs([(b"REMOTE_USER", b"root")]))
    protocol = ServerConnection()
    request = take_request(protocol, GOOD[:-8] + late + wire.record(wire.PARAMS, 1) + GOOD[-8:])
    assert request.variables == [*wire.GET, ROLE]
    assert protocol.next_event() == b""
    assert request.variables == [*wire.GET, ROLE]


@pytest.mark.parametrize("reads_body", [True, False])
def test_F39_F57_body_that_nobody_reads_is_never_a_request(reads_body: bool) -> None:
    """uWSGI #2336: what looks like a request inside a body stays body."""
    hidden = wire.request(wire.get((b"EVIL", b"1")))
    late = wire.stream(wire.STDIN, 1, hidden)
    data = wire.request(wire.post(len(hidden)), hidden, keep=True) + late + wire.request(id=2, keep=True)
    outcome = drive(ServerConnection(), [data], reads_body=reads_body)
    assert [event[1] for event in outcome.events if event[0] == "request"] == [
        [*wire.post(len(hidden)), ROLE],
        [*wire.GET, ROLE],
    ]


def test_F51_data_is_never_mixed_into_the_body() -> None:
    data = GOOD[:-8] + wire.stream(wire.DATA, 1, b"data") + wire.stream(wire.STDIN, 1, b"body")
    outcome = drive(ServerConnection(), [data])
    assert outcome.events[1:] == [b"body", "answered"]


def test_the_body_of_several_records_of_odd_sizes() -> None:
    body = bytes(range(256)) * 400
    cuts = [body[:1], body[1:65536], body[65536:]]
    data = wire.begin() + wire.stream(wire.PARAMS, 1, wire.pairs(wire.post(len(body))))
    data += b"".join(wire.record(wire.STDIN, 1, piece) for piece in cuts) + wire.record(wire.STDIN, 1)
    assert drive(ServerConnection(), [data]).events[1] == body


def test_input_complete_tells_what_can_still_come() -> None:
    protocol = ServerConnection()
    take_request(protocol, GOOD[:-8])
    protocol.complete()
    assert not protocol.input_complete
    assert take(protocol, wire.record(wire.STDIN, 1, b"late")) is None
    assert not protocol.input_complete
    assert take(protocol, wire.record(wire.STDIN, 1)) is None
    assert protocol.input_complete


@pytest.mark.parametrize("server", ["HAProxy", "h2o/2.2.5"])
@pytest.mark.parametrize("last", [wire.record(wire.STDIN, 1), wire.record(wire.ABORT, 1)])
def test_a_server_that_needs_it_gets_the_end_of_a_request_after_its_input(server: str, last: bytes) -> None:
    protocol = ServerConnection()
    take_request(protocol, OPEN)
    protocol.set_body_length(10, server)
    assert [record.type for record in wire.parse_records(protocol.complete())] == [wire.STDOUT]
    exhaust_with(protocol, wire.record(wire.STDIN, 1, b"0123456789"))
    assert (sent(protocol), protocol.input_complete) == ([], False)
    exhaust_with(protocol, last)
    assert [record.type for record in sent(protocol)] == [wire.END]
    assert protocol.input_complete
    take_request(protocol, OPEN)
    protocol.set_body_length(10, server)
    assert take(protocol, wire.record(wire.STDIN, 1, b"0123456789")) == b"0123456789"
    assert take(protocol, wire.record(wire.STDIN, 1)) == b""
    assert [record.type for record in wire.parse_records(protocol.complete())] == [wire.STDOUT, wire.END]


def test_the_end_is_sent_before_another_request_begins() -> None:
    for usual in (True, False):
        protocol = ServerConnection()
        take_request(protocol, OPEN)
        protocol.set_body_length(10, "HAProxy")
        protocol.complete()
        another = wire.request(id=1) if usual else wire.begin(2) + wire.stream(wire.PARAMS, 2, wire.pairs(wire.GET))
        take_request(protocol, another)
        assert [record.type for record in sent(protocol)] == [wire.END]


def test_the_end_is_not_sent_for_another_request_with_its_id() -> None:
    protocol = ServerConnection()
    take_request(protocol, OPEN)
    protocol.set_body_length(10, "HAProxy")
    protocol.complete()
    protocol.resume(keep=True, rest=None)  # the C part has parsed it
    assert [record.type for record in wire.parse_records(protocol.complete())] == [wire.STDOUT, wire.END]
    take_request(protocol, wire.request(id=1))
    assert sent(protocol) == []
    assert protocol.owed == b""


@pytest.mark.parametrize("server", ["nginx/1.22.1", "Apache", ""])
def test_others_get_it_at_once(server: str) -> None:
    protocol = ServerConnection()
    take_request(protocol, OPEN)
    protocol.set_body_length(10, server)
    assert [record.type for record in wire.parse_records(protocol.complete())] == [wire.STDOUT, wire.END]


@pytest.mark.parametrize("id", [1, 2])
def test_input_complete_is_about_the_last_request(id: int) -> None:
    """A web server may leave out the end of a body that was answered early."""
    protocol = ServerConnection()
    take_request(protocol, wire.request(wire.post(9), keep=True)[:-8])
    protocol.complete()
    take_request(protocol, wire.request(wire.post(2), b"hi", id=id))
    assert [protocol.next_event(), protocol.next_event()] == [b"hi", b""]
    protocol.complete()
    assert protocol.input_complete


def test_the_end_of_another_stream_does_not_complete_the_input() -> None:
    protocol = ServerConnection()
    take_request(protocol, wire.request(id=2)[:-8] + wire.record(wire.STDIN, 1))
    protocol.complete()
    assert not protocol.input_complete
    assert take(protocol, wire.record(wire.STDIN, 7)) is None
    assert not protocol.input_complete
    assert take(protocol, wire.record(wire.STDIN, 2)) is None
    assert protocol.input_complete


# Parameters that lie


@pytest.mark.parametrize(
    "block",
    [pytest.param(b"\xff" * 8 + b"8 bytes.", id="F19"), pytest.param(wire.pairs(wire.GET)[:-1], id="F20")],
)
def test_F19_F20_lengths_past_the_end_can_be_answered(block: bytes) -> None:
    protocol = ServerConnection()
    data = wire.begin(keep=True) + wire.stream(wire.PARAMS, 1, block)
    assert refused(data, protocol).status == "400 Bad Request"
    answer = protocol.encode_head("400 Bad Request", [], b"", True)
    assert wire.answer(wire.parse_records(answer)).status == "400 Bad Request"


def test_F45_too_many_parameters() -> None:
    protocol = ServerConnection(Limits(count=100))
    params = wire.get(*[(b"HTTP_%d" % n, b"") for n in range(92)])
    assert len(params) == 100
    assert isinstance(take(protocol, wire.request(params)), Request)
    error = refused(wire.request([*params, (b"ONE_MORE", b"")]), ServerConnection(Limits(count=100)))
    assert error.status == "431 Request Header Fields Too Large"


def test_F45_too_large_parameters_are_refused_before_all_are_here() -> None:
    protocol = ServerConnection(Limits(size=1000))
    protocol.receive_data(wire.begin() + wire.record(wire.PARAMS, 1, bytes(600)))
    assert protocol.next_event() is None
    protocol.receive_data(wire.record(wire.PARAMS, 1, bytes(401)))
    with pytest.raises(ProtocolError) as caught:
        protocol.next_event()
    assert caught.value.status == "431 Request Header Fields Too Large"


@pytest.mark.parametrize("cut", [65535, 100])
def test_F45_limits_hold_for_a_request_in_one_piece(cut: int) -> None:
    for limits in (Limits(size=1000), Limits(count=8)):
        data = wire.request(wire.get((b"HTTP_X", b"x" * 1000)), cut=cut)
        assert refused(data, ServerConnection(limits)).status == "431 Request Header Fields Too Large"


def test_empty_params_are_a_request_without_variables() -> None:
    """F24: it is the environ that misses REQUEST_METHOD, and answers 400."""
    assert take_request(ServerConnection(), wire.request([])).variables == [ROLE]


# Aborts


def test_F29_abort_in_params_is_ended_here_and_the_connection_goes_on() -> None:
    begun = wire.begin(1, keep=True) + wire.record(wire.PARAMS, 1, wire.pairs([(b"EVIL", b"1")]))
    outcome = drive(ServerConnection(), [begun, wire.record(wire.ABORT, 1), GOOD])
    assert outcome.events == [("request", [*wire.GET, ROLE], False), "answered"]
    records = list(wire.parse_records(outcome.output))
    assert [record.type for record in records] == [wire.STDOUT, wire.END, wire.STDOUT, wire.STDOUT, wire.END]


def test_abort_right_after_begin() -> None:
    """HAProxy does."""
    outcome = drive(ServerConnection(), [wire.begin(1, keep=True), wire.record(wire.ABORT, 1), GOOD])
    assert outcome.events == [("request", [*wire.GET, ROLE], False), "answered"]


def test_F30_abort_in_stdin_is_an_event_and_one_end() -> None:
    protocol = ServerConnection()
    take_request(protocol, wire.begin(keep=True) + wire.stream(wire.PARAMS, 1, wire.pairs(wire.post(9))))
    assert take(protocol, wire.record(wire.STDIN, 1, b"half") + wire.record(wire.ABORT, 1)) == b"half"
    assert protocol.next_event() is ABORTED
    assert [record.type for record in wire.parse_records(protocol.complete(1))] == [wire.STDOUT, wire.END]
    assert take(protocol, wire.record(wire.STDIN, 1)) is None
    assert isinstance(take(protocol, GOOD), Request)


# Several ids


def test_F33_an_interleaved_request_is_refused_and_the_first_unharmed() -> None:
    second = wire.request(wire.get((b"EVIL", b"1")), id=2, keep=True)
    params = wire.stream(wire.PARAMS, 1, wire.pairs(wire.post(4)))
    first = [wire.begin(1, keep=True), params[:50], params[50:], wire.stream(wire.STDIN, 1, b"body")]
    whole = drive(ServerConnection(), first)
    params_1, params_2 = (wire.record(wire.PARAMS, 1, part) for part in (params[8:40], params[40:-8]))
    mixed = drive(ServerConnection(), [first[0], second, params_1, second, params_2, params[-8:], second, first[3]])
    assert mixed.events == whole.events
    refusal = wire.record(wire.END, 2, pack(">IB3x", 0, wire.CANT_MPX_CONN))
    assert mixed.output == 3 * refusal + whole.output


def test_F47_get_values_in_the_middle_of_a_request() -> None:
    ask = wire.record(wire.GET_VALUES, 0, wire.pairs([(b"FCGI_MPXS_CONNS", b"")]))
    params = wire.stream(wire.PARAMS, 1, wire.pairs(wire.post(2)))
    outcome = drive(ServerConnection(), [wire.begin(), ask, params, ask, wire.stream(wire.STDIN, 1, b"hi")])
    assert outcome.events[1:] == [b"hi", "answered"]
    kinds = [record.type for record in wire.parse_records(outcome.output)]
    assert kinds == [wire.GET_VALUES_RESULT, wire.GET_VALUES_RESULT, wire.STDOUT, wire.STDOUT, wire.END]


def test_F50_a_flood_of_begins_keeps_nothing() -> None:
    protocol = ServerConnection()
    for number in range(1, 65536):
        protocol.receive_data(wire.begin(number, keep=True))
        assert protocol.next_event() is None
        if number > 1:
            [answer] = sent(protocol)
            assert answer == wire.Record(wire.END, number, pack(">IB3x", 0, wire.CANT_MPX_CONN))
    assert protocol.buffered == 0


# Other peers


def test_F42_http_on_the_port_is_named() -> None:
    error = refused(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 9000)
    assert error.status == ""
    assert "this is HTTP, on an address for FastCGI" in str(error)


def test_F42_the_first_wrong_byte_is_enough() -> None:
    assert refused(b"G").status == ""


def test_F44_the_reserved_byte_is_ignored() -> None:
    data = b"".join(wire.record(item.type, item.id, item.content, reserved=0xFF) for item in wire.parse_records(GOOD))
    assert drive(ServerConnection(), [data]).events == [("request", [*wire.GET, ROLE], False), "answered"]


# Answers


def test_error_text_is_padded_and_of_the_request_in_hand() -> None:
    protocol = ServerConnection()
    assert protocol.encode_errors(b"nobody asked") == b""
    take_request(protocol, wire.request(id=258))
    [record] = wire.parse_records(protocol.encode_errors(b"oops\n"))
    assert record == wire.Record(wire.STDERR, 258, b"oops\n", bytes(3))
    protocol.complete()
    assert protocol.encode_errors(b"too late") == b""

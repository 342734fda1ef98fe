"""gateways.adapters.scgi.server without a socket: one case of hostile input each, by its number.

The same numbers over a socket, with an application behind, are in tests/server/test_scgi_cases.py.
"""

from __future__ import annotations

import tracemalloc

import pytest

from gateways.adapters.events import Limits, Request
from gateways.adapters.scgi import ServerConnection
from gateways.errors import ProtocolError
from tests.support import wire
from tests.support.drive import RESPONSE, drive

BAD = "400 Bad Request"
TOO_LARGE = "431 Request Header Fields Too Large"
SCGI = (b"SCGI", b"1")
METHOD = (b"REQUEST_METHOD", b"GET")


def block(*items: tuple[bytes, bytes]) -> bytes:
    return b"".join([b"%s\0%s\0" % item for item in items])


def length(value: bytes) -> bytes:
    """A request whose CONTENT_LENGTH is ``value``."""
    return wire.netstring(block((b"CONTENT_LENGTH", value), SCGI, METHOD)) + b"hello"


def refused(data: bytes, limits: Limits | None = None) -> ProtocolError:
    protocol = ServerConnection(limits)
    protocol.receive_data(data)
    with pytest.raises(ProtocolError) as caught:
        protocol.next_event()
    return caught.value


def test_S01_a_whole_request() -> None:
    protocol = ServerConnection()
    protocol.receive_data(wire.scgi(body=b"hello"))
    request = protocol.next_event()
    assert isinstance(request, Request)
    assert list(request.variables) == [wire.post(5)[0], SCGI, *wire.post(5)[1:]]
    assert not request.keep
    assert protocol.input_complete
    assert [protocol.next_event(), protocol.next_event(), protocol.next_event()] == [b"hello", b"", b""]
    head = protocol.encode_head("200 OK", [("A", "b")], b"bo", False)
    assert head + protocol.encode_body(b"dy", True) == b"A: b\r\nStatus: 200 OK\r\n\r\nbody"
    assert protocol.complete() == protocol.encode_errors(b"oops") == b""


def test_idle_until_the_first_byte() -> None:
    protocol = ServerConnection()
    states = [protocol.idle]
    protocol.receive_data(b"7")
    states.append(protocol.idle)
    protocol.receive_data(wire.scgi()[1:])
    protocol.next_event()
    states.append(protocol.idle)
    assert states == [True, False, False]


def test_S02_byte_by_byte() -> None:
    data = wire.scgi(body=b"hello")
    assert drive(ServerConnection(), [data[at : at + 1] for at in range(len(data))]) == drive(
        ServerConnection(), [data]
    )


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(block(SCGI, (b"CONTENT_LENGTH", b"0"), METHOD), id="S03-content-length-not-first"),
        pytest.param(block(SCGI, METHOD), id="S04-no-content-length"),
        pytest.param(block((b"CONTENT_LENGTH", b"0"), METHOD), id="S05-no-scgi"),
        pytest.param(block((b"CONTENT_LENGTH", b"0"), (b"SCGI", b"2"), METHOD), id="S06-scgi-2"),
        pytest.param(block((b"CONTENT_LENGTH", b"0"), SCGI) + b"ODD\0", id="S14-odd-number-of-strings"),
        pytest.param(block((b"CONTENT_LENGTH", b"0"), SCGI, METHOD)[:-1], id="S15-no-final-nul"),
        pytest.param(block((b"CONTENT_LENGTH", b"0"), SCGI, (b"", b"x")), id="S16-empty-name"),
        pytest.param(
            block((b"CONTENT_LENGTH", b"0"), SCGI, (b"REMOTE_USER", b"alice"), (b"REMOTE_USER", b"root")),
            id="S17-two-users",
        ),
        pytest.param(block((b"CONTENT_LENGTH", b"5"), SCGI, (b"CONTENT_LENGTH", b"3")), id="S18-two-lengths"),
        pytest.param(b"", id="S30-nothing"),
        pytest.param(b"\0", id="S30-one-nul"),
        pytest.param(b"\0\0", id="S30-two-nuls"),
    ],
)
def test_wrong_headers_are_answered_with_400(headers: bytes) -> None:
    assert refused(wire.netstring(headers) + b"hello").status == BAD


def test_S13_no_comma_after_the_headers() -> None:
    headers = block((b"CONTENT_LENGTH", b"0"), SCGI, METHOD)
    assert refused(b"%d:%s;" % (len(headers), headers)).status == BAD


@pytest.mark.parametrize("value", [b"-1", b"+5", b"", b"0x5", b" 5", b"5 ", b"5,5", b"\xb2", b"9" * 19])
def test_S19_S20_S21_S22_a_length_that_is_no_number(value: bytes) -> None:
    assert refused(length(value)).status == BAD


@pytest.mark.parametrize("value", [b"5", b"005"])
def test_a_length_with_leading_zeros_is_a_number(value: bytes) -> None:
    assert drive(ServerConnection(), [length(value)]).events[1:] == [b"hello", "answered"]


@pytest.mark.parametrize("start", [b"0123:", b"00:", b"1x:", b":", b"-5:", b" 5:", b"+5:", b"5 :", b"\xb2:"])
def test_S07_S08_S09_S10_not_a_netstring(start: bytes) -> None:
    """What does not begin like SCGI is not answered."""
    assert refused(start + b"CONTENT_LENGTH").status == ""


@pytest.mark.parametrize("start", [b"99999999999999999999:", b"9" * 11, b"9" * 100_000, b"262145:", b"9999999999:"])
def test_S11_S12_a_length_above_the_limit(start: bytes) -> None:
    assert refused(start).status == TOO_LARGE


def test_S12_no_digits_are_kept_above_ten() -> None:
    protocol = ServerConnection()
    protocol.receive_data(b"9" * 10)
    assert protocol.next_event() is None
    protocol.receive_data(b"9")
    with pytest.raises(ProtocolError):
        protocol.next_event()


def test_S17_repeated_headers_and_repeated_equal_values_pass() -> None:
    """nginx sends one pair for each header line, and repeats what a configuration sets twice."""
    items = [(b"CONTENT_LENGTH", b"0"), SCGI, METHOD, (b"HTTP_A", b"1"), (b"HTTP_A", b"2")]
    items += [(b"REMOTE_USER", b"alice"), (b"REMOTE_USER", b"alice"), (b"SCRIPT_NAME", b"/app"), (b"SCRIPT_NAME", b"")]
    outcome = drive(ServerConnection(), [wire.netstring(block(*items))])
    assert outcome.events == [("request", items, False), "answered"]


def test_S23_a_body_that_breaks_off_is_never_at_its_end() -> None:
    protocol = ServerConnection()
    protocol.receive_data(wire.scgi(wire.post(5), b"abc"))
    assert isinstance(protocol.next_event(), Request)
    assert [protocol.next_event(), protocol.next_event()] == [b"abc", None]
    assert not protocol.input_complete


@pytest.mark.parametrize("reads_body", [True, False])
def test_S24_S25_what_follows_the_body_is_ignored(reads_body: bool) -> None:
    data = wire.scgi(wire.post(2), b"hi") + wire.scgi(wire.get((b"EVIL", b"1")))
    outcome = drive(ServerConnection(), [data], reads_body=reads_body)
    assert [event[1][0] for event in outcome.events if event[0] == "request"] == [(b"CONTENT_LENGTH", b"2")]
    assert outcome.output.endswith(RESPONSE)


def test_S27_other_protocols_are_named() -> None:
    error = refused(b"GET / HTTP/1.1\r\n")
    assert error.status == ""
    assert "this is HTTP, on an address for SCGI" in str(error)
    assert "this is FastCGI" in str(refused(wire.request()))


def test_S28_a_value_of_60_000_bytes() -> None:
    params = wire.post(0, (b"HTTP_X", b"v" * 60_000))
    request = drive(ServerConnection(), [wire.scgi(params)]).events[0]
    assert request[1][-1] == params[-1]


def test_S29_a_megabyte_of_headers_is_refused_by_its_length() -> None:
    assert refused(b"1048576:CONTENT_LENGTH").status == TOO_LARGE


def test_too_many_headers() -> None:
    items = [(b"CONTENT_LENGTH", b"0"), SCGI, *[(b"HTTP_%d" % n, b"") for n in range(98)]]
    limits = Limits(count=100)
    assert len(drive(ServerConnection(limits), [wire.netstring(block(*items))]).events[0][1]) == 100
    assert refused(wire.netstring(block(*items, METHOD)), limits).status == TOO_LARGE


def test_S32_values_are_bytes() -> None:
    value = bytes(range(1, 256))
    items = [(b"CONTENT_LENGTH", b"0"), SCGI, (b"A", value)]
    assert drive(ServerConnection(), [wire.netstring(block(*items))]).events[0][1][-1] == (b"A", value)


def test_a_corrected_length_of_the_body() -> None:
    """nginx with ``scgi_request_buffering off`` announces 0."""
    protocol = ServerConnection()
    protocol.receive_data(wire.scgi(wire.post(0), b"hel"))
    assert isinstance(protocol.next_event(), Request)
    protocol.set_body_length(5)
    assert [protocol.next_event(), protocol.next_event()] == [b"hel", None]
    assert not protocol.input_complete
    protocol.receive_data(b"lo and more")
    assert [protocol.next_event(), protocol.next_event()] == [b"lo", b""]


def test_S33_nothing_is_allocated_for_an_announced_body() -> None:
    protocol = ServerConnection()
    data = wire.scgi(wire.post(10**10))
    tracemalloc.start()
    try:
        protocol.receive_data(data)
        assert isinstance(protocol.next_event(), Request)
        assert protocol.next_event() is None
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()

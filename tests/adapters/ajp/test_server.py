"""gateways.adapters.ajp.server without a socket: one case of hostile input each, by its number.

The same numbers over a socket, with an application behind, are in tests/server/test_ajp_cases.py.
"""

from __future__ import annotations

import tracemalloc
from struct import pack

import pytest

from gateways.adapters.ajp import ServerConnection
from gateways.adapters.events import Limits, Request
from gateways.errors import ProtocolError
from tests.support import wire
from tests.support.drive import drive

BAD = "400 Bad Request"
CPING = wire.ajp_packet(b"\x0a")
CPONG = b"AB\0\1\x09"


def began(data: bytes, secret: bytes = b"") -> ServerConnection:
    """A connection whose request has come."""
    protocol = ServerConnection(secret=secret)
    protocol.receive_data(data)
    assert isinstance(protocol.next_event(), Request)
    return protocol


def refused(data: bytes, limits: Limits | None = None, secret: bytes = b"") -> ProtocolError:
    protocol = ServerConnection(limits, secret)
    protocol.receive_data(data)
    with pytest.raises(ProtocolError) as caught:
        protocol.next_event()
    return caught.value


def asked(protocol: ServerConnection) -> list[int]:
    """The sizes of GET_BODY_CHUNK that are to be sent."""
    sizes = wire.ajp_answer(b"".join(protocol.outgoing)).asked
    protocol.outgoing.clear()
    return sizes


def ending(protocol: ServerConnection) -> wire.AjpAnswer:
    return wire.ajp_answer(protocol.encode_head("200 OK", [], b"", True))


# Packets


@pytest.mark.parametrize("start", [b"AB\0\1\x09", b"AB", b"\x12\x35\0\1", b"\x00", b"\x16\x03\x01\x02"])
def test_A01_other_magic(start: bytes) -> None:
    assert refused(start).status == ""


def test_A01_other_protocols_are_named() -> None:
    error = refused(b"GET / HTTP/1.1\r\n")
    assert error.status == ""
    assert "this is HTTP, on an address for AJP13" in str(error)
    assert "this is FastCGI" in str(refused(wire.request()))
    assert "this is HTTP" in str(refused(b"VERSION-CONTROL /file HTTP/1.1\r\n"))


def test_A02_an_empty_packet_starts_nothing() -> None:
    assert refused(wire.ajp_packet(b"")).status == ""


def test_A02_nor_between_requests_of_apache() -> None:
    outcome = drive(ServerConnection(), [wire.ajp_forward() + wire.ajp_packet(b"")])
    assert outcome.events[-1] == ("error", "")


@pytest.mark.parametrize("length", [8189, 65535])
def test_A03_a_packet_longer_than_the_packet_size(length: int) -> None:
    """By its length alone: nothing is waited for."""
    assert refused(b"\x12\x34" + pack(">H", length)).status == ""


def test_A03_a_packet_of_the_packet_size() -> None:
    fill = 8188 + 4 - len(wire.ajp_forward((b"X", b"")))
    protocol = began(wire.ajp_forward((b"X", b"v" * fill)))
    assert ending(protocol).reuse


def test_A03_a_larger_packet_size() -> None:
    protocol = ServerConnection(packet_size=65536)
    data = wire.ajp_forward((b"X", b"v" * 60_000), (0xA008, b"60000"), method=4)
    protocol.receive_data(data + wire.ajp_body(b"x" * 50_000))
    assert isinstance(protocol.next_event(), Request)
    assert [len(protocol.next_event() or b""), protocol.next_event()] == [50_000, None]  # type: ignore[arg-type]
    assert asked(protocol) == [10_000]
    answer = protocol.encode_head("200 OK", [("X", "v" * 60_000)], b"y" * 100_000, False)
    sizes = [int.from_bytes(answer[2:4], "big")]
    while sum(sizes) + 4 * len(sizes) < len(answer):
        at = sum(sizes) + 4 * len(sizes)
        sizes.append(int.from_bytes(answer[at + 2 : at + 4], "big"))
    assert sizes == [60_017, 65_532, 100_000 - 65_528 + 4, 4]


def test_A04_ping_before_and_between_requests() -> None:
    outcome = drive(ServerConnection(), [CPING + wire.ajp_forward() + CPING + CPING])
    assert outcome.output.startswith(CPONG + b"AB")
    assert outcome.output.endswith(CPONG + CPONG)
    assert [event for event in outcome.events if event == "answered"] == ["answered"]


def test_A04_pings_without_end_take_no_memory() -> None:
    protocol = ServerConnection()
    pings = CPING * 1000
    for _ in range(100):
        protocol.receive_data(pings)
        assert protocol.next_event() is None
        assert b"".join(protocol.outgoing) == CPONG * 1000
        protocol.outgoing.clear()
    assert protocol.buffered == 0


def test_A18_shutdown_is_ignored() -> None:
    protocol = ServerConnection()
    protocol.receive_data(wire.ajp_packet(b"\x07") + wire.ajp_forward())
    assert isinstance(protocol.next_event(), Request)


# Bodies


def test_a_request_and_its_answer() -> None:
    protocol = began(wire.ajp_post(b"hello"))
    assert [protocol.next_event(), protocol.next_event()] == [b"hello", b""]
    data = protocol.encode_head("200 Fine", [("X-A", "b"), ("Set-Cookie", "a"), ("Set-Cookie", "b")], b"bo", False)
    assert protocol.outgoing == []
    answer = wire.ajp_answer(data + protocol.encode_body(b"dy", True))
    headers = [(b"Set-Cookie", b"a"), (b"Set-Cookie", b"b"), (b"X-A", b"b")]
    assert answer == wire.AjpAnswer("200 Fine", headers, b"body", True, [], 0)
    assert protocol.idle


def test_the_body_is_asked_for_when_it_is_read() -> None:
    body = bytes(range(256)) * 80
    protocol = began(wire.ajp_forward((0xA008, b"20480"), method=4))
    assert protocol.next_event() is None
    assert asked(protocol) == [], "the first piece comes by itself"
    protocol.receive_data(wire.ajp_body(body[:8186]))
    assert protocol.next_event() == body[:8186]
    assert protocol.input_complete, "nothing more comes by itself"
    assert protocol.next_event() is None
    assert asked(protocol) == [8186]
    assert not protocol.input_complete
    assert protocol.next_event() is None
    assert asked(protocol) == [], "once"
    protocol.receive_data(wire.ajp_body(body[8186:16372]))
    assert protocol.next_event() == body[8186:16372]
    protocol.receive_data(wire.ajp_body(body[16372:]))
    assert protocol.next_event() == body[16372:]
    assert asked(protocol) == [20480 - 16372]
    assert protocol.next_event() == b""
    assert ending(protocol).reuse


def test_A11_a_chunked_body_has_no_length_and_no_unasked_piece() -> None:
    protocol = began(wire.ajp_forward((b"Transfer-Encoding", b"chunked"), method=4))
    assert protocol.next_event() is None
    assert asked(protocol) == [8186]
    protocol.receive_data(wire.ajp_body(b"hello"))
    assert protocol.next_event() == b"hello"
    protocol.receive_data(wire.ajp_body(b""))
    assert [protocol.next_event(), protocol.next_event()] == [b"", b""]
    assert ending(protocol).reuse


def test_A13_a_body_that_ends_early() -> None:
    protocol = began(wire.ajp_forward((0xA008, b"10"), method=4) + wire.ajp_body(b"hello") + wire.ajp_body(b""))
    assert [protocol.next_event(), protocol.next_event(), protocol.next_event()] == [b"hello", b"", b""]
    assert ending(protocol).reuse is False


@pytest.mark.parametrize("payload", [b"\0\7hello", b"\xff\xffhello", b"\0"])
def test_A13_a_length_inside_that_lies(payload: bytes) -> None:
    protocol = began(wire.ajp_forward((0xA008, b"10"), method=4) + wire.ajp_packet(payload))
    with pytest.raises(ProtocolError):
        protocol.next_event()


def test_A13_more_than_the_content_length() -> None:
    protocol = began(wire.ajp_forward((0xA008, b"3"), method=4) + wire.ajp_body(b"hello"))
    with pytest.raises(ProtocolError, match="2 bytes behind"):
        protocol.next_event()


def test_A13_nothing_is_allocated_for_an_announced_body() -> None:
    protocol = ServerConnection()
    data = wire.ajp_forward((0xA008, b"9" * 18), method=4)
    tracemalloc.start()
    try:
        protocol.receive_data(data)
        assert isinstance(protocol.next_event(), Request)
        assert protocol.next_event() is None
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_A19_an_unread_body_never_becomes_a_request() -> None:
    """What looks like a packet is a piece of the body, and the connection takes no other request."""
    evil = wire.ajp_forward(uri=b"/evil")
    data = wire.ajp_post(evil) + evil
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        outcome = drive(ServerConnection(), pieces, reads_body=False)
        assert [event[0] for event in outcome.events if isinstance(event, tuple)] == ["request"]
        assert wire.ajp_answer(outcome.output).reuse is False


def test_A19_it_is_not_asked_for_either() -> None:
    protocol = began(wire.ajp_forward((0xA008, b"100"), method=4))
    assert ending(protocol).reuse is False
    assert not protocol.input_complete
    assert protocol.next_event() is None
    protocol.receive_data(wire.ajp_body(b"hello"))
    assert protocol.next_event() is None
    assert protocol.input_complete
    assert protocol.outgoing == []
    assert protocol.buffered == 0


def test_A19_the_request_says_that_the_connection_ends() -> None:
    protocol = ServerConnection()
    protocol.receive_data(wire.ajp_post(b"hello"))
    request = protocol.next_event()
    assert isinstance(request, Request)
    assert request.keep
    ending(protocol)
    assert not request.keep


@pytest.mark.parametrize("headers", [(), ((0xA008, b"0"),)])
def test_A20_no_body(headers: tuple[tuple[int, bytes], ...]) -> None:
    protocol = began(wire.ajp_forward(*headers))
    assert protocol.input_complete
    assert [protocol.next_event(), protocol.next_event()] == [b"", b""]
    assert protocol.outgoing == []
    assert ending(protocol).reuse


# The secret


def secret(text: bytes) -> bytes:
    return wire.AJP_PORT + b"\x0c" + wire.ajp_string(text)


@pytest.mark.parametrize("given", [wire.AJP_PORT, secret(b""), secret(b"wrong"), secret(b"right "), secret(b"righ")])
def test_A14_a_request_without_the_secret(given: bytes) -> None:
    protocol = ServerConnection(secret=b"right")
    protocol.receive_data(wire.ajp_forward(attributes=given))
    with pytest.raises(ProtocolError) as caught:
        protocol.next_event()
    assert caught.value.status == "403 Forbidden"
    assert "right" not in str(caught.value)
    assert ending(protocol).reuse is False


def test_A14_the_secret_is_known_and_not_passed_on() -> None:
    protocol = ServerConnection(secret=b"right")
    protocol.receive_data(wire.ajp_forward(attributes=secret(b"right")))
    request = protocol.next_event()
    assert isinstance(request, Request)
    assert not [item for item in request.variables if b"right" in item[1]]
    assert ending(protocol).reuse


def test_A14_it_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: bytes, two: bytes) -> bool:
        compared.append((one, two))
        return True

    monkeypatch.setattr("hmac.compare_digest", compare)
    began(wire.ajp_forward(attributes=secret(b"any")), secret=b"right")
    assert compared == [(b"any", b"right")]


def test_A14_a_ping_needs_none() -> None:
    assert drive(ServerConnection(secret=b"right"), [CPING]).output == CPONG


# lighttpd


def test_the_body_of_lighttpd_is_bare() -> None:
    protocol = began(wire.ajp_forward((0xA008, b"7"), method=4, attributes=b"") + wire.ajp_packet(b"\0\5hello"))
    assert [protocol.next_event(), protocol.next_event()] == [b"\0\5hello", b""]


def test_a_body_that_is_framed_well_is_never_taken_for_lighttpds() -> None:
    protocol = began(wire.ajp_forward((0xA008, b"5"), method=4, attributes=b"") + wire.ajp_body(b"hello"))
    assert [protocol.next_event(), protocol.next_event()] == [b"hello", b""]


def test_lighttpd_is_asked_for_the_first_piece_too() -> None:
    """With ``server.stream-request-body`` it sends one unasked only if it has it."""
    protocol = began(wire.ajp_forward((0xA008, b"7"), method=4, attributes=b""))
    assert [protocol.next_event(), asked(protocol)] == [None, [7]]
    assert [protocol.next_event(), asked(protocol)] == [None, []]


def test_lighttpd_is_asked_for_much_at_once() -> None:
    size = 3 << 20
    protocol = began(wire.ajp_forward((0xA008, b"%d" % size), method=4, attributes=b""))
    assert protocol.next_event() is None
    received = 0
    expected = sum(asked(protocol))
    while received < size:
        piece = min(8188, size - received)
        protocol.receive_data(wire.ajp_packet(b"x" * piece))
        assert protocol.next_event() == b"x" * piece
        received += piece
        if received < size:
            assert protocol.next_event() is None
            expected += sum(asked(protocol))
            coming = expected - received
            assert expected == size or 1 << 19 < coming <= 1 << 20
    assert protocol.next_event() == b""
    assert ending(protocol).reuse


def test_lighttpd_ends_an_empty_body_with_an_empty_packet() -> None:
    data = wire.ajp_forward((0xA008, b"0"), attributes=b"") + wire.ajp_packet(b"") + wire.ajp_forward()
    events = drive(ServerConnection(), [data]).events
    assert [event if isinstance(event, str) else event[0] for event in events] == ["request", "answered"] * 2


def test_closing_at_once_would_reset_a_connection_of_lighttpd() -> None:
    protocol = began(wire.ajp_forward((0xA008, b"0"), attributes=b""))
    ending(protocol)
    assert not protocol.input_complete

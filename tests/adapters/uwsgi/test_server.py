"""gateways.adapters.uwsgi.server without a socket: one case of hostile input each, by its number.

The same numbers over a socket, with an application behind, are in tests/server/test_uwsgi_cases.py.
"""

from __future__ import annotations

import tracemalloc
from struct import pack

import pytest

from gateways.adapters.events import Limits, Request
from gateways.adapters.uwsgi import ServerConnection
from gateways.core.environ import EnvironBuilder
from gateways.errors import ProtocolError
from tests.support import wire
from tests.support.drive import RESPONSE, drive
from tests.support.wire import packet, uwsgi_block

BAD = "400 Bad Request"
TOO_LARGE = "431 Request Header Fields Too Large"
METHOD = (b"REQUEST_METHOD", b"GET")


def length(value: bytes) -> bytes:
    """A request whose CONTENT_LENGTH is ``value``."""
    return packet(uwsgi_block([METHOD, (b"CONTENT_LENGTH", value)])) + b"hello"


def refused(data: bytes, limits: Limits | None = None) -> ProtocolError:
    protocol = ServerConnection(limits)
    protocol.receive_data(data)
    with pytest.raises(ProtocolError) as caught:
        protocol.next_event()
    return caught.value


def variables(data: bytes) -> list[tuple[bytes, bytes]]:
    """What comes out of a request that is served."""
    protocol = ServerConnection()
    protocol.receive_data(data)
    request = protocol.next_event()
    assert isinstance(request, Request)
    return list(request.variables)


def test_U01_a_whole_request() -> None:
    protocol = ServerConnection()
    protocol.receive_data(wire.uwsgi(body=b"hello"))
    request = protocol.next_event()
    assert isinstance(request, Request)
    assert list(request.variables) == list(wire.post(5))
    assert not request.keep
    assert protocol.input_complete
    assert [protocol.next_event(), protocol.next_event(), protocol.next_event()] == [b"hello", b"", b""]
    head = protocol.encode_head("200 OK", [("A", "b")], b"bo", False)
    assert head + protocol.encode_body(b"dy", True) == b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nbody"


def test_U02_byte_by_byte() -> None:
    data = wire.uwsgi(body=b"hello")
    assert drive(ServerConnection(), [data[at : at + 1] for at in range(len(data))]) == drive(
        ServerConnection(), [data]
    )


@pytest.mark.parametrize("modifier", [number for number in range(256) if number not in (0, 30, 100)])
def test_U03_U05_U06_other_modifiers_are_closed(modifier: int) -> None:
    """22 has uWSGI evaluate the block as Python, 5 is Perl, 17 a spooler, 255 an answer."""
    error = refused(packet(b"__import__('os').abort()", modifier))
    assert error.status == ""
    assert f"modifier1 {modifier} is not served" in str(error)


def test_U04_a_ping_is_answered_and_a_request_may_follow() -> None:
    protocol = ServerConnection()
    protocol.receive_data(packet(b"", 100))
    assert protocol.next_event() is None
    assert protocol.outgoing == [b"\x64\0\0\1"]
    assert protocol.idle
    assert refused(packet(b"x", 100)).status == ""
    outcome = drive(ServerConnection(), [packet(b"", 100) + wire.uwsgi()])
    assert outcome.events[-1] == "answered"


def test_U07_modifier2_is_ignored() -> None:
    assert variables(packet(uwsgi_block(wire.GET), 0, modifier2=1)) == list(wire.GET)


@pytest.mark.parametrize("modifier", [0, 30])
def test_U08_nothing_in_the_block(modifier: int) -> None:
    """It is for the environ to miss REQUEST_METHOD."""
    assert variables(packet(b"", modifier)) == []


def test_U09_a_block_that_breaks_off() -> None:
    protocol = ServerConnection()
    protocol.receive_data(wire.uwsgi()[:-1])
    assert protocol.next_event() is None
    assert not protocol.idle
    assert not protocol.input_complete


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(uwsgi_block([METHOD])[:-1], id="U10-value-cut"),
        pytest.param(uwsgi_block([METHOD])[:10], id="U10-name-cut"),
        pytest.param(uwsgi_block([METHOD]) + pack("<H", 500) + b"NAME", id="U11-name-past-the-end"),
        pytest.param(uwsgi_block([METHOD]) + pack("<H", 4) + b"NAME" + pack("<H", 9) + b"v", id="U12-value-past-it"),
        pytest.param(uwsgi_block([METHOD]) + pack("<H", 4) + b"NAME", id="U12-no-value"),
        pytest.param(uwsgi_block([METHOD, (b"", b"x")]), id="U13-no-name"),
        pytest.param(uwsgi_block([METHOD]) + b"\0", id="U14-a-stray-byte"),
        pytest.param(b"\0", id="U14-one-byte"),
        pytest.param(uwsgi_block([METHOD]) + b"\0\0", id="U14-an-empty-name-and-no-value"),
        pytest.param(uwsgi_block([(b"REMOTE_USER", b"alice"), (b"REMOTE_USER", b"root")]), id="U23-two-users"),
        pytest.param(uwsgi_block([(b"AUTH_TYPE", b"Basic"), (b"AUTH_TYPE", b"Digest")]), id="U23-two-ways"),
        pytest.param(uwsgi_block([(b"CONTENT_LENGTH", b"5"), (b"CONTENT_LENGTH", b"3")]), id="U23-two-lengths"),
    ],
)
def test_wrong_blocks_are_answered_with_400(block: bytes) -> None:
    assert refused(packet(block) + b"hello").status == BAD


def test_U15_a_block_of_65535_bytes() -> None:
    room = 65535 - len(uwsgi_block([METHOD, (b"HTTP_X", b"")]))
    data = packet(uwsgi_block([METHOD, (b"HTTP_X", b"v" * room)]))
    assert len(data) == 4 + 65535
    assert variables(data)[1] == (b"HTTP_X", b"v" * room)
    assert refused(data, Limits(size=65534)).status == TOO_LARGE


def test_U15_a_block_above_the_limit_is_not_waited_for() -> None:
    assert refused(b"\0\xff\xff\0", Limits(size=1024)).status == TOO_LARGE


@pytest.mark.parametrize("value", [b"-1", b"5x", b"+5", b"0x5", b" 5", b"5 ", b"5,5", b"\xb2", b"9" * 19])
def test_U16_U17_a_length_that_is_no_number(value: bytes) -> None:
    assert refused(length(value)).status == BAD


@pytest.mark.parametrize(("value", "body"), [(b"5", [b"hello"]), (b"005", [b"hello"]), (b"", []), (b"0", [])])
def test_U17_lengths_that_are(value: bytes, body: list[bytes]) -> None:
    assert drive(ServerConnection(), [length(value)]).events[1:] == [*body, "answered"]


def test_U18_a_body_that_breaks_off_is_never_at_its_end() -> None:
    protocol = ServerConnection()
    protocol.receive_data(wire.uwsgi(wire.post(5), b"abc"))
    assert isinstance(protocol.next_event(), Request)
    assert [protocol.next_event(), protocol.next_event()] == [b"abc", None]
    assert not protocol.input_complete


@pytest.mark.parametrize("reads_body", [True, False])
@pytest.mark.parametrize("params", [wire.GET, wire.post(2)])
def test_U19_U24_what_follows_is_never_a_request(params: wire.Pairs, reads_body: bool) -> None:
    data = wire.uwsgi(params, b"hi") + wire.uwsgi(wire.get((b"EVIL", b"1")))
    outcome = drive(ServerConnection(), [data], reads_body=reads_body)
    assert [event[1] for event in outcome.events if event[0] == "request"] == [list(params)]
    assert outcome.output.endswith(RESPONSE)


def test_U20_what_tells_uwsgi_what_to_load_is_text() -> None:
    names = ["UWSGI_FILE", "UWSGI_SCRIPT", "UWSGI_MODULE", "UWSGI_CALLABLE", "UWSGI_SETENV", "UWSGI_CHDIR"]
    items = [METHOD, *[(name.encode(), b"/etc/passwd") for name in [*names, "UWSGI_PYHOME", "UWSGI_TOUCH_RELOAD"]]]
    assert variables(packet(uwsgi_block(items))) == items


def test_U21_other_protocols_are_named() -> None:
    error = refused(b"GET / HTTP/1.1\r\n")
    assert error.status == ""
    assert "this is HTTP, on an address for uwsgi" in str(error)
    assert "this is FastCGI" in str(refused(wire.request()))
    assert "this is SCGI" in str(refused(wire.scgi()))


def test_U22_a_nul_is_left_to_the_environ() -> None:
    assert variables(packet(uwsgi_block([METHOD, (b"A", b"a\0b")])))[1] == (b"A", b"a\0b")


def test_U23_repeated_headers_and_repeated_equal_values_pass() -> None:
    """nginx sends one pair for each header line, and repeats what a configuration sets twice."""
    items = [METHOD, (b"HTTP_A", b"1"), (b"HTTP_A", b"2"), (b"REMOTE_USER", b"alice"), (b"REMOTE_USER", b"alice")]
    items += [(b"SCRIPT_NAME", b"/app"), (b"SCRIPT_NAME", b"")]
    assert variables(packet(uwsgi_block(items))) == items


@pytest.mark.parametrize("name", [b"REMOTE_ADDR", b"SERVER_PORT", b"REQUEST_URI", b"QUERY_STRING", b"REQUEST_METHOD"])
def test_U23_the_last_value_counts(name: bytes) -> None:
    """``include uwsgi_params; uwsgi_param REMOTE_ADDR ...;`` in nginx."""
    items = [*[pair for pair in wire.GET if pair[0] != name], (name, b"81"), (name, b"82")]
    builder = EnvironBuilder(multithread=False, multiprocess=False)
    assert builder.build(variables(packet(uwsgi_block(items))))[name.decode()] == "82"


def test_U23_an_empty_length_beside_another_is_none() -> None:
    items = [METHOD, (b"CONTENT_LENGTH", b"5"), (b"CONTENT_LENGTH", b"")]
    outcome = drive(ServerConnection(), [packet(uwsgi_block(items)) + b"hello"])
    assert outcome.events == [("request", items[:2], False), b"hello", "answered"]


def test_U24_a_size_that_was_cut_to_16_bits() -> None:
    """What the sender meant to be variables is behind the block: it is no body, and no request."""
    block = uwsgi_block([METHOD, (b"HTTP_X", b"x" * 60_000), (b"HTTP_Y", b"y" * 5_520)])
    assert len(block) > 65535
    assert refused(pack("<BHB", 0, len(block) & 0xFFFF, 0) + block).status == BAD


def test_U25_the_number_of_variables_has_a_limit() -> None:
    items = [(b"HTTP_%d" % n, b"") for n in range(100)]
    assert len(drive(ServerConnection(Limits(count=100)), [packet(uwsgi_block(items))]).events[0][1]) == 100
    assert refused(packet(uwsgi_block([*items, METHOD])), Limits(count=100)).status == TOO_LARGE
    assert refused(packet(b"\1\0A\0\0" * 13107)).status == TOO_LARGE
    assert refused(packet(bytes(65534))).status == TOO_LARGE


@pytest.mark.parametrize(
    ("script", "path", "found"),
    [
        (b"/app", b"/app/x", b"/x"),
        (b"/app", b"/app", b""),
        (b"/app", b"/app/app", b"/app"),
        (b"/app/", b"/app/x", b"/x"),
        (b"/app", b"/apple", b"/apple"),
        (b"/app", b"/x", b"/x"),
        (b"", b"/x", b"/x"),
        (b"/", b"/x", b"/x"),
    ],
)
def test_modifier_30_takes_the_mount_off_the_path(script: bytes, path: bytes, found: bytes) -> None:
    items = [METHOD, (b"SCRIPT_NAME", script), (b"PATH_INFO", path), (b"HTTP_A", b"1"), (b"HTTP_A", b"2")]
    assert variables(packet(uwsgi_block(items), 30)) == [*items[:2], (b"PATH_INFO", found), *items[3:]]
    assert variables(packet(uwsgi_block(items), 0)) == items


def test_nothing_is_allocated_for_an_announced_body() -> None:
    protocol = ServerConnection()
    data = wire.uwsgi(wire.post(10**10))
    tracemalloc.start()
    try:
        protocol.receive_data(data)
        assert isinstance(protocol.next_event(), Request)
        assert protocol.next_event() is None
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()

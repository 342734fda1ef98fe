"""gateways.adapters.foreign: what the first bytes of a connection look like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters.foreign import PREFIX, describe, hint, recognise
from tests.support import wire
from tests.support.corpus import CORPUS, captures

#: The first bytes, and how many of them decide.
KNOWN = {
    "HTTP": [
        (b"GET / HTTP/1.1\r\n", 4),
        (b"POST /x", 5),
        (b"PRI * HTTP/2.0", 4),
        (b"PROPFIND /", 9),
        (b"CONNECT a:1 HTTP/1.1", 8),
        (b"\r\nGET / HTTP/1.1\r\n", 6),
        (b"get / HTTP/1.1", 5),
        (b"M-SEARCH * HTTP/1.1", 10),
        (b"FOO http://example.test/ HTTP/1.1", 8),
        (b"d /", 3),
        (b"A" * 24 + b" /", 26),
        (b"\r\n" + b"A" * 24 + b" http", 31),
    ],
    "TLS": [(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 2)],
    "FastCGI": [(wire.request(), 2), (wire.record(wire.GET_VALUES, 0), 2), (wire.record(wire.ABORT, 1), 2)],
    "AJP13": [(b"\x12\x34\x00\x01\x0a", 2)],
    "SCGI": [(wire.scgi(), 4), (b"70:CONTENT", 3), (b"0:,", 2), (b"9999999999:", 11)],
    "uwsgi": [
        (wire.uwsgi(), 7),
        (wire.uwsgi(modifier1=30), 7),
        (wire.packet(wire.uwsgi_block(wire.GET), modifier2=9), 7),
        (wire.packet(b"\1\0A\0\0"), 7),
        (wire.packet(b"", 100), 4),
    ],
    "PROXY protocol": [
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\n", 6),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11", 5),
    ],
}

#: What is of no protocol, and how many bytes it takes to know that.
UNKNOWN = [
    (b"EHLO mail.example\r\n", 6),
    (b"PROPPATCH x", 11),
    (b"\xff" * 8, 1),
    (b"\0" * 8, 6),
    (b"\0\5\0\0\2\0AB\0", 6),  # a name that leaves no room for the length of its value
    (b"\0\5\0\0\1\0\0\0\0", 7),
    (b"\x16\x02", 2),
    (b"\x01\x0c\0\1", 2),
    (b"\x02\x01\0\1", 1),
    (b"\x12\x33", 2),
    (b"AB\0\0", 3),
    (b"d\0\0\1", 4),
    (b"99999999999:", 11),
    (b"1x:", 2),
    (b":", 1),
    (b"-5:", 1),
    (b"\r\r", 2),
    (b"\r\n\r\nGET", 5),
    (b"A" * 25, 25),
    (b"SSH-2.0-OpenSSH_9.2\r\n", 20),
    (b"{}", 1),
]


@pytest.mark.parametrize(("name", "data", "needed"), [(name, *row) for name, rows in KNOWN.items() for row in rows])
def test_a_protocol_is_recognised_by_its_first_bytes_and_not_before(name: str, data: bytes, needed: int) -> None:
    assert [recognise(data[:size]) for size in range(needed)] == [None] * needed
    assert {recognise(data[:size]) for size in range(needed, len(data) + 1)} == {name}
    assert describe(data) == name
    assert needed <= PREFIX


@pytest.mark.parametrize(("data", "needed"), UNKNOWN)
def test_other_bytes_are_known_for_none(data: bytes, needed: int) -> None:
    assert [recognise(data[:size]) for size in range(needed)] == [None] * needed
    assert {recognise(data[:size]) for size in range(needed, len(data) + 1)} == {""}


TRANSPORTS = {"fastcgi": "FastCGI", "scgi": "SCGI", "uwsgi": "uwsgi", "ajp": "AJP13"}
SERVERS = sorted(path.name for path in CORPUS.iterdir() if path.is_dir())


@pytest.mark.parametrize("server", SERVERS)
def test_what_real_servers_send_is_recognised_at_each_length(server: str) -> None:
    """And the HTTP request that made them do so."""
    for capture in captures(server):
        samples = (
            [("HTTP", capture.http)] if capture.http[:4] not in {b"", b"XXX "} and b" HTTP/" in capture.http else []
        )
        if capture.transport in TRANSPORTS and capture.data:  # there is none where HAProxy gave up at once
            samples.append((TRANSPORTS[capture.transport], capture.data))
        for name, data in samples:
            found = [recognise(data[:size]) for size in range(PREFIX + 1)]
            decided = found.index(name)
            assert found[:decided] == [None] * decided, (capture.name, found)
            assert set(found[decided:]) == {name}, (capture.name, found)


starts = st.sampled_from(
    [row[0] for rows in KNOWN.values() for row in rows] + [data for data, _ in UNKNOWN] + [b"", b"\0", b"\r\n"]
)


@given(
    starts,
    st.integers(0, PREFIX),
    st.binary(max_size=40) | st.text(alphabet="AB19 :/\r\n-", max_size=40).map(str.encode),
)
def test_what_was_decided_stays_and_a_few_bytes_always_decide(start: bytes, keep: int, more: bytes) -> None:
    data = start[:keep] + more
    decided = None
    for size in range(len(data) + 1):
        found = recognise(data[:size])
        assert decided is None or found == decided
        decided = found
    assert decided is not None or len(data) < PREFIX


def test_a_hint_names_both_protocols_and_the_directive() -> None:
    assert hint(b"GET / HTTP/1.1\r\n", "FastCGI") == (
        ": this is HTTP, on an address for FastCGI; make the web server pass FastCGI here (nginx: fastcgi_pass "
        "instead of proxy_pass; Apache: fcgi:// instead of http://; lighttpd: fastcgi.server instead of proxy.server)"
    )
    assert "nginx: uwsgi_pass instead of scgi_pass; Apache: uwsgi:// instead of scgi://" in hint(wire.scgi(), "uwsgi")
    # nginx speaks no AJP
    assert hint(b"\x12\x34\x00\x01\x0a", "SCGI").endswith(
        "(Apache: scgi:// instead of ajp://; lighttpd: scgi.server instead of ajp13.server)"
    )
    assert hint(b"\x16\x03\x01", "HTTP") == ": this is TLS, on an address for HTTP; make the web server pass HTTP here"
    assert "HAProxy: send-proxy" in hint(b"PROXY TCP4 ", "FastCGI")


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff" * 8])
def test_no_hint_for_bytes_that_say_nothing(data: bytes) -> None:
    assert hint(data, "FastCGI") == ""


def test_no_hint_for_the_protocol_that_is_spoken() -> None:
    assert hint(b"70:CONTENT", "SCGI") == ""

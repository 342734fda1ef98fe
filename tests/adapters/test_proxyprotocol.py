"""gateways.adapters.proxyprotocol: both versions, in any pieces, and what is neither."""

from __future__ import annotations

import socket
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters.proxyprotocol import MAX_HEADER, Addresses, Header, ProxyReader
from gateways.errors import ProtocolError

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TCP4 = socket.inet_aton("192.0.2.1") + socket.inet_aton("198.51.100.2") + pack(">HH", 40000, 443)
TCP6 = socket.inet_pton(socket.AF_INET6, "2001:db8::1") + socket.inet_pton(socket.AF_INET6, "::1") + pack(">HH", 1, 2)
FOUR = Header(False, Addresses("192.0.2.1", 40000, "198.51.100.2", 443))
SIX = Header(False, Addresses("2001:db8::1", 1, "::1", 2))
UNTOLD = Header(False, None)


def binary(command: int, family: int, block: bytes, length: int | None = None) -> bytes:
    return SIGNATURE + pack(">BBH", command, family, len(block) if length is None else length) + block


def read(data: bytes) -> tuple[Header | None, bytes]:
    reader = ProxyReader()
    reader.receive_data(data)
    return reader.next_event(), reader.rest


GOOD = [
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 40000 443\r\n", FOUR),
    (b"PROXY TCP6 2001:DB8:0::1 ::1 1 2\r\n", SIX),
    (b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 40000 443\r\n", FOUR),
    (b"PROXY UNKNOWN\r\n", UNTOLD),
    (b"PROXY UNKNOWN ffff:f...f:ffff 65535 and more\r\n", UNTOLD),
    (binary(0x21, 0x11, TCP4), FOUR),
    (binary(0x21, 0x21, TCP6), SIX),
    (binary(0x21, 0x11, TCP4 + b"\x01\0\x02h2" + b"\x04\0\x03\0\0\0"), FOUR),  # TLVs: ALPN, NOOP
    (binary(0x21, 0x11, TCP4 + b"\xff" * 3), FOUR),  # TLVs that are none are nobody's business
    (binary(0x20, 0x00, b""), Header(True, None)),
    (binary(0x20, 0x11, TCP4), Header(True, None)),
    (binary(0x20, 0xEE, b"whatever"), Header(True, None)),
    (binary(0x21, 0x00, b"\x03\0\x04crc!"), UNTOLD),
    (binary(0x21, 0x12, TCP4), UNTOLD),
    (binary(0x21, 0x31, b"/client".ljust(108, b"\0") + b"/server".ljust(108, b"\0")), UNTOLD),
    (binary(0x21, 0x21, socket.inet_pton(socket.AF_INET6, "::ffff:192.0.2.1") * 2 + pack(">HH", 5, 6)),
     Header(False, Addresses("192.0.2.1", 5, "192.0.2.1", 6))),
]  # fmt: skip

BAD = [
    (b"GET / HTTP/1.1\r\n", "no PROXY header"),
    (b"\x16\x03\x01\x02\x00", "no PROXY header"),
    (b"PROXX", "no PROXY header"),
    (b"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "no PROXY header"),
    (b"\r\n\r\n\0\r\nQUIX\n", "no PROXY header"),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 40000\r\n", "no PROXY line"),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 40000 443 1\r\n", "no PROXY line"),
    (b"PROXY TCP4  192.0.2.1 198.51.100.2 40000 443\r\n", "no PROXY line"),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 40000 65536\r\n", "no PROXY line"),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 04 443\r\n", "no PROXY line"),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 -4 443\r\n", "no PROXY line"),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 40000 443\n\r\n", "no PROXY line"),
    (b"PROXY TCP4 192.0.2.256 198.51.100.2 40000 443\r\n", "no PROXY line"),
    (b"PROXY TCP4 ::1 ::1 40000 443\r\n", "no PROXY line"),
    (b"PROXY TCP6 192.0.2.1 198.51.100.2 40000 443\r\n", "no PROXY line"),
    (b"PROXY TCP6 fe80::1%eth0 ::1 40000 443\r\n", "no PROXY line"),
    (b"PROXY TCP4 \xd9\xa1.2.3.4 1.2.3.4 1 2\r\n", "no PROXY line"),
    (b"PROXY UDP4 192.0.2.1 198.51.100.2 40000 443\r\n", "no PROXY line"),
    (b"PROXY UNKNOWN " + b"x" * 93, "longer than 107"),
    (binary(0x11, 0x11, TCP4), "version and command 0x11"),
    (binary(0x22, 0x11, TCP4), "version and command 0x22"),
    (binary(0x21, 0x41, TCP4), "family and transport 0x41"),
    (binary(0x21, 0x13, TCP4), "family and transport 0x13"),
    (binary(0x21, 0x11, TCP4[:-1]), "11 bytes of 12"),
    (binary(0x21, 0x21, TCP4), "12 bytes of 36"),
    (binary(0x21, 0x31, TCP6), "36 bytes of 216"),
    (binary(0x21, 0x11, b"", 0xFFFF), "65551 bytes, more than 4096"),
    (binary(0x20, 0x00, b"", MAX_HEADER - 15), "more than 4096"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "header"), GOOD)
def test_H51_a_header_and_what_follows(data: bytes, header: Header) -> None:
    assert read(data + b"GET / HTTP") == (header, b"GET / HTTP")


@pytest.mark.parametrize(("data", "header"), GOOD)
def test_H51_no_header_before_its_last_byte(data: bytes, header: Header) -> None:
    assert [read(data[:end])[0] for end in range(len(data))] == [None] * len(data)


@pytest.mark.parametrize(("data", "reason"), BAD)
def test_H52_what_is_no_header_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        read(data)


@given(st.sampled_from(GOOD + BAD), st.lists(st.integers(0, 300)), st.binary(max_size=5))
def test_H53_any_pieces_give_the_same(case: tuple[bytes, object], cuts: list[int], more: bytes) -> None:
    data = case[0] + more
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    reader = ProxyReader()
    outcome: object = None
    for start, end in zip(edges, edges[1:]):
        reader.receive_data(data[start:end])
        try:
            outcome = reader.next_event()
        except ProtocolError:
            outcome = ProtocolError
        if outcome is not None:
            break
    assert outcome == (case[1] if isinstance(case[1], Header) else ProtocolError)


@given(st.sampled_from([b"", SIGNATURE, SIGNATURE + b"\x21\x11", b"PROXY ", b"PROXY TCP4 "]), st.binary(max_size=5000))
def test_H54_any_bytes_give_a_header_or_an_error_and_never_a_store(start: bytes, data: bytes) -> None:
    data = start + data
    try:
        header, rest = read(data)
    except ProtocolError:
        return
    assert header is not None or len(data) < MAX_HEADER
    assert data.endswith(rest)

"""gateways.adapters.foreign: what the first bytes of a connection look like."""

from __future__ import annotations

import pytest

from gateways.adapters.foreign import describe, hint
from tests.support import wire

KNOWN = {
    "HTTP": [b"GET / HTTP/1.1\r\n", b"POST /x", b"PRI * HTTP/2.0", b"DELETE /", b"PROPFIND /"],
    "TLS": [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    "FastCGI": [wire.request(), wire.record(wire.GET_VALUES, 0)[:2]],
    "AJP13": [b"\x12\x34\x00\x01\x0a"],
    "SCGI": [wire.scgi(), b"70:CONTENT"],
    "uwsgi": [b"\x00\x1f\x00\x00\x0e\x00REQUEST_METHOD\x03\x00GET"],
    "": [b"", b"\0", b"G", b"hello", b"EHLO mail.example", b"\xff" * 8, b"\0" * 8],
}


@pytest.mark.parametrize(("name", "data"), [(name, data) for name, samples in KNOWN.items() for data in samples])
def test_describe(name: str, data: bytes) -> None:
    assert describe(data) == name


def test_a_hint_names_both_protocols() -> None:
    assert hint(b"GET / HTTP/1.1\r\n", "FastCGI") == (
        ": this is HTTP on a FastCGI address; make the web server pass FastCGI here"
    )
    assert "FastCGI on a SCGI address" in hint(wire.request(), "SCGI")


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff" * 8])
def test_no_hint_for_bytes_that_say_nothing(data: bytes) -> None:
    assert hint(data, "FastCGI") == ""


def test_no_hint_for_the_protocol_that_is_spoken() -> None:
    assert hint(b"70:CONTENT", "SCGI") == ""

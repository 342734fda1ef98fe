"""gateways.adapters.forwarded: what a client makes up counts for nothing, wherever it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters.forwarded import FIELDS, USUAL_FIELDS, Forwarded

OURS = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1"}
SOCKET = [(b"REQUEST_METHOD", b"GET"), (b"REMOTE_ADDR", b"10.0.0.1"), (b"REMOTE_PORT", b"4000"), (b"HTTP_HOST", b"h")]


def apply(
    *headers: tuple[str, str], trusted: bool = True, fields: tuple[str, ...] = USUAL_FIELDS
) -> dict[bytes, bytes]:
    named = [(b"HTTP_" + name.upper().replace("-", "_").encode(), value.encode("latin-1")) for name, value in headers]
    return dict(Forwarded(OURS.__contains__, fields).apply([*SOCKET, *named], trusted))


def address(*values: str) -> bytes:
    return apply(*[("X-Forwarded-For", value) for value in values])[b"REMOTE_ADDR"]


@pytest.mark.parametrize(
    ("values", "client"),
    [
        (["192.0.2.1"], b"192.0.2.1"),
        (["192.0.2.1, 10.0.0.2"], b"192.0.2.1"),
        (["192.0.2.1,10.0.0.2 ,\t10.0.0.3"], b"192.0.2.1"),
        (["192.0.2.1", "10.0.0.2"], b"192.0.2.1"),  # two fields are one list
        (["198.51.100.9, 192.0.2.1, 10.0.0.2"], b"192.0.2.1"),  # what the client made up stands before its address
        (["10.0.0.3, 192.0.2.1"], b"192.0.2.1"),
        (["127.0.0.1, 192.0.2.1"], b"192.0.2.1"),
        (["10.0.0.3, 10.0.0.2"], b"10.0.0.3"),  # a proxy of ours asks for itself
        (["2001:db8::7"], b"2001:db8::7"),
        (["[2001:DB8:0::7]:443"], b"2001:db8::7"),
        (["::ffff:192.0.2.1"], b"192.0.2.1"),
        (["192.0.2.1, 2001:db8::1"], b"192.0.2.1"),
        (["192.0.2.1, unknown"], b"10.0.0.1"),  # whom our own proxy does not know, nobody does
        (["192.0.2.1, unknown, 10.0.0.2"], b"10.0.0.2"),
        (["<script>"], b"10.0.0.1"),
        (["192.0.2.1, "], b"10.0.0.1"),
        ([""], b"10.0.0.1"),
        (["192.0.2.256"], b"10.0.0.1"),
        (["192.0.2.1:http"], b"10.0.0.1"),
        (["[192.0.2.1"], b"10.0.0.1"),
        (["fe80::1%eth0"], b"10.0.0.1"),
        (["\xb9\xb2.0.2.1"], b"10.0.0.1"),
        (["192.0.2.1" + ", 10.0.0.2" * 100], b"10.0.0.2"),
    ],
)
def test_H55_the_rightmost_address_that_is_not_a_proxy_is_the_clients(values: list[str], client: bytes) -> None:
    assert address(*values) == client


@pytest.mark.parametrize(
    ("values", "left"),
    [
        (["192.0.2.1"], b"192.0.2.1"),
        (["198.51.100.9, 192.0.2.1,10.0.0.2"], b"192.0.2.1, 10.0.0.2"),
        (["198.51.100.9", "192.0.2.1"], b"192.0.2.1"),
        (["192.0.2.1, unknown, 10.0.0.2"], b"unknown, 10.0.0.2"),
    ],
)
def test_H55_what_is_made_up_is_cut_off(values: list[str], left: bytes) -> None:
    """There are applications that take the first address."""
    assert apply(*[("X-Forwarded-For", value) for value in values])[b"HTTP_X_FORWARDED_FOR"] == left


def test_H55_the_port_is_that_of_the_address() -> None:
    assert apply(("X-Forwarded-For", "192.0.2.1:5000"))[b"REMOTE_PORT"] == b"5000"
    assert b"REMOTE_PORT" not in apply(("X-Forwarded-For", "192.0.2.1"))
    assert apply(("X-Forwarded-For", "unknown"))[b"REMOTE_PORT"] == b"4000"


@pytest.mark.parametrize(
    ("addresses", "schemes", "https"),
    [
        ("192.0.2.1", "https", True),
        ("192.0.2.1", "HTTPS", True),
        ("192.0.2.1", "http", False),
        ("192.0.2.1", "https, http", False),  # the last proxy's word
        ("192.0.2.1, 10.0.0.2", "https, http", True),  # each proxy has added its own
        ("192.0.2.1, 10.0.0.2", "https", True),
        ("198.51.100.9, 192.0.2.1", "https, http", False),
        ("unknown", "https", True),
        ("192.0.2.1", "wss", False),
        ("192.0.2.1", "https\xa0", False),
        ("192.0.2.1", "", False),
    ],
)
def test_H56_the_scheme_is_what_the_clients_proxy_saw(addresses: str, schemes: str, https: bool) -> None:
    found = apply(("X-Forwarded-For", addresses), ("X-Forwarded-Proto", schemes))
    assert found.get(b"HTTPS") == (b"on" if https else None)


def test_H56_a_proxy_that_says_http_is_believed_over_tls() -> None:
    """Between the proxy and us there may be TLS, and none before it."""
    made = Forwarded(OURS.__contains__)
    variables = [*SOCKET, (b"HTTPS", b"on"), (b"HTTP_X_FORWARDED_PROTO", b"http")]
    assert b"HTTPS" not in dict(made.apply(variables, True))


def test_H56_the_scheme_alone() -> None:
    found = apply(("X-Forwarded-Proto", "https"))
    assert (found[b"HTTPS"], found[b"REMOTE_ADDR"], found[b"REMOTE_PORT"]) == (b"on", b"10.0.0.1", b"4000")


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("shop.example", b"shop.example"),
        ("shop.example:8443", b"shop.example:8443"),
        ("[2001:db8::1]:80", b"[2001:db8::1]:80"),
        ("evil.example, shop.example", b"shop.example"),
        ("shop.example/path", b"h"),
        ("a b", b"h"),
        ("user@shop.example", b"h"),
        ("shop.example:80:80", b"h"),
        ("", b"h"),
    ],
)
def test_H57_the_host_where_it_is_asked_for(value: str, host: bytes) -> None:
    both = (("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Host", value))
    assert apply(*both, fields=FIELDS[:3])[b"HTTP_HOST"] == host
    assert apply(*both)[b"HTTP_HOST"] == b"h"


@pytest.mark.parametrize(
    ("value", "client", "https", "host"),
    [
        ("for=192.0.2.1", b"192.0.2.1", False, b"h"),
        ('For="[2001:db8::7]:4711"', b"2001:db8::7", False, b"h"),
        ("for=192.0.2.1;proto=https;by=203.0.113.43;host=shop.example", b"192.0.2.1", True, b"shop.example"),
        ('for=198.51.100.9;proto=https, for="192.0.2.1:1";proto=http', b"192.0.2.1", False, b"h"),
        ("for=192.0.2.1;proto=https, for=10.0.0.2;proto=http", b"192.0.2.1", True, b"h"),
        ("for=192.0.2.1, for=unknown;proto=https", b"10.0.0.1", True, b"h"),
        ("for=192.0.2.1, for=_hidden", b"10.0.0.1", False, b"h"),
        ("for=192.0.2.1, proto=https", b"10.0.0.1", True, b"h"),
        ('for="192.0.2.\\1"', b"192.0.2.1", False, b"h"),
        ('for="198.51.100.9, for=192.0.2.1', b"192.0.2.1", False, b"h"),  # a quote that the client left open
        ('x=", for="[2001:db8::7]:1"', b"2001:db8::7", False, b"h"),
        ('for=198.51.100.9;host="evil", "for=192.0.2.1', b"10.0.0.1", False, b"h"),
        ("for=192.0.2.1 x", b"10.0.0.1", False, b"h"),
        (",", b"10.0.0.1", False, b"h"),
        ("", b"10.0.0.1", False, b"h"),
    ],
)
def test_H58_the_field_of_rfc_7239(value: str, client: bytes, https: bool, host: bytes) -> None:
    found = apply(("Forwarded", value), ("X-Forwarded-For", "203.0.113.9"), fields=FIELDS)
    assert (found[b"REMOTE_ADDR"], found.get(b"HTTPS") == b"on", found[b"HTTP_HOST"]) == (client, https, host)
    assert b"HTTP_X_FORWARDED_FOR" not in found


def test_H59_what_a_stranger_says_is_taken_out() -> None:
    """Frameworks would believe it."""
    names = [*FIELDS, "x-real-ip", "x-forwarded-port", "x-forwarded-ssl", "x-forwarded-prefix"]
    assert apply(*[(name, "https") for name in names], trusted=False, fields=FIELDS) == dict(SOCKET)


def test_H59_what_counts_stays_and_what_does_not_goes() -> None:
    found = apply(("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Host", "evil"), ("Forwarded", "for=1.2.3.4"))
    assert found[b"HTTP_X_FORWARDED_FOR"] == b"192.0.2.1"
    assert not {b"HTTP_X_FORWARDED_HOST", b"HTTP_FORWARDED"} & set(found)


words = st.sampled_from(["192.0.2.1", "10.0.0.2", "for=", "proto=https", ",", ";", '"', "\\", " ", "[", "]", ":", "x"])


@given(st.lists(words | st.text(st.characters(max_codepoint=255), max_size=3), max_size=30), st.sampled_from(FIELDS))
def test_H55_whatever_a_client_begins_with_its_own_address_counts(prefix: list[str], field: str) -> None:
    """The proxy adds the address behind a comma, or in a field of its own."""
    made_up = "".join(prefix)
    ours = "for=192.0.2.77" if field == "forwarded" else "192.0.2.77"
    fields = ("forwarded",) if field == "forwarded" else FIELDS[:3]
    name = field if field == "forwarded" else "x-forwarded-for"
    for values in ([f"{made_up}, {ours}"], [made_up, ours]):
        found = apply(*[(name, value) for value in values], fields=fields)
        assert found[b"REMOTE_ADDR"] == b"192.0.2.77"

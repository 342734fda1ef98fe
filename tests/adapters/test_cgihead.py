"""gateways.adapters.cgihead: the head of a response as CGI, FastCGI and SCGI send it."""

from __future__ import annotations

from gateways.adapters.cgihead import encode_head


def test_headers_keep_their_order_and_status_is_last() -> None:
    """HAProxy makes any status a 302 when Location comes after it."""
    head = encode_head("201 Created", [("Location", "/new"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    assert head == b"Location: /new\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nStatus: 201 Created\r\n\r\n"


def test_200_has_a_status_too() -> None:
    """Without it ``Location: /path`` is a redirect inside the web server (RFC 3875, section 6.2.2)."""
    assert encode_head("200 OK", []) == b"Status: 200 OK\r\n\r\n"


def test_values_are_latin_1() -> None:
    head = encode_head("200 Tr\xe8s bien", [("X-Name", "\xe9\xff")])
    assert head == b"X-Name: \xe9\xff\r\nStatus: 200 Tr\xe8s bien\r\n\r\n"


def test_an_empty_reason_keeps_its_space() -> None:
    assert encode_head("299 ", []) == b"Status: 299 \r\n\r\n"


def test_an_authorizer_says_the_status_first() -> None:
    """lighttpd drops what comes before it has read that the request is refused."""
    head = encode_head("401 Unauthorized", [("WWW-Authenticate", "Basic")], authorizer=True)
    assert head == b"Status: 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n"

"""gateways.adapters.ajp.request: what an AJP13 request becomes for the application, and what it cannot become."""

from __future__ import annotations

from typing import Optional, Union

import pytest

from gateways.adapters.ajp.request import ForwardRequest
from gateways.adapters.events import Limits
from gateways.core.environ import EnvironBuilder
from gateways.errors import ProtocolError
from tests.support import wire

BAD = "400 Bad Request"
TOO_LARGE = "431 Request Header Fields Too Large"

Header = tuple[Union[bytes, int], Optional[bytes]]


def parse(data: bytes, limits: Limits | None = None) -> ForwardRequest:
    """Read a packet of ``wire.ajp_forward``."""
    return ForwardRequest(data[5:], limits or Limits())


def variables(data: bytes) -> dict[bytes, bytes]:
    return dict(parse(data).variables)


def refused(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(ProtocolError) as caught:
        parse(data, limits)
    return caught.value.status


def attribute(name: bytes, value: bytes | None) -> bytes:
    return b"\x0a" + wire.ajp_string(name) + wire.ajp_string(value)


def code(number: int, value: bytes | None) -> bytes:
    return bytes((number,)) + wire.ajp_string(value)


def test_the_usual_request_of_apache() -> None:
    data = wire.ajp_forward(
        (0xA00B, b"example.test:8080"), (0xA00E, b"a browser"), (b"X-A", b"1"), (b"x-a", b"2"), (0xA007, b"text/plain"),
        (0xA008, b"5"), method=4, uri=b"/a%20b",
        attributes=code(5, b"x=1") + wire.AJP_PORT + attribute(b"AJP_LOCAL_ADDR", b"192.0.2.9"),
    )  # fmt: skip
    request = parse(data)
    assert list(request.variables) == [
        (b"REQUEST_METHOD", b"POST"),
        (b"SERVER_PROTOCOL", b"HTTP/1.1"),
        (b"SERVER_NAME", b"example.test"),
        (b"SERVER_PORT", b"80"),
        (b"REMOTE_ADDR", b"192.0.2.1"),
        (b"REQUEST_SCHEME", b"http"),
        (b"HTTP_HOST", b"example.test:8080"),
        (b"HTTP_USER_AGENT", b"a browser"),
        (b"HTTP_X_A", b"1"),
        (b"HTTP_X_A", b"2"),
        (b"CONTENT_TYPE", b"text/plain"),
        (b"CONTENT_LENGTH", b"5"),
        (b"REMOTE_PORT", b"4711"),
        (b"SERVER_ADDR", b"192.0.2.9"),
        (b"PATH_INFO", b"/a b"),
        (b"REQUEST_URI", b"/a%20b?x=1"),
        (b"QUERY_STRING", b"x=1"),
    ]
    assert (request.length, request.marked, request.secret) == (5, True, None)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        (b"/app/a%20b%2Fc/%C3%A9/%FF", "/a b/c/\xc3\xa9/\xff"),
        (b"/app/%2561", "/%61"),
        (b"/app//x//", "//x//"),
        (b"/app/a/../b/./c", "/a/../b/./c"),
        (b"/%61pp", ""),
        (b"/x", "/x"),
    ],
)
def test_the_path_is_decoded_once_and_below_the_mount(uri: bytes, path: str) -> None:
    builder = EnvironBuilder(multithread=False, multiprocess=False, script_name="/app")
    environ = builder.build(parse(wire.ajp_forward(uri=uri)).variables)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app", path)


def test_a_nul_in_the_path() -> None:
    builder = EnvironBuilder(multithread=False, multiprocess=False)
    with pytest.raises(ProtocolError, match="NUL"):
        builder.build(parse(wire.ajp_forward(uri=b"/a%00")).variables)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        (b"/a b/caf\xc3\xa9", b"/a%20b/caf%C3%A9"),
        (b"/%2e%2e/a%41?b", b"/%252e%252e/a%2541%3Fb"),
        (b"/\r\n", b"/%0D%0A"),
    ],
)
def test_the_path_of_lighttpd_is_decoded_already(uri: bytes, path: bytes) -> None:
    """Decoded again, it would not be what lighttpd's own rules have looked at."""
    request = parse(wire.ajp_forward((0xA008, b"0"), uri=uri, attributes=b""))
    assert not request.marked
    assert dict(request.variables)[b"PATH_INFO"] == uri
    assert dict(request.variables)[b"REQUEST_URI"] == path
    builder = EnvironBuilder(multithread=False, multiprocess=False)
    assert builder.build(request.variables)["PATH_INFO"] == uri.decode("latin-1")


@pytest.mark.parametrize(
    ("headers", "attributes"),
    [
        ((), b""),
        (((b"Transfer-Encoding", b"chunked"),), b""),
        (((0xA008, b"0"),), code(6, b"route")),
        (((0xA008, b"0"),), code(9, b"session")),
    ],
    ids=["no-length", "chunked", "route", "ssl-session"],
)
def test_what_lighttpd_never_sends_is_not_taken_for_its_request(headers: tuple[Header, ...], attributes: bytes) -> None:
    """Clients that follow the protocol need no request attribute."""
    request = parse(wire.ajp_forward(*headers, uri=b"/a%20b", attributes=attributes))
    assert request.marked
    assert dict(request.variables)[b"REQUEST_URI"] == b"/a%20b"
    assert dict(request.variables)[b"PATH_INFO"] == b"/a b"


def test_a_string_that_is_not_there() -> None:
    found = variables(wire.ajp_forward((0xA005, None), attributes=wire.AJP_PORT + code(3, None)))
    assert found[b"HTTP_AUTHORIZATION"] == b""
    assert b"REMOTE_USER" not in found
    assert b"REMOTE_HOST" not in found
    assert found[b"QUERY_STRING"] == b""


@pytest.mark.parametrize("cut", range(1, 87))
def test_A05_A07_a_packet_cut_anywhere(cut: int) -> None:
    payload = wire.ajp_forward((0xA00B, b"h"))[5:]
    assert len(payload) == 87
    with pytest.raises(ProtocolError) as caught:
        ForwardRequest(payload[:cut], Limits())
    assert caught.value.status == BAD


def test_A09_more_headers_announced_than_sent() -> None:
    headers: list[Header] = [(b"A", b"1"), (b"B", b"2"), (b"C", b"3")]
    assert refused(wire.ajp_forward(*headers, count=65535)) == TOO_LARGE
    assert refused(wire.ajp_forward(*headers, count=4)) == BAD
    assert refused(wire.ajp_forward(*headers, count=2)) == BAD


def test_too_many_headers_and_attributes() -> None:
    assert refused(wire.ajp_forward(*[(b"A", b"")] * 50), Limits(count=49)) == TOO_LARGE
    assert refused(wire.ajp_forward(attributes=attribute(b"A", b"") * 50), Limits(count=49)) == TOO_LARGE


@pytest.mark.parametrize("method", [0, 28, 254])
def test_A10_a_method_that_is_none(method: int) -> None:
    assert refused(wire.ajp_forward(method=method, attributes=code(13, b"GET"))) == BAD


@pytest.mark.parametrize("stored", [None, b"", b"A B", b"GET\r\n", b"G\xe9T"])
def test_A10_a_stored_method_that_is_none(stored: bytes | None) -> None:
    assert refused(wire.ajp_forward(method=255)) == BAD
    assert refused(wire.ajp_forward(method=255, attributes=code(13, stored))) == BAD


def test_A10_a_stored_method() -> None:
    assert variables(wire.ajp_forward(method=255, attributes=code(13, b"PATCH")))[b"REQUEST_METHOD"] == b"PATCH"
    assert variables(wire.ajp_forward(method=2, attributes=code(13, b"PATCH")))[b"REQUEST_METHOD"] == b"GET"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([(b"Transfer-Encoding", b"chunked"), (0xA008, b"5")], id="A11-both"),
        pytest.param([(0xA008, b"5"), (b"TRANSFER-ENCODING", b"chunked")], id="A11-both-the-other-way"),
        pytest.param([(b"Transfer-Encoding", b"gzip, chunked")], id="A11-another-coding"),
        pytest.param([(b"Transfer-Encoding", b"identity")], id="A11-identity"),
        pytest.param([(b"Transfer-Encoding", b"\x0bchunked")], id="A11-vt"),
        pytest.param([(b"Transfer-Encoding", b"chunked")] * 2, id="A11-twice"),
        pytest.param([(0xA008, b"9"), (0xA008, b"99")], id="A12-two-lengths"),
        pytest.param([(0xA008, b"9"), (b"Content-Length", b"9")], id="A12-the-same-twice"),
        pytest.param([(0xA008, b"-1")], id="A12-negative"),
        pytest.param([(0xA008, b"5, 5")], id="A12-joined"),
        pytest.param([(0xA008, b"")], id="A12-empty"),
        pytest.param([(0xA008, b"\xb2")], id="A12-superscript"),
        pytest.param([(0xA008, b"9" * 19)], id="A12-enormous"),
        pytest.param([(0xA000, b"x")], id="A21-code-0"),
        pytest.param([(0xA00F, b"x")], id="A21-code-15"),
        pytest.param([(0xA0FF, b"x")], id="A21-code-255"),
        pytest.param([(None, b"x")], id="name-that-is-not-there"),
        pytest.param([(b"", b"x")], id="no-name"),
        pytest.param([(b"A B", b"x")], id="space-in-the-name"),
        pytest.param([(b"A:", b"x")], id="colon-in-the-name"),
        pytest.param([(b"A\r\nB", b"x")], id="line-break-in-the-name"),
        pytest.param([(b"A", b"x\r\nB: y")], id="line-break-in-the-value"),
        pytest.param([(b"A", b"x\ny")], id="line-feed-in-the-value"),
    ],
)
def test_A11_A12_A21_headers_that_may_not_be(headers: list[Header]) -> None:
    assert refused(wire.ajp_forward(*headers, method=4)) == BAD


def test_names_that_would_be_taken_for_others_are_left_out() -> None:
    found = variables(wire.ajp_forward((b"X_User", b"root"), (b"X-User", b"alice"), (b"X.User", b"root")))
    assert [(name, value) for name, value in found.items() if b"USER" in name] == [(b"HTTP_X_USER", b"alice")]


@pytest.mark.parametrize(
    "name",
    [b"javax.servlet.include.path_info", b"wsgi.input", b"org.apache.catalina.jsp_file", b"", b"A-B", b"A=B", b"\xff"],
)
def test_A15_attributes_that_are_no_variables(name: bytes) -> None:
    before = variables(wire.ajp_forward())
    assert variables(wire.ajp_forward(attributes=wire.AJP_PORT + attribute(name, b"/etc/passwd"))) == before


@pytest.mark.parametrize(
    "name",
    [
        *(b"REMOTE_USER", b"SERVER_NAME", b"SCRIPT_NAME", b"PATH_INFO", b"HTTP_HOST", b"CONTENT_LENGTH", b"HTTPS"),
        *(b"REMOTE_ADDR", b"REMOTE_PORT", b"CUSTOM"),
    ],
)
def test_A15_an_attribute_is_never_a_variable_of_that_name(name: bytes) -> None:
    before = variables(wire.ajp_forward())
    found = variables(wire.ajp_forward(attributes=wire.AJP_PORT + attribute(name, b"evil")))
    assert found == {**before, b"AJP_" + name: b"evil"}


def test_A16_the_user_whom_the_web_server_has_checked() -> None:
    """The attribute of the protocol, which no client can set."""
    found = variables(wire.ajp_forward(attributes=wire.AJP_PORT + code(3, b"alice") + code(4, b"Basic")))
    assert (found[b"REMOTE_USER"], found[b"AUTH_TYPE"]) == (b"alice", b"Basic")


def test_A17_attributes_that_cannot_be_read() -> None:
    assert refused(wire.ajp_forward(attributes=code(15, b"x"))) == BAD
    assert refused(wire.ajp_forward(attributes=code(14, b"x"))) == BAD
    assert refused(wire.ajp_forward(attributes=b"\0")) == BAD
    assert refused(wire.ajp_forward(end=b"")) == BAD
    assert refused(wire.ajp_forward(end=b"\xff\xff")) == BAD


def test_context_and_servlet_path_mean_nothing_here() -> None:
    assert variables(wire.ajp_forward(attributes=wire.AJP_PORT + code(1, b"/x") + code(2, b"/y"))) == variables(
        wire.ajp_forward()
    )


def test_tls() -> None:
    attributes = code(7, b"PEM") + code(8, b"AES") + code(9, b"id") + b"\x0b\x01\x00" + code(6, b"node1")
    data = wire.ajp_forward(attributes=attributes + wire.AJP_PORT + attribute(b"AJP_SSL_PROTOCOL", b"TLSv1.3"))
    secure = data.replace(b"\0\x50\0\0\0", b"\1\xbb\1\0\0")
    found = variables(secure)
    assert found[b"HTTPS"] == b"on"
    assert found[b"REQUEST_SCHEME"] == b"https"
    assert found[b"SERVER_PORT"] == b"443"
    names = (b"SSL_CLIENT_CERT", b"SSL_CIPHER", b"SSL_SESSION_ID", b"SSL_CIPHER_USEKEYSIZE", b"SSL_PROTOCOL")
    assert [found[name] for name in names] == [b"PEM", b"AES", b"id", b"256", b"TLSv1.3"]
    assert found[b"AJP_ROUTE"] == b"node1"


@pytest.mark.parametrize(
    ("value", "expected"), [(wire.ajp_string(b"256"), b"256"), (b"\xff\xff", None), (b"\0\x80", b"128")]
)
def test_the_key_size_of_lighttpd_is_text(value: bytes, expected: bytes | None) -> None:
    assert variables(wire.ajp_forward(attributes=b"\x0b" + value)).get(b"SSL_CIPHER_USEKEYSIZE") == expected


@pytest.mark.parametrize("uri", [None, b"", b"/a\r\nb", b"/a\x7f"])
def test_uris_that_are_none(uri: bytes | None) -> None:
    assert refused(wire.ajp_forward(uri=uri)) == BAD


def test_a_query_with_a_line_break() -> None:
    assert refused(wire.ajp_forward(attributes=wire.AJP_PORT + code(5, b"a\nb"))) == BAD


@pytest.mark.parametrize(
    ("uri", "query", "expected"),
    [
        (b"/a", None, (b"/a", b"")),
        (b"/a", b"", (b"/a?", b"")),
        (b"/a", b"b?c", (b"/a?b?c", b"b?c")),
        (b"*", None, (b"*", b"")),
    ],
)
def test_the_query(uri: bytes, query: bytes | None, expected: tuple[bytes, bytes]) -> None:
    more = b"" if query is None else code(5, query)
    found = variables(wire.ajp_forward(uri=uri, attributes=wire.AJP_PORT + more))
    assert (found[b"REQUEST_URI"], found[b"QUERY_STRING"]) == expected


def test_the_length_of_the_body() -> None:
    assert parse(wire.ajp_forward(method=4)).length == 0
    assert parse(wire.ajp_forward((0xA008, b"0007"))).length == 7
    chunked = parse(wire.ajp_forward((b"Transfer-Encoding", b"Chunked")))
    assert chunked.length is None
    assert not [name for name, _ in chunked.variables if b"LENGTH" in name or b"TRANSFER" in name]

"""gateways.adapters.ajp.forward: CGI variables as AJP13 requests."""

from __future__ import annotations

import pytest

from gateways.adapters.ajp.forward import encode_request
from gateways.adapters.ajp.request import ForwardRequest
from gateways.adapters.events import Limits
from gateways.client.variables import variables_for
from tests.support import wire

GET = [*wire.GET, (b"REMOTE_ADDR", b"192.0.2.1")]


def sent(*more: tuple[bytes, bytes]) -> ForwardRequest:
    data, _ = encode_request([*GET, *more])
    return ForwardRequest(data[5:], Limits())


def test_codes_where_there_are_some() -> None:
    data, length = encode_request(
        [*GET, (b"HTTP_HOST", b"h"), (b"HTTP_X_A", b"v"), (b"CONTENT_LENGTH", b"5"), (b"REMOTE_PORT", b"4711")]
    )
    assert length == 5
    assert data == wire.ajp_forward((0xA00B, b"h"), (b"X-A", b"v"), (0xA008, b"5"))


def test_what_the_client_makes_of_a_request_comes_out_again() -> None:
    variables = variables_for(
        "REPORT", "/a%2Fb?c=d", [("Host", "x"), ("X-Y", "z"), ("Content-Type", "a/b")], 7, remote=("192.0.2.7", 99)
    )
    data, length = encode_request(variables)
    found = dict(ForwardRequest(data[5:], Limits()).variables)
    gone = {b"GATEWAY_INTERFACE", b"SERVER_SOFTWARE", b"SCRIPT_NAME"}
    assert length == 7
    assert found == {name: value for name, value in variables if name not in gone}


def test_attributes() -> None:
    request = sent(
        (b"REMOTE_USER", b"alice"), (b"AUTH_TYPE", b"Basic"), (b"AJP_SECRET", b"s"), (b"AJP_COLOUR", b"blue"),
        (b"COLOUR_2", b"red"), (b"AJP_ROUTE", b"node1"), (b"SERVER_ADDR", b"192.0.2.9"), (b"HTTPS", b"on"),
        (b"SSL_CIPHER_USEKEYSIZE", b"256"),
    )  # fmt: skip
    found = dict(request.variables)
    names = (b"REMOTE_USER", b"AUTH_TYPE", b"AJP_COLOUR", b"AJP_COLOUR_2", b"AJP_ROUTE", b"SERVER_ADDR", b"HTTPS")
    assert [found[name] for name in names] == [
        *(b"alice", b"Basic", b"blue", b"red", b"node1", b"192.0.2.9", b"on"),
    ]
    assert found[b"SSL_CIPHER_USEKEYSIZE"] == b"256"
    assert request.secret == b"s"
    assert request.marked, "or it would be taken for lighttpd"


def test_a_method_without_a_code() -> None:
    data, _ = encode_request([(b"REQUEST_METHOD", b"PATCH")])
    assert dict(ForwardRequest(data[5:], Limits()).variables)[b"REQUEST_METHOD"] == b"PATCH"


@pytest.mark.parametrize(
    "item",
    [
        (b"", b"x"), (b"A\0", b"x"), (b"A", b"x\0"), (b"CONTENT_LENGTH", b"-1"), (b"SERVER_PORT", b"http"),
        (b"SERVER_PORT", b"65536"), (b"HTTP_X", b"x" * 8200), (b"HTTP_X", b"x" * 65536),
    ],
)  # fmt: skip
def test_what_cannot_be_sent(item: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match=r"AJP13|SERVER_PORT"):
        encode_request([*GET, item])

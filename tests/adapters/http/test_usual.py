"""gateways.adapters.http.usual: what it recognises, and that it takes the decisions of the whole way."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateways.adapters.events import Limits, Request
from gateways.adapters.http import server, usual
from gateways.adapters.http.ends import Ends
from gateways.errors import ProtocolError
from tests.support.httpwire import request

LIMITS = (65536, 100, 8192)
ENDS = Ends(("10.0.0.1", 4000), ("10.0.0.2", 80))


def recognise(data: bytes) -> usual.Usual | None:
    return usual.recognise(data, 0, ENDS, LIMITS)


def the_whole_way(data: bytes) -> tuple[object, int, bool, bool] | str:
    """What the parser makes of a request that is not recognised: the first byte comes alone."""
    connection = server.ServerConnection(Limits(*LIMITS[:2]), ENDS)
    connection.receive_data(data[:1])
    assert connection.next_event() is None
    connection.receive_data(data[1:])
    try:
        event = connection.next_event()
    except ProtocolError as error:
        return str(error)
    if not isinstance(event, Request):
        return "incomplete"
    return list(event.variables), connection._remaining, connection._head_only, event.keep


def test_a_request_of_a_browser() -> None:
    data = request(
        b"GET /a?b=c HTTP/1.1", b"User-Agent: x", b"Accept: */*", b"Cookie: a=1; b=2", b"Connection: keep-alive"
    )
    found = recognise(data + b"more")
    assert found is not None
    assert (found.end, found.length, found.head_only, found.keep) == (len(data), 0, False, True)
    assert dict(found.variables) == {
        b"GATEWAY_INTERFACE": b"CGI/1.1",
        b"SERVER_SOFTWARE": b"gateways",
        b"REQUEST_SCHEME": b"http",
        b"REMOTE_ADDR": b"10.0.0.1",
        b"REMOTE_PORT": b"4000",
        b"SERVER_ADDR": b"10.0.0.2",
        b"SERVER_NAME": b"example.test",
        b"SERVER_PORT": b"80",
        b"SERVER_PROTOCOL": b"HTTP/1.1",
        b"REQUEST_METHOD": b"GET",
        b"REQUEST_URI": b"/a?b=c",
        b"SCRIPT_NAME": b"",
        b"PATH_INFO": b"/a",
        b"QUERY_STRING": b"b=c",
        b"HTTP_HOST": b"example.test",
        b"HTTP_USER_AGENT": b"x",
        b"HTTP_ACCEPT": b"*/*",
        b"HTTP_COOKIE": b"a=1; b=2",
        b"HTTP_CONNECTION": b"keep-alive",
    }


@pytest.mark.parametrize(
    "data",
    [
        request()[:-1],
        request(b"OPTIONS / HTTP/1.1"),
        request(b"POST / HTTP/1.1", b"Content-Length: +5"),
        request(b"POST / HTTP/1.1", b"Content-Length: \xb2"),
        request(b"POST / HTTP/1.1", b"Content-Length:"),
        request(b"POST / HTTP/1.1", b"Content-Length: " + b"9" * 19),
        request(b"POST / HTTP/1.1", b"Content-Length: 5", b"Content-Length: 5"),
        request(b"POST / HTTP/1.1", b"Content-Length: 5, 5"),
        request(b"GET / HTTP/1.0"),
        request(b"GET * HTTP/1.1"),
        request(b"GET /#x HTTP/1.1"),
        request(b"GET http://h/ HTTP/1.1"),
        request(host=b""),
        request(host=b"Host: a/b\r\n"),
        request(host=b"Host:\r\n"),
        request(host=b"Host: a\r\nHost: a\r\n"),
        request(b"GET / HTTP/1.1", b"transfer-encoding: chunked"),
        request(b"GET / HTTP/1.1", b"Expect: 100-continue"),
        request(b"GET / HTTP/1.1", b"X_Y: z"),
        request(b"GET / HTTP/1.1", b"X: y", b"x: y"),
        request(b"GET / HTTP/1.1", b"X : y"),
        request(b"GET / HTTP/1.1", b"X: y", b" z"),
        request(b"GET / HTTP/1.1", b"X: \x01"),
        request(b"GET / HTTP/1.1", b"Connection: upgrade"),
        request(b"GET / HTTP/1.1", b"Connection: close, keep-alive"),
        request(b"GET /" + b"a" * 8192 + b" HTTP/1.1"),
        request(b"GET / HTTP/1.1", *[b"X%d: y" % number for number in range(100)]),
        request(b"GET / HTTP/1.1", b"X: " + b"y" * 65536),
        b"\r\n" + request(),
    ],
)
def test_what_there_is_to_think_about_is_left(data: bytes) -> None:
    assert recognise(data) is None


names = st.sampled_from(
    [
        *(b"Host", b"host", b"Connection", b"Accept", b"X-A", b"x-a", b"X_A", b"Cookie", b"Content-Type", b"Upgrade"),
        *(b"Content-Length", b"Transfer-Encoding", b"Expect", b"Keep-Alive", b"TE", b"X ", b"Proxy", b"\xc3\xa4", b""),
    ]
)
values = st.one_of(
    st.sampled_from(
        [
            *(b"example.test", b"a:80", b"[::1]:80", b"[::1]", b"a b", b"", b"close", b"keep-alive", b"Close", b" x "),
            *(b"100-continue", b"chunked", b"0", b"5", b"close, x", b":80", b"\tx\t", b"\xff", b"\x0b", b"\r", b"a\nb"),
        ]
    ),
    st.binary(max_size=12),
)
lines = st.one_of(
    st.builds(
        lambda method, target, version: method + b" " + target + b" " + version,
        st.sampled_from([b"GET", b"HEAD", b"POST", b"get", b"OPTIONS"]),
        st.one_of(
            st.sampled_from([b"/", b"/a%20b?c", b"*", b"/#", b"//", b"/%00", b"http://h/"]), st.binary(max_size=9)
        ),
        st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0"]),
    ),
    st.binary(max_size=20),
)
blocks = st.builds(
    lambda line, fields: b"\r\n".join([line, *[name + b":" + value for name, value in fields], b"", b""]),
    lines,
    st.lists(st.tuples(names, values), max_size=5),
)


@given(blocks)
@example(request(b"HEAD /a%20b?c#d HTTP/1.1"))
@example(request(b"POST /a%20b?c HTTP/1.1", b"Content-Length: 0018 "))
@example(request(b"HEAD /a%zz?c HTTP/1.1", b"Content-Type: x", b"Connection: Close"))
@example(request(b"GET /\"' HTTP/1.1", b"X: \t a \t ", host=b"Host: [::1]:80\r\n"))
def test_it_decides_as_the_whole_way_does(data: bytes) -> None:
    found = recognise(data)
    if found is not None:
        assert found.end <= len(data)
        data = data[: found.end]
        assert the_whole_way(data) == (list(found.variables), found.length, found.head_only, found.keep)


def test_no_more_hosts_are_remembered_than_a_limit() -> None:
    for number in range(usual._MAX_HOSTS + 10):
        assert recognise(request(host=b"Host: h%d.test\r\n" % number)) is not None
    assert len(usual._hosts) <= usual._MAX_HOSTS
    assert recognise(request(host=b"Host: " + b"h" * 1000 + b"\r\n")) is None
    assert max(map(len, usual._hosts)) < 1000

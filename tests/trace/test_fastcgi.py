"""FastCGI as it passes: every record is named, every stream decoded, and what is wrong has its clause."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.trace.fastcgi import FastCGIDecoder
from gateways.trace.items import MAX_HEAD, Item
from tests.support import wire
from tests.support.backends import ended, stdout
from tests.trace.support import cut, merged, names

HEAD = b"Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\n"


def sent(*data: bytes) -> list[Item]:
    return FastCGIDecoder().to_backend(b"".join(data))


def wrong(items: list[Item]) -> list[str]:
    return [item.wrong for item in items if item.wrong]


def test_a_request_and_its_answer() -> None:
    decoder = FastCGIDecoder()
    assert decoder.idle
    items = decoder.to_backend(wire.request(wire.post(5), b"hello", keep=True, padding=3))
    assert names(items) == ["BEGIN_REQUEST", "PARAMS", "PARAMS", "STDIN", "STDIN"]
    assert items[0].facts == ["id 1", "padding 3", "RESPONDER", "KEEP_CONN"]
    assert items[2].pairs == list(wire.post(5))
    assert (items[3].size, items[3].start) == (5, b"hello")
    assert not decoder.idle
    answer = decoder.from_backend(stdout(HEAD + b"gone") + wire.record(wire.STDERR, 1, b"oops") + ended(3))
    assert names(answer) == ["STDOUT", "response", "body", "STDERR", "END_REQUEST"]
    assert answer[1].facts == ["404 Not Found"]
    assert answer[2].start == b"gone"
    assert answer[4].facts == ["id 1", "REQUEST_COMPLETE", "appStatus 3"]
    assert answer[4].ends
    assert decoder.idle
    assert wrong([*items, *answer]) == []
    assert [*decoder.ended(False), *decoder.ended(True)] == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "version 71 instead of 1 (3.3); this is HTTP"),
        (wire.record(wire.BEGIN, 1, b"\0\1\0"), "BEGIN_REQUEST of 3 bytes instead of 8 (5.1)"),
        (wire.begin(0), "an application record with id 0 (3.3)"),
        (wire.begin(1, 9), "an unknown role, 9 (5.1)"),
        (wire.begin() + wire.begin(), "request 1 is open already (3.3)"),
        (wire.record(wire.STDOUT, 1, b"x"), "a record that only applications send (8)"),
        (wire.record(12, 1), "a record of an unknown type (8)"),
        (wire.record(wire.GET_VALUES, 3), "a management record with id 3 (3.3)"),
        (wire.record(wire.PARAMS, 0, b"x"), "an application record with id 0 (3.3)"),
        (wire.begin() + wire.record(wire.STDIN, 1, b"x"), "STDIN before the end of PARAMS (6.1)"),
        (wire.request() + wire.record(wire.PARAMS, 1, b"x"), "PARAMS behind their end (3.3)"),
        (wire.request() + wire.record(wire.STDIN, 1, b"x"), "STDIN behind its end (3.3)"),
        (wire.request() + wire.record(wire.DATA, 1, b"x"), "DATA in a request that is not for a filter (6.4)"),
        (wire.request(wire.post(5), b"abc"), "CONTENT_LENGTH is 5, and STDIN has 3 bytes (6.2)"),
        (wire.request(wire.post(b"-1"), b"abc"), "CONTENT_LENGTH is no number: b'-1' (RFC 3875, 4.1.2)"),
        (wire.request(wire.get((b"A", b"\0"))), "a NUL byte in a variable (6.1)"),
        (wire.request(wire.get((b"", b"x"))), "a variable without a name"),
    ],
)
def test_what_a_web_server_may_not_send(data: bytes, why: str) -> None:
    assert wrong(sent(data)) == [why]


def test_lengths_that_lie() -> None:
    [why] = wrong(sent(wire.begin(), wire.stream(wire.PARAMS, 1, b"\xff" * 8)))
    assert why.endswith("reaches past the end of its 8 byte stream (3.4)")


def test_too_many_variables_are_not_kept() -> None:
    decoder = FastCGIDecoder()
    items = decoder.to_backend(wire.begin() + wire.stream(wire.PARAMS, 1, bytes(MAX_HEAD + 1)))
    assert wrong(items)[0] == f"more than {MAX_HEAD} bytes of PARAMS; they are not decoded"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (wire.record(wire.STDOUT, 2, b"x"), "no request 2 is open (3.3)"),
        (wire.record(wire.END, 1, b"x"), "END_REQUEST of 1 bytes instead of 8 (5.5)"),
        (wire.record(wire.END, 1, b"\0\0\0\0\x09\0\0\0"), "an unknown protocolStatus, 9 (5.5)"),
        (wire.record(wire.STDOUT, 1) + wire.record(wire.STDOUT, 1, b"x"), "STDOUT behind its end (3.3)"),
        (wire.record(wire.PARAMS, 1, b"x"), "a record that applications do not send (8)"),
        (b"HTTP/1.1 400 Bad\r\n", "version 72 instead of 1 (3.3)"),
    ],
)
def test_what_an_application_may_not_send(data: bytes, why: str) -> None:
    decoder = FastCGIDecoder()
    decoder.to_backend(wire.request())
    assert wrong(decoder.from_backend(data)) == [why]


def test_a_head_that_is_none() -> None:
    decoder = FastCGIDecoder()
    decoder.to_backend(wire.request())
    [why] = wrong(decoder.from_backend(stdout(b"Traceback: x\nboom\n\n") + ended()))
    assert why == "not a response header: b'boom' (RFC 3875, 6.2)"


def test_ends_in_the_middle() -> None:
    decoder = FastCGIDecoder()
    decoder.to_backend(wire.request()[:-3])
    decoder.from_backend(stdout(HEAD))
    assert wrong(decoder.ended(False)) == ["ends inside a record, after 5 bytes (3.3)"]
    assert wrong(decoder.ended(True)) == ["no END_REQUEST for request 1 (5.5)"]


def test_management() -> None:
    decoder = FastCGIDecoder()
    [asked] = decoder.to_backend(wire.record(wire.GET_VALUES, 0, wire.pairs([(b"FCGI_MPXS_CONNS", b"")])))
    answers = decoder.from_backend(
        wire.record(wire.GET_VALUES_RESULT, 0, wire.pairs([(b"FCGI_MPXS_CONNS", b"0")]))
        + wire.record(wire.UNKNOWN_TYPE, 0, bytes([99, *bytes(7)]))
    )
    assert asked.pairs == [(b"FCGI_MPXS_CONNS", b"")]
    assert answers[0].pairs == [(b"FCGI_MPXS_CONNS", b"0")]
    assert answers[1].facts == ["type 99"]
    assert decoder.idle


def test_records_of_no_request_are_no_fault() -> None:
    [item] = sent(wire.record(wire.ABORT, 7))
    assert item.facts[-1] == "no such request is open: to be ignored (3.3)"


def test_two_requests_at_once() -> None:
    decoder = FastCGIDecoder()
    decoder.to_backend(wire.request() + wire.request(id=2))
    items = decoder.from_backend(wire.record(wire.STDOUT, 2, HEAD) + stdout(HEAD) + ended())
    assert names(items) == ["STDOUT", "response", "STDOUT", "response", "END_REQUEST"]
    assert not decoder.idle


@given(st.integers(1, 400), st.booleans())
def test_any_segmentation_gives_the_same(size: int, padded: bool) -> None:
    data = wire.request(wire.post(5), b"hello", padding=9 if padded else 0)
    decoder = FastCGIDecoder()
    assert [item for piece in cut(data, size) for item in decoder.to_backend(piece)] == sent(data)
    answer = stdout(HEAD + b"body" * 9) + ended()
    parts = [item for piece in cut(answer, size) for item in decoder.from_backend(piece)]
    whole = FastCGIDecoder()
    whole.to_backend(data)
    assert merged(parts) == merged(whole.from_backend(answer))


@given(st.binary(max_size=300), st.sampled_from([b"", wire.begin(), wire.request()]))
def test_any_bytes_can_be_decoded(data: bytes, before: bytes) -> None:
    decoder = FastCGIDecoder()
    for items in (decoder.to_backend(before + data), decoder.from_backend(data), decoder.ended(True)):
        assert all(isinstance(item, Item) for item in items)


def test_what_is_no_fastcgi_is_counted_and_not_kept() -> None:
    decoder = FastCGIDecoder()
    assert next(item.wrong for item in decoder.to_backend(b"hello"))
    [item] = decoder.to_backend(b"more")
    assert (item.what, item.size, item.wrong) == ("bytes", 4, "")


def begin(*ids: int) -> bytes:
    return b"".join(wire.record(wire.BEGIN, id, b"\0\1\1" + bytes(5)) for id in ids)


def test_more_requests_than_are_followed_are_not_malformed() -> None:
    decoder = FastCGIDecoder()
    last = 300
    items = decoder.to_backend(begin(*range(1, last + 1)) + wire.record(wire.PARAMS, last))
    items += decoder.from_backend(wire.record(wire.STDOUT, last, HEAD) + wire.record(wire.END, last, bytes(8)))
    assert wrong(items) == []
    assert [item.facts[-1] for item in items[-3:-1]] == ["not followed: too much at once"] * 2
    assert "no END_REQUEST" in wrong(decoder.ended(True))[0]
    assert decoder.idle


def test_what_is_kept_of_all_requests_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateways.trace.fastcgi._MOST_KEPT", 3000)
    decoder = FastCGIDecoder()
    decoder.to_backend(begin(1, 2) + wire.record(wire.PARAMS, 1, bytes(1000)))
    decoder.from_backend(wire.record(wire.STDOUT, 1, b"X-A: " + bytes(1000)))
    assert decoder._open[1] is not None
    items = decoder.to_backend(wire.record(wire.PARAMS, 2, bytes(1000)) + wire.record(wire.PARAMS, 2))
    assert items[-1].facts == ["id 2", "not followed: too much at once"]
    assert [id for id, request in decoder._open.items() if request] == [1]


def test_a_head_without_an_end_is_not_kept() -> None:
    decoder = FastCGIDecoder()
    decoder.to_backend(begin(1))
    for _ in range(MAX_HEAD // 65000 + 1):
        decoder.from_backend(wire.record(wire.STDOUT, 1, b"a" * 65000))
    request = decoder._open[1]
    assert request is not None
    assert request.response.kept == 0

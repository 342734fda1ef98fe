"""gateways.core.response: start_response a second time, blocks, lengths, and responses without a body."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from gateways.core.response import MAX_JOIN, Response
from gateways.errors import ClientDisconnected, HeadTooLarge
from tests.core.recording import Recorder, answer, answering, make_environ

TEXT = ("Content-Type", "text/plain")


# start_response a second time


def test_a_second_call_needs_exc_info() -> None:
    response = Response(Recorder(), False, lambda message: None)
    response.start("200 OK", [TEXT])
    with pytest.raises(AssertionError, match="second time"):
        response.start("404 Not Found", [TEXT])
    assert response.status == "200 OK"


def error_info(error: BaseException) -> Any:
    try:
        raise error
    except type(error):
        return sys.exc_info()


def test_exc_info_replaces_what_was_not_sent() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [TEXT, ("X-First", "1"), ("Content-Length", "100")])
        start_response("500 Oops", [TEXT], error_info(LookupError("lost")))
        return [b"sorry"]

    answered = answer(application)
    assert (answered.status, answered.body) == ("500 Oops", b"sorry")
    assert answered.headers == [TEXT, ("Content-Length", "5")]


def test_a_head_that_the_transport_cannot_send_can_be_replaced() -> None:
    class Small(Recorder):
        def send_head(self, status: str, headers: Any, block: bytes, end: bool) -> None:
            if len(headers) > 5:
                raise HeadTooLarge("too large")
            super().send_head(status, headers, block, end)

    transport = Small()
    response = Response(transport, False, lambda message: None)
    response.start("200 OK", [TEXT] * 9)
    with pytest.raises(HeadTooLarge):
        response.send([b"never sent"])
    assert response.reset()
    response.start("500 Oops", [TEXT])
    response.send([b"sorry"])
    assert (transport.status, transport.body, transport.violations) == ("500 Oops", b"sorry", [])


def test_exc_info_in_the_first_call_is_fine() -> None:
    response = Response(Recorder(), False, lambda message: None)
    response.start("500 Oops", [TEXT], error_info(LookupError("lost")))
    assert response.status == "500 Oops"


def test_exc_info_is_raised_again_after_the_headers_have_left() -> None:
    error = LookupError("lost")
    response = Response(Recorder(), False, lambda message: None)
    write = response.start("200 OK", [TEXT])
    write(b"half")
    info = error_info(error)
    error.__traceback__ = None  # the one in exc_info counts
    with pytest.raises(LookupError) as caught:
        response.start("500 Oops", [TEXT], info)
    assert caught.value is error
    assert "error_info" in [entry.name for entry in caught.traceback]
    assert response.status == "200 OK"


def test_exc_info_leaves_no_cycle() -> None:
    """PEP 3333: a traceback in a frame that is part of it would keep the request alive until the next collection."""
    response = Response(Recorder(), False, lambda message: None)
    response.start("200 OK", [TEXT])(b"half")
    try:
        response.start("500 Oops", [TEXT], error_info(LookupError("lost")))
    except LookupError as error:
        frames = [frame for frame, _ in walk(error) if frame.f_code.co_name == "start"]
        assert [frame.f_locals["exc_info"] for frame in frames] == [None]


def walk(error: BaseException) -> Iterator[tuple[Any, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def test_empty_exc_info_does_not_replace_headers_that_have_left() -> None:
    """sys.exc_info() outside of an except clause."""
    response = Response(Recorder(), False, lambda message: None)
    response.start("200 OK", [TEXT, ("Content-Length", "4")])(b"ha")
    with pytest.raises(AssertionError, match="had left already"):
        response.start("500 Oops", [TEXT], (None, None, None))
    assert response.status == "200 OK"
    response.write(b"lf")
    assert response.ended


# Blocks


def generated(*blocks: bytes) -> Iterable[bytes]:
    yield from blocks


class Sized:
    """An iterable with a length, as some frameworks' responses are."""

    def __init__(self, *blocks: bytes, length: object = None) -> None:
        self.blocks = blocks
        self.length = length

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.blocks)

    def __len__(self) -> int:
        if isinstance(self.length, BaseException):
            raise self.length
        return len(self.blocks)


@pytest.mark.parametrize(
    ("result", "length"),
    [
        ([b"hello"], "5"),
        ([b""], "0"),
        ([], "0"),
        ((b"hello",), "5"),
        ([b"he", b"", b"llo"], "5"),  # all blocks are there
        ((b"he", b"llo"), "5"),
        (Sized(b"hello"), "5"),
        (Sized(b"he", b"llo"), None),
        (Sized(b""), "0"),
        (Sized(b"hello", length=TypeError("a proxy has no length after all")), None),
        (Sized(b"hello", length=NotImplementedError()), None),
        (generated(b"hello"), None),
        (generated(), "0"),
        (generated(b"", b""), "0"),
        (iter([b"he", b"llo"]), None),
    ],
)
def test_content_length_is_computed_where_it_is_known(result: Any, length: str | None) -> None:
    answered = answer(answering(result))
    assert answered.status == "200 OK"
    assert answered.header("Content-Length") == length
    assert answered.body in (b"hello", b"")


def test_content_length_of_the_application_stands() -> None:
    answered = answer(answering([b"he", b"llo"], headers=[TEXT, ("content-length", "5")]))
    assert answered.headers == [TEXT, ("content-length", "5")]


def test_a_short_list_is_one_send() -> None:
    answered = answer(answering([b"one", b"", b"two"]))
    assert answered.sends == [b"onetwo"]


def test_a_large_list_is_not_copied() -> None:
    blocks = [b"x" * MAX_JOIN, b"y"]
    assert answer(answering(blocks)).sends == blocks


def test_each_block_of_an_iterable_leaves_at_once() -> None:
    """PEP 3333, "Middleware Handling of Block Boundaries": no block is delayed until the next one is there."""
    recorder = Recorder()
    response = Response(recorder, False, lambda message: None)

    def blocks() -> Iterator[bytes]:
        for number in range(3):
            assert len(recorder.sends) == number
            yield b"x" * (number + 1)
        assert recorder.sends == [b"x", b"xx", b"xxx"]

    response.start("200 OK", [TEXT])
    response.send(blocks())
    assert recorder.ended


def test_the_last_block_brings_the_end_when_content_length_is_reached() -> None:
    recorder = Recorder()
    response = Response(recorder, False, lambda message: None)

    def blocks() -> Iterator[bytes]:
        yield b"he"
        assert not recorder.ended
        yield b"llo"
        assert recorder.ended

    response.start("200 OK", [TEXT, ("Content-Length", "5")])
    response.send(blocks())
    assert recorder.sends == [b"he", b"llo"]


def test_headers_wait_for_the_first_block_that_is_not_empty() -> None:
    recorder = Recorder()
    response = Response(recorder, False, lambda message: None)

    def blocks() -> Iterator[bytes]:
        yield b""
        assert recorder.status == ""
        # It is still allowed to start over.
        response.start("404 Not Found", [TEXT], error_info(LookupError("lost")))
        yield b""
        assert recorder.status == ""
        yield b"here"
        assert recorder.status == "404 Not Found"

    response.start("200 OK", [TEXT])
    response.send(blocks())
    assert recorder.sends == [b"here", b""]


def test_write_sends_at_once_and_before_the_iterable() -> None:
    recorders = []

    def application(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [TEXT])
        recorder = start_response.__self__._transport
        recorders.append(recorder)
        assert write(b"") is None
        assert recorder.sends == []
        write(b"one ")
        assert recorder.sends == [b"one "]
        write(b"two ")
        return [b"three"]

    answered = answer(application)
    assert recorders == [answered]
    assert answered.body == b"one two three"
    assert answered.header("Content-Length") is None


def test_write_while_the_iterable_is_read() -> None:
    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", [TEXT])
        yield b"one "
        write(b"two ")
        yield b"three"

    assert answer(application).body == b"one two three"


@pytest.mark.parametrize("block", ["text", 5, None, bytearray(b"x"), memoryview(b"x")])
def test_a_block_that_is_not_bytes_is_an_error(block: Any) -> None:
    def writer(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [TEXT])(block)
        return []

    for application in (answering([block]), answering(iter([block])), answering([b"ok", block]), writer):
        answered = answer(application)
        assert answered.status == "500 Internal Server Error"
        assert f"must be bytes, not {type(block).__name__}" in answered.log


@pytest.mark.parametrize("result", ["text", b"bytes", 5, None, object()])
def test_a_result_that_is_no_iterable_of_bytes_is_an_error(result: Any) -> None:
    answered = answer(answering(result))
    assert answered.status == "500 Internal Server Error"
    assert "TypeError" in answered.log


@pytest.mark.parametrize("result", [[b"page"], [], iter([b"page"]), iter([])])
def test_a_response_without_start_response_is_an_error(result: Any) -> None:
    answered = answer(lambda environ, start_response: result)
    assert answered.status == "500 Internal Server Error"
    assert "start_response" in answered.log


# Content-Length against what is really sent


def with_length(length: int) -> list[tuple[str, str]]:
    return [TEXT, ("Content-Length", str(length))]


@pytest.mark.parametrize(
    "result", [[b"hello!"], [b"he", b"llo!"], Sized(b"hello!"), generated(b"hello", b"!"), generated(b"hel", b"lo!!")]
)
def test_a_body_too_long_is_cut_and_logged(result: Any) -> None:
    answered = answer(answering(result, headers=with_length(5)))
    assert answered.body == b"hello"
    assert answered.ended
    assert answered.log == (
        "gateways: GET /: the application sent more body than its Content-Length of 5; the rest is dropped\n"
    )


def test_an_endless_body_is_left_when_its_content_length_is_reached() -> None:
    """PEP 3333: "should stop iterating over the response when enough data has been sent"."""
    answered = answer(answering(itertools.repeat(b"xx"), headers=with_length(5)))
    assert answered.body == b"xxxxx"
    assert answered.log.endswith("the rest is dropped\n")  # and not by an exception, as a test's timeout is


def test_a_body_of_the_right_length_is_read_to_its_end() -> None:
    """The generator's own last lines run."""
    finished = []

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", with_length(5))
        yield b"hello"
        yield b""
        finished.append(True)

    assert answer(application).log == ""
    assert finished


def test_write_past_content_length_is_an_error() -> None:
    caught: list[str] = []

    def application(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", with_length(5))
        write(b"hell")
        for _ in range(2):
            with pytest.raises(ValueError, match="more body than its Content-Length of 5") as error:
                write(b"o!")
            caught.append(str(error.value))
        return [b"more"]

    answered = answer(application)
    assert answered.body == b"hello"
    assert answered.log.count("\n") == 1
    assert len(caught) == 2


@pytest.mark.parametrize("result", [[b"hell"], (b"he", b"ll"), [], generated(), generated(b"")])
def test_a_body_too_short_is_an_error_page_while_nothing_has_left(result: Any) -> None:
    answered = answer(answering(result, headers=with_length(5)))
    assert answered.status == "500 Internal Server Error"
    assert answered.ended
    assert "bytes of body where its Content-Length is 5" in answered.log


@pytest.mark.parametrize("result", [generated(b"hell"), Sized(b"he", b"ll"), iter([b"h", b"", b"e"])])
def test_a_body_too_short_is_broken_off(result: Any) -> None:
    """Never filled up, never a clean end: a web server must not cache half a page."""
    answered = answer(answering(result, headers=with_length(5)))
    assert answered.aborted
    assert answered.response.aborted
    assert not answered.ended
    assert "its Content-Length is 5; the response is broken off\n" in answered.log


def test_a_body_written_too_short_is_broken_off() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", with_length(5))(b"he")
        return [b"ll"]

    assert answer(application).aborted


def test_content_length_0_with_a_body() -> None:
    answered = answer(answering(generated(b"page"), headers=with_length(0)))
    assert (answered.body, answered.ended) == (b"", True)
    assert "more body" in answered.log


# Responses without a body


@pytest.mark.parametrize("result", [[b"hello"], Sized(b"hello")])
def test_head_has_the_headers_of_get(result: Any) -> None:
    got = answer(answering(result))
    head = answer(answering(result), make_environ("HEAD"))
    assert (head.status, head.headers) == (got.status, got.headers)
    assert head.sends == [b""]
    assert head.log == ""


@pytest.mark.parametrize("result", [[], [b""], iter([]), generated(b"")])
def test_head_answered_without_a_body_does_not_say_that_there_is_none(result: Any) -> None:
    """An application that knows HEAD leaves the body away itself; of GET's length it has said nothing."""
    answered = answer(answering(result), make_environ("HEAD"))
    assert answered.status == "200 OK"
    assert answered.header("Content-Length") is None


@pytest.mark.parametrize("result", [[], [b"he"], [b"hello!!"], generated(b"he")])
def test_head_keeps_the_content_length_it_is_given(result: Any) -> None:
    answered = answer(answering(result, headers=with_length(5)), make_environ("HEAD"))
    assert answered.header("Content-Length") == "5"
    assert answered.sends == [b""]
    assert answered.log == ""


def test_head_leaves_an_endless_body() -> None:
    answered = answer(answering(itertools.repeat(b"x")), make_environ("HEAD"))
    assert (answered.ended, answered.log) == (True, "")


def test_head_with_write() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [TEXT])
        write(b"one")
        write(b"two")
        return [b"three"]

    answered = answer(application, make_environ("HEAD"))
    assert (answered.sends, answered.ended) == ([b""], True)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("result", [[], [b"body"], generated(b"bo", b"dy"), Sized(b"body")])
def test_204_and_304_have_no_body(status: str, result: Any) -> None:
    answered = answer(answering(result, status, headers=[]))
    assert (answered.status, answered.headers, answered.sends) == (status, [], [b""])


def test_304_keeps_its_content_length_and_204_has_none() -> None:
    """RFC 9110, section 8.6."""
    headers = [("ETag", '"1"'), ("Content-Length", "5")]
    assert answer(answering([], "304 Not Modified", headers)).headers == headers
    assert answer(answering([], "204 No Content", headers)).headers == [("ETag", '"1"')]
    assert answer(answering([b"hello"], "204 No Content", headers)).sends == [b""]


def test_an_error_page_after_a_204_has_its_body() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("204 No Content", [])
        raise LookupError("lost")

    answered = answer(application)
    assert answered.status == "500 Internal Server Error"
    assert answered.header("Content-Length") == str(len(answered.body)) != "0"


# What is told for the logs


def test_a_response_tells_what_happened() -> None:
    response = answer(answering(generated(b"he", b"llo"), "203 Sure")).response
    assert (response.status, response.headers, response.body_bytes) == ("203 Sure", [TEXT], 5)
    assert (response.sent, response.ended, response.aborted, response.failure) == (True, True, False, "")


def test_write_after_the_client_has_gone_raises_each_time() -> None:
    raised = []

    def application(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [TEXT])
        for _ in range(3):
            try:
                write(b"block")
            except ClientDisconnected as error:
                raised.append(str(error))
        return []

    answered = answer(application, break_at=1)
    assert len(raised) == 2
    assert answered.response.aborted

from __future__ import annotations

import sys

import pytest

from gateways.compat.answers import Answer, error_page, error_parts


class Sink(list):
    def __init__(self):
        super().__init__()
        self.answer = Answer(lambda status, headers: self.append((status, headers)), self.append)


def test_one_block_gets_its_length():
    sink = Sink()
    sink.answer.start(b"200 OK", [(b"X-A", "1")])
    sink.answer.send(["text"])
    assert sink == [("200 OK", [("X-A", "1"), ("Content-Length", "4")]), b"text"]


def test_several_blocks_do_not():
    sink = Sink()
    sink.answer.start("200 OK", [])
    sink.answer.send([b"a", b"", b"b"])
    assert sink == [("200 OK", []), b"a", b"b"]


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_where_there_is_no_body_there_is_no_length(status):
    sink = Sink()
    sink.answer.start(status, [])
    sink.answer.send([b""])
    assert sink == [(status, [])]


def test_write_comes_before_the_result():
    sink = Sink()
    write = sink.answer.start("200 OK", [])
    write("a")
    sink.answer.send([b"b"])
    assert sink == [("200 OK", []), b"a", b"b"]


def test_the_result_is_closed_whatever_happens():
    closed = []

    class Result:
        def __iter__(self):
            raise ValueError("no")

        def close(self):
            closed.append(True)

    sink = Sink()
    sink.answer.start("200 OK", [])
    with pytest.raises(ValueError, match="no"):
        sink.answer.send(Result())
    assert closed
    assert not sink


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        ("200", [], ValueError),
        ("200 OK", [("X-A", "1\r\nX-B: 2")], ValueError),
        ("200 OK", [("X A", "1")], ValueError),
        (200, [], TypeError),
    ],
)
def test_what_an_application_may_not_send(status, headers, error):
    with pytest.raises(error):
        Sink().answer.start(status, headers)


def test_blocks_before_the_head_and_of_other_types():
    with pytest.raises(AssertionError, match="before it called start_response"):
        Sink().answer.send([b"a"])
    sink = Sink()
    sink.answer.start("200 OK", [])
    with pytest.raises(TypeError, match="must be bytes, not int"):
        sink.answer.send([7])


def test_a_second_head_needs_an_error():
    sink = Sink()
    sink.answer.start("200 OK", [])
    with pytest.raises(AssertionError, match="second time"):
        sink.answer.start("200 OK", [])
    try:
        raise ValueError("late")
    except ValueError:
        sink.answer.start("500 Oops", [], sys.exc_info())
        sink.answer.write(b"a")
        with pytest.raises(ValueError, match="late"):
            sink.answer.start("500 Oops", [], sys.exc_info())
    assert sink[0] == ("500 Oops", [])


def test_the_reason_is_for_the_log_unless_somebody_asked():
    try:
        raise ValueError("secret")
    except ValueError:
        assert b"secret" not in error_page(False)
        page = error_page(True)
    assert b"\r\nStatus: 500 Internal Server Error\r\n\r\n" in page
    assert b"ValueError: secret" in page.partition(b"\r\n\r\n")[2]


def test_the_parts():
    headers, body = error_parts(False)
    assert ("Cache-Control", "no-store") in headers
    assert body.startswith(b"500 Internal Server Error")

"""The application that says what it was asked."""

from __future__ import annotations

import io
from typing import Any

from gateways.conform.echo import application, parse


def answer(environ: dict[str, Any], body: bytes = b"") -> bytes:
    started: list[Any] = []
    parts = application({"wsgi.input": io.BytesIO(body), **environ}, lambda *head: started.append(head))
    text = b"".join(parts)
    assert started == [("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])]
    return text


def test_body_and_variables_come_back_whatever_they_are() -> None:
    odd = bytes(range(256)).decode("latin-1")
    found = parse(answer({"HTTP_X": odd, "A=B \n": "", "CONTENT_LENGTH": "4", "wsgi.version": (1, 0)}, b"a\n b"))
    assert found is not None
    assert found.body == b"a\n b"
    assert found.variables == {b"HTTP_X": bytes(range(256)), b"A=B \n": b"", b"CONTENT_LENGTH": b"4"}


def test_no_more_is_read_than_is_announced_unless_the_end_is_sure() -> None:
    for environ, body in (
        ({"CONTENT_LENGTH": "3"}, b"abc"),
        ({"CONTENT_LENGTH": "x"}, b""),
        ({}, b""),
        ({"wsgi.input_terminated": True}, b"abcdef"),
        ({"CONTENT_LENGTH": "3", "HTTP_X_ECHO": "early"}, b""),
    ):
        found = parse(answer(environ, b"abcdef"))
        assert found is not None
        assert found.body == body


def test_another_answer_is_none() -> None:
    for text in (b"", b"hello", b"gateways echo 1\nbody x", b"gateways echo 2\nbody x\n"):
        assert parse(text) is None

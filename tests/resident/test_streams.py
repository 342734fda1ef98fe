"""What a request prints, and what nobody's request prints."""

from __future__ import annotations

import contextlib
import contextvars
import io
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gateways.core.input import Errors
from gateways.resident import streams
from gateways.resident.streams import RequestStream


@contextlib.contextmanager
def printing() -> Iterator[io.StringIO]:
    """Give what is behind standard output. Not a fixture: pytest puts a stream of its own there, afterwards."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(RequestStream(stream)):
        yield stream


@contextlib.contextmanager
def request() -> Iterator[io.StringIO]:
    """Give the ``wsgi.errors`` of a request that is in hand."""
    errors = io.StringIO()
    streams.begin(errors)
    yield errors
    streams.end()


def test_a_print_belongs_to_the_request() -> None:
    with printing() as other:
        with request() as errors:
            print("in it")
        print("outside")
        streams.end()  # also that of none, which was refused
    assert errors.getvalue() == "in it\n"
    assert other.getvalue() == "outside\n"


def test_what_posthooks_print_is_handed_on() -> None:
    handed: list[bytes] = []
    errors = Errors(handed.append)
    with printing():
        streams.begin(errors)
        print("afterwards")
        assert handed == []
        streams.end()
    assert handed == [b"afterwards\n"]


def test_other_threads_have_no_part_in_it() -> None:
    with printing() as other, request() as errors:
        thread = threading.Thread(target=print, args=("elsewhere",))
        thread.start()
        thread.join()
    assert (errors.getvalue(), other.getvalue()) == ("", "elsewhere\n")


def test_what_has_its_context_has_part_in_it_as_long_as_it_lasts() -> None:
    with printing() as other:
        with request() as errors:
            context = contextvars.copy_context()
            context.run(print, "for it")
        context.run(print, "left running")
    assert (errors.getvalue(), other.getvalue()) == ("for it\n", "left running\n")


def test_other_threads_that_have_its_context_have_no_part_in_it() -> None:
    """Such as the loop of an ASGI application: a record of theirs could come to stand inside one of the response."""
    with printing() as other, request() as errors:
        thread = threading.Thread(target=contextvars.copy_context().run, args=(print, "elsewhere"))
        thread.start()
        thread.join()
    assert (errors.getvalue(), other.getvalue()) == ("", "elsewhere\n")


def test_it_is_a_text_stream(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "log").open("w") as file:
        monkeypatch.setattr("sys.stdout", file)
        monkeypatch.setattr("sys.stderr", file)
        streams.install()
        assert sys.stdout.fileno() == file.fileno()
        assert not sys.stdout.isatty()
        assert sys.stdout.writable()
        assert sys.stdout.encoding == "utf-8"
        print("text \udc80", flush=True)
        sys.stderr.close()
        assert not sys.stderr.closed
        sys.stderr.buffer.write(b"bytes\n")
        sys.stderr.flush()
    assert (tmp_path / "log").read_bytes() == b"text \\udc80\nbytes\n"

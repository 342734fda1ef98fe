"""What a request prints, and what nobody's request prints."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from gateways.resident import streams
from gateways.resident.streams import RequestStream, attributed


@contextlib.contextmanager
def printing() -> Iterator[io.StringIO]:
    """Give what is behind standard output. Not a fixture: pytest puts a stream of its own there, afterwards."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(RequestStream(stream)):
        yield stream


def call(application: Any) -> tuple[Any, io.StringIO]:
    errors = io.StringIO()
    return attributed(application)({"wsgi.errors": errors}, lambda *a: None), errors


def test_a_print_belongs_to_the_request() -> None:
    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        print("in it")
        return [b"x"]

    with printing() as other:
        result, errors = call(application)
        print("outside")
    assert result == [b"x"]
    assert errors.getvalue() == "in it\n"
    assert other.getvalue() == "outside\n"


def test_so_do_those_of_each_block_and_of_close() -> None:
    class Blocks:
        def __iter__(self) -> Iterator[bytes]:
            print("begin")
            yield b"1"
            print("end")

        def close(self) -> None:
            print("close")

    with printing() as other:
        result, errors = call(lambda environ, start_response: Blocks())
        for _ in result:
            print("between")
        result.close()
    assert errors.getvalue() == "begin\nend\nclose\n"
    assert other.getvalue() == "between\n"


def test_an_exception_ends_it_as_well() -> None:
    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        raise ValueError

    with printing() as other:
        with pytest.raises(ValueError):  # noqa: PT011 - that of above
            call(application)
        print("outside")
    assert other.getvalue() == "outside\n"


def test_other_threads_have_no_part_in_it() -> None:
    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        thread = threading.Thread(target=print, args=("elsewhere",))
        thread.start()
        thread.join()
        return []

    with printing() as other:
        _, errors = call(application)
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

"""wsgi.file_wrapper."""

from __future__ import annotations

import io

import pytest

from gateways.core.filewrapper import FileWrapper


def test_blocks_of_the_size_asked_for() -> None:
    assert list(FileWrapper(io.BytesIO(b"abcdefg"), 3)) == [b"abc", b"def", b"g"]


def test_it_reads_from_where_the_file_stands() -> None:
    file = io.BytesIO(b"abcdefg")
    file.seek(5)
    assert b"".join(FileWrapper(file)) == b"fg"


def test_default_block_size() -> None:
    file = io.BytesIO(bytes(65537))
    assert [len(block) for block in FileWrapper(file)] == [65536, 1]


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_that_is_none_counts_as_the_default(size: int) -> None:
    wrapper = FileWrapper(io.BytesIO(b"abc"), size)
    assert wrapper.block_size == 65536
    assert list(wrapper) == [b"abc"]


def test_the_file_and_the_size_can_be_seen() -> None:
    file = io.BytesIO()
    wrapper = FileWrapper(file, 9)
    assert wrapper.filelike is file
    assert wrapper.block_size == 9
    assert iter(wrapper) is wrapper


def test_close_reaches_the_file() -> None:
    file = io.BytesIO(b"abc")
    FileWrapper(file).close()
    assert file.closed


def test_a_file_without_close() -> None:
    class Source:
        def read(self, size: int, /) -> bytes:
            return b""

    wrapper = FileWrapper(Source())
    assert list(wrapper) == []
    wrapper.close()


def test_an_error_of_the_file_is_the_application_s() -> None:
    file = io.BytesIO(b"abc")
    file.close()
    with pytest.raises(ValueError, match="closed"):
        next(FileWrapper(file))

"""wsgi.file_wrapper."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path

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


# What may be sent without reading it


def test_a_regular_file_is_found_from_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        file.read(3)  # reads all into its buffer
        assert FileWrapper(file).find_file() == (file.fileno(), 3, 7)
        file.seek(20)
        assert FileWrapper(file).find_file() == (file.fileno(), 20, 0)
    with path.open("rb", buffering=0) as raw:
        raw.read(4)
        assert FileWrapper(raw).find_file() == (raw.fileno(), 4, 6)


def test_what_has_a_descriptor_and_other_content_is_read(tmp_path: Path) -> None:
    packed = tmp_path / "file.gz"
    with gzip.open(packed, "wb") as file:
        file.write(b"unpacked")
    with gzip.open(packed) as unpacked, packed.open("rb") as closed, packed.open("r+b") as both:
        assert FileWrapper(unpacked).find_file() is None  # type: ignore[arg-type]
        assert FileWrapper(io.BufferedReader(unpacked)).find_file() is None  # type: ignore[type-var]
        assert FileWrapper(both).find_file() is None  # what was written may not be in the file yet
        closed.close()
        assert FileWrapper(closed).find_file() is None
    assert FileWrapper(io.BytesIO(b"x")).find_file() is None
    out, into = os.pipe()
    with open(out, "rb") as pipe, open(into, "wb"):
        assert FileWrapper(pipe).find_file() is None

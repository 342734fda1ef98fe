"""gateways.client.body: request bodies of every kind, and their length."""

from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.client.body import BLOCK, SPOOL, Body
from gateways.errors import GatewayError

MIB = 1 << 20


def read(body: Body) -> bytes:
    blocks = list(body.blocks())
    assert all(0 < len(block) <= BLOCK for block in blocks)
    return b"".join(blocks)


@pytest.mark.parametrize("size", [0, 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_bytes(size: int) -> None:
    body = Body(b"x" * size)
    assert (body.length, body.repeatable) == (size, True)
    assert read(body) == read(body) == b"x" * size


def test_a_file_is_sent_from_its_position_and_stays_open(tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        file.seek(4)
        body = Body(file)
        assert (body.length, body.repeatable) == (6, True)
        assert read(body) == read(body) == b"456789"
        body.close()
        assert not file.closed


def test_a_file_that_shrinks_is_an_error(tmp_path: Path) -> None:
    """The length has been announced; to send less would leave the backend waiting."""
    path = tmp_path / "body"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        body = Body(file)
        os.truncate(path, 4)
        with pytest.raises(GatewayError, match="6 bytes before"):
            list(body.blocks())


def test_a_file_that_grows_is_sent_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"0123")
    with path.open("rb") as file:
        body = Body(file)
        path.write_bytes(b"0123456789")
        assert read(body) == b"0123"


def test_a_pipe_has_no_length_until_it_is_measured() -> None:
    receiver, sender = os.pipe()
    with os.fdopen(receiver, "rb") as file:
        with os.fdopen(sender, "wb") as writer:
            writer.write(b"hello")
        body = Body(file)
        assert (body.length, body.repeatable) == (None, False)
        body.measure()
        assert (body.length, body.repeatable) == (5, True)
        assert read(body) == read(body) == b"hello"
        body.close()


@pytest.mark.parametrize("measured", [False, True])
def test_an_iterable(measured: bool) -> None:
    body = Body(iter([b"a", b"", b"b" * (2 * BLOCK + 1)]))
    if measured:
        body.measure()
    assert body.length == (2 * BLOCK + 2 if measured else None)
    assert read(body) == b"a" + b"b" * (2 * BLOCK + 1)
    body.close()


def test_a_large_body_is_measured_in_constant_memory() -> None:
    def blocks() -> Iterator[bytes]:
        for _ in range(1024):
            yield bytes(BLOCK)

    body = Body(blocks())
    tracemalloc.start()
    try:
        body.measure()
        assert sum(map(len, body.blocks())) == body.length == 64 * MIB
        assert tracemalloc.get_traced_memory()[1] < SPOOL + 2 * MIB
    finally:
        tracemalloc.stop()
        body.close()


def test_a_source_that_fails_leaves_no_file_open() -> None:
    def blocks() -> Iterator[bytes]:
        yield bytes(2 * SPOOL)
        raise RuntimeError("the source")

    body = Body(blocks())
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(RuntimeError, match="the source"):
        body.measure()
    body.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_object_without_seekable() -> None:
    class Reader:
        def __init__(self) -> None:
            self._file = io.BytesIO(b"hello")

        def read(self, size: int = -1) -> bytes:
            return self._file.read(size)

    assert read(Body(Reader())) == b"hello"  # type: ignore[arg-type]

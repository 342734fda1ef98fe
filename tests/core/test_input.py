"""wsgi.input is compared with io.BytesIO over the same bytes, for every way a transport may cut them."""

from __future__ import annotations

import io
import logging
import tracemalloc
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.core.input import MAX_ERRORS_BUFFER, Errors, Input
from gateways.errors import ClientDisconnected


class Source:
    """A transport's side of a body: pieces, then the end or a lost connection. It may not be asked after its end."""

    def __init__(self, pieces: Iterable[bytes], end: BaseException | None = None) -> None:
        self._pieces = iter(pieces)
        self._end = end
        self.over = False
        self.received: list[bytes] = []

    def __call__(self) -> bytes:
        assert not self.over, "asked for more after the end"
        piece = next(self._pieces, b"")
        if piece:
            self.received.append(piece)
        elif self._end is not None:
            raise self._end
        else:
            self.over = True
        return piece


def test_read1_waits_only_when_nothing_is_here() -> None:
    source = Source([b"abc", b"de"])
    body = Input(source, None)
    assert (body.read1(2), source.received) == (b"ab", [b"abc"])
    assert (body.read1(9), source.received) == (b"c", [b"abc"])
    assert (body.read1(), body.read1(), body.read1()) == (b"de", b"", b"")


pieces = st.lists(
    st.one_of(st.sampled_from([b"\n", b"a", b"\n\n", b"ab\ncd", b"line\n"]), st.binary(min_size=1, max_size=30)),
    max_size=12,
)
sizes = st.one_of(st.none(), st.integers(-2, 40))
operations = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["read", "readline", "readlines"]), sizes),
        st.tuples(st.sampled_from(["read", "readline", "readlines", "next", "all lines"]), st.just("no argument")),
    ),
    max_size=8,
)


def perform(file: Input | io.BytesIO, operation: tuple[str, object]) -> object:
    name, size = operation
    if name == "next":
        return next(iter(file), b"")
    if name == "all lines":
        return list(file)
    method = getattr(file, name)
    return method() if size == "no argument" else method(size)


@given(pieces, operations, st.sampled_from(["unknown", "exact", "announced short"]))
def test_answers_like_a_file(pieces: list[bytes], operations: list[tuple[str, object]], length: str) -> None:
    whole = b"".join(pieces)
    announced = {"unknown": None, "exact": len(whole), "announced short": len(whole) // 2}[length]
    reference = io.BytesIO(whole[:announced])
    body = Input(Source(pieces), announced)
    for operation in [*operations, ("read", -1), ("read", 1)]:
        assert perform(body, operation) == perform(reference, operation), operation


@given(pieces, operations)
def test_fetches_nothing_that_is_not_asked_for(pieces: list[bytes], operations: list[tuple[str, object]]) -> None:
    """Back-pressure: the piece fetched last was needed, so without it the call could not have been answered."""
    source = Source(pieces)
    body = Input(source, None)
    consumed = 0
    for operation in operations:
        result = perform(body, operation)
        consumed += len(b"".join(result) if isinstance(result, list) else result)  # type: ignore[arg-type]
        assert not source.received or sum(map(len, source.received[:-1])) < consumed


@pytest.mark.parametrize("hint", [2, 3, 4])
def test_readlines_stops_after_the_line_that_reaches_the_hint(hint: int) -> None:
    body = Input(Source([b"ab\nc", b"d\n", b"ef\n"]), None)
    assert body.readlines(hint) == ([b"ab\n"] if hint < 4 else [b"ab\n", b"cd\n"])


def test_does_not_ask_again_when_the_announced_length_is_there() -> None:
    source = Source([b"hello"])
    body = Input(source, 5)
    assert body.read() == b"hello"
    assert body.read() == body.readline() == body.read(1) == b""
    assert body.readlines() == []
    assert not source.over


def test_an_empty_body_is_never_asked_for() -> None:
    def receive() -> bytes:
        raise AssertionError("there is no body")

    body = Input(receive, 0)
    assert (body.read(), body.read(3), body.readline(), body.readlines(), list(body)) == (b"", b"", b"", [], [])
    assert not body.short


@pytest.mark.parametrize("call", [lambda body: body.read(0), lambda body: body.readline(0)])
def test_size_0_fetches_nothing(call: Callable[[Input], bytes]) -> None:
    source = Source([b"hello"])
    assert call(Input(source, 5)) == b""
    assert source.received == []


def test_no_byte_past_the_announced_length() -> None:
    """RFC 3875, section 4.2; F26: the transport has 8 bytes, 3 were announced."""
    body = Input(Source([b"12", b"345678"]), 3)
    assert body.read() == b"123"
    assert body.read() == b""
    assert not body.short


@pytest.mark.parametrize("read", [lambda body: body.read(), lambda body: body.read(5), lambda body: body.readline()])
def test_a_body_shorter_than_announced_ends_and_is_marked(read: Callable[[Input], bytes]) -> None:
    """F25: an end the transport marks is an end for the application, too; the gateway can log that it came early."""
    body = Input(Source([b"12", b"3"]), 5)
    assert read(body) == b"123"
    assert body.short
    assert body.read() == b""


def test_a_body_of_the_announced_length_is_not_short() -> None:
    body = Input(Source([b"12", b"3"]), 3)
    assert body.read() == b"123"
    assert not body.short


@pytest.mark.parametrize(
    "read",
    [
        lambda body: body.read(),
        lambda body: body.read(10),
        lambda body: body.readline(),
        lambda body: body.readlines(),
        list,
    ],
)
def test_a_broken_body_is_an_error_each_time(read: Callable[[Input], object]) -> None:
    body = Input(Source([b"12"], end=ClientDisconnected("gone")), 5)
    assert body.read(1) == b"1"
    for _ in range(2):
        with pytest.raises(ClientDisconnected):
            read(body)


def test_frameworks_see_a_broken_body_as_an_oserror() -> None:
    with pytest.raises(OSError, match="gone"):
        Input(Source([], end=ClientDisconnected("gone")), 5).read()


def test_a_large_body_passes_in_constant_memory() -> None:
    piece = b"x" * 65536

    def pieces() -> Iterator[bytes]:
        for _ in range(512):  # 32 MiB
            yield bytes(bytearray(piece))

    source = pieces()
    body = Input(lambda: next(source, b""), None)
    tracemalloc.start()
    try:
        total = 0
        while block := body.read(16384):
            total += len(block)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 512 * 65536
    assert peak < 1048576


def test_many_lines_in_one_piece_are_read_in_linear_time() -> None:
    """A call with a size looks no further than that: 200 000 calls over 1 MB, without a line feed in it."""
    body = Input(Source([b"x" * 1_000_000]), None)
    count = 0
    while body.readline(5):
        count += 1
    assert count == 200_000


# wsgi.errors


@pytest.fixture
def log() -> list[bytes]:
    return []


@pytest.fixture
def errors(log: list[bytes]) -> Errors:
    return Errors(log.append)


def test_errors_keeps_text_until_flush(errors: Errors, log: list[bytes]) -> None:
    assert errors.write("one ") == 4
    errors.writelines(["two\n", "three\n"])
    assert log == []
    assert errors.pending
    errors.flush()
    errors.flush()
    assert log == [b"one two\nthree\n"]
    assert not errors.pending


def test_errors_does_not_store_what_nobody_flushes(errors: Errors, log: list[bytes]) -> None:
    for _ in range(100):
        errors.write("x" * 1000)
    assert len(b"".join(log)) > 100_000 - 1000 - MAX_ERRORS_BUFFER
    assert len(log) < 13  # in pieces of some size
    errors.flush()
    assert b"".join(log) == b"x" * 100_000


@pytest.mark.parametrize("text", [b"bytes", None, 5])
def test_errors_takes_text_only(errors: Errors, text: object) -> None:
    with pytest.raises(TypeError):
        errors.write(text)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [*range(32), *range(127, 160), 0x2028, 0x2029])
def test_errors_escapes_controls(errors: Errors, log: list[bytes], code: int) -> None:
    """They steer a terminal that shows the log (ESC), or begin a line that no one logged (CR, NEL)."""
    errors.write(f"a{chr(code)}b")
    errors.flush()
    kept = chr(code) in "\t\n"
    escaped = f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    assert log == [f"a{chr(code) if kept else escaped}b".encode("ascii")]


def test_errors_are_utf8_whatever_the_locale(errors: Errors, log: list[bytes]) -> None:
    errors.write("caf\xe9 \u20ac \udc80\n")
    errors.flush()
    assert log == [b"caf\xc3\xa9 \xe2\x82\xac \\udc80\n"]


def test_errors_serves_print_and_logging(errors: Errors, log: list[bytes]) -> None:
    print("printed", file=errors)
    handler = logging.StreamHandler(errors)
    handler.handle(logging.makeLogRecord({"msg": "logged"}))
    assert b"".join(log) == b"printed\nlogged\n"

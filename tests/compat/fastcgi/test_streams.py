from __future__ import annotations

import io
import threading
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.compat.fastcgi.streams import (
    InputStream,
    MultiplexedInputStream,
    OutputStream,
    StdoutWrapper,
    TeeOutputStream,
)
from tests.support.serving import until


class Feeding:
    """A connection that brings one piece whenever it is asked."""

    def __init__(self, pieces):
        self.server = SimpleNamespace(inputStreamShrinkThreshold=4)
        self.pieces = [*pieces, b""]
        self.stream = InputStream(self)

    def process_input(self):
        self.stream.add_data(self.pieces.pop(0))


PIECES = st.lists(st.binary(min_size=1, max_size=6).map(lambda data: data.replace(b"\0", b"\n")), max_size=6)
CALLS = st.lists(st.tuples(st.sampled_from(["read", "readline"]), st.integers(-1, 9)), max_size=8)


@given(PIECES, CALLS)
def test_it_reads_as_a_file_does(pieces, calls):
    stream = Feeding(pieces).stream
    file = io.BytesIO(b"".join(pieces))
    for method, size in calls:
        assert getattr(stream, method)(size) == getattr(file, method)(size)
    assert list(stream) == file.readlines()


def test_lines():
    assert Feeding([b"a\nb", b"b\nc"]).stream.readlines() == [b"a\n", b"bb\n", b"c"]
    assert Feeding([b"a\nbb\nc"]).stream.readlines(3) == [b"a\n", b"bb\n"]


def test_one_thread_receives_and_another_reads():
    stream = MultiplexedInputStream(SimpleNamespace(server=SimpleNamespace(inputStreamShrinkThreshold=4)))
    read = []
    thread = threading.Thread(target=lambda: read.extend([stream.readline(), stream.read()]))
    thread.start()
    for piece in (b"a", b"b\nc", b"d", b""):
        stream.add_data(piece)
    thread.join(45)
    assert read == [b"ab\n", b"cd"]


def full_stream():
    """A stream that holds what it may, and a thread that waits to add more."""
    stream = MultiplexedInputStream(SimpleNamespace(server=SimpleNamespace(inputStreamShrinkThreshold=4)))
    stream.MOST = 4
    stream.add_data(b"abcd")
    thread = threading.Thread(target=stream.add_data, args=(b"ef",))
    thread.start()
    until(lambda: len(stream._lock._waiters) == 1)
    return stream, thread


def test_who_receives_waits_for_who_reads():
    stream, thread = full_stream()
    assert stream.read(1) == b"a"
    thread.join(45)
    assert not thread.is_alive()
    assert stream._avail - stream._pos == 5
    thread = threading.Thread(target=lambda: [stream.add_data(piece) for piece in (b"gh", b"ij", b"")])
    thread.start()
    assert stream.read() == b"bcdefghij", "who wants more than there may be gets it"
    thread.join(45)


def test_who_receives_does_not_wait_where_nobody_will_read():
    stream, thread = full_stream()
    stream.add_data(b"")
    thread.join(45)
    assert not thread.is_alive()


@pytest.fixture
def sent():
    records = []
    conn = SimpleNamespace(writeRecord=lambda record: records.append(record.contentData))
    return records, conn, SimpleNamespace(server=SimpleNamespace(maxwrite=12), requestId=1)


def test_output_leaves_in_records(sent):
    records, conn, request = sent
    stream = OutputStream(conn, request, 6)
    stream.writelines(["abcdef", b"", b"x"])
    assert records == [b"abcd", b"ef", b"x"]
    stream.close()
    stream.close()
    assert records[3:] == [b""]
    with pytest.raises(ValueError, match="closed"):
        stream.write(b"x")


def test_buffered_output_waits(sent):
    records, conn, request = sent
    stream = OutputStream(conn, request, 7, buffered=True)
    stream.write("ä")
    assert not records
    assert stream.dataWritten
    stream.flush()
    assert records == ["ä".encode()]


def test_what_was_not_written_to_is_not_ended(sent):
    records, conn, request = sent
    OutputStream(conn, request, 6).close()
    assert not records


def test_tee():
    files = (io.StringIO(), io.StringIO())
    tee = TeeOutputStream(files)
    tee.writelines(["a", "b"])
    tee.flush()
    assert [file.getvalue() for file in files] == ["ab", "ab"]


def test_stdout_takes_bytes():
    text = io.TextIOWrapper(io.BytesIO())
    wrapper = StdoutWrapper(text)
    assert not wrapper.dataWritten
    wrapper.writelines([b"a\xff"])
    assert wrapper.dataWritten
    assert text.buffer.getvalue() == b"a\xff"
    assert wrapper.encoding == text.encoding

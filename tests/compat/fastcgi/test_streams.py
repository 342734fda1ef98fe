from __future__ import annotations

import io
import threading
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.compat.fastcgi.streams import (
    Inputs,
    InputStream,
    MultiplexedInputStream,
    OutputStream,
    StdoutWrapper,
    TeeOutputStream,
)
from tests.support.serving import PATIENCE, until


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


def multiplexed():
    """A connection, and one of its streams; its thread waits as long as the test does."""
    conn = SimpleNamespace(server=SimpleNamespace(inputStreamShrinkThreshold=4), inputs=Inputs())
    stream = MultiplexedInputStream(conn)
    stream.MOST = 4
    stream.PATIENCE = PATIENCE
    return conn, stream


def test_one_thread_receives_and_another_reads():
    _, stream = multiplexed()
    read = []
    thread = threading.Thread(target=lambda: read.extend([stream.readline(), stream.read()]))
    thread.start()
    for piece in (b"a", b"b\nc", b"d", b""):
        stream.add_data(piece)
    thread.join(45)
    assert read == [b"ab\n", b"cd"]


def full_stream():
    """A stream that holds what it may, and a thread that waits to add more."""
    _, stream = multiplexed()
    stream.add_data(b"abcd")
    thread = threading.Thread(target=stream.add_data, args=(b"ef",))
    thread.start()
    until(lambda: len(stream._inputs.room._waiters) == 1)
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


def test_who_receives_does_not_wait_where_another_stream_is_waited_for():
    """What is waited for comes behind."""
    conn, stream = multiplexed()
    other = MultiplexedInputStream(conn)
    read = []
    reader = threading.Thread(target=lambda: read.append(other.read()))
    reader.start()
    until(lambda: conn.inputs.hungry == 1)
    stream.PATIENCE = None  # for ever
    receiver = threading.Thread(target=lambda: [stream.add_data(b"abcd") for _ in range(3)], daemon=True)
    receiver.start()
    receiver.join(PATIENCE)
    assert not receiver.is_alive()
    stream.FAR_MOST = 12
    assert not stream._has_room(), "nor is that without a limit"
    other.add_data(b"x")
    other.add_data(b"")
    reader.join(PATIENCE)
    assert read == [b"x"]
    assert conn.inputs.hungry == 0


def test_readers_do_not_wake_each_other():
    conn, stream = multiplexed()
    streams = (stream, MultiplexedInputStream(conn))
    readers = [threading.Thread(target=one.read) for one in streams]
    for thread in readers:
        thread.start()
    until(lambda: conn.inputs.hungry == 2)
    assert [len(one._lock._waiters) for one in streams] == [1, 1]
    for one in streams:
        one.add_data(b"")
    for thread in readers:
        thread.join(PATIENCE)


def test_who_receives_does_not_wait_for_ever():
    """What ends the wait may come behind: an ABORT_REQUEST, or another request."""
    _, stream = multiplexed()
    stream.PATIENCE = 0.01
    for _ in range(3):
        stream.add_data(b"abcd")
    assert stream._avail == 12


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

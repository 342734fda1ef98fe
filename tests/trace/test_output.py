"""Items are shown in order; a reader that does not read holds up nobody, and what it has missed is said."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gateways.trace.capture import Piece, Writer, read
from gateways.trace.items import Item
from gateways.trace.output import Output
from gateways.trace.printing import Printer, Style
from tests.support.serving import PATIENCE


class Reader:
    """Takes lines when ``reads`` is set."""

    def __init__(self) -> None:
        self.reads = threading.Event()
        self.came = threading.Event()
        self.text = ""

    def __call__(self, text: str) -> None:
        self.came.set()
        assert self.reads.wait(PATIENCE)
        self.text += text


def show(output: Output, *names: str) -> None:
    for name in names:
        output.items(1, 0.0, True, [Item(name)])


def test_all_is_shown_in_order() -> None:
    reader = Reader()
    reader.reads.set()
    output = Output(Printer(Style()), reader, None)
    names = [f"item{number}" for number in range(1000)]
    show(output, *names)
    assert output.close(PATIENCE) == 0
    assert [line.split()[3] for line in reader.text.splitlines()] == names
    show(output, "late")
    assert "late" not in reader.text


def test_what_is_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateways.trace.output.MOST_WAITING", 10)
    reader = Reader()
    output = Output(Printer(Style()), reader, None)
    show(output, "one")
    assert reader.came.wait(PATIENCE)
    show(output, "two", "three")
    monkeypatch.setattr("gateways.trace.output.MOST_WAITING", 10000)
    show(output, "four")
    reader.reads.set()
    assert output.close(PATIENCE) == 0
    assert [line.split()[2:4] for line in reader.text.splitlines()] == [["<", "one"], ["=", "not"], ["<", "four"]]
    assert "= not shown        2 items: they came faster" in reader.text


def test_a_reader_that_never_reads_is_given_up() -> None:
    reader = Reader()
    output = Output(Printer(Style()), reader, None)
    show(output, "one")
    assert reader.came.wait(PATIENCE)
    show(output, "two")
    assert output.close(0.05) == 2
    reader.reads.set()
    output._thread.join(PATIENCE)


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(str(tmp_path / "file"))

    def full(piece: Piece) -> None:
        raise OSError(28, "No space left on device")

    reader = Reader()
    reader.reads.set()
    output = Output(Printer(Style()), reader, writer)
    output.piece(Piece("", b"x", 1, False, 0.0, "scgi"))
    monkeypatch.setattr(writer, "write", full)
    output.piece(Piece("", b"y", 1, False, 0.0, "scgi"))
    assert output.failed is not None
    assert output.close(PATIENCE) == 0
    writer.close()
    assert [piece.data for piece in read(str(tmp_path / "file"))] == [b"x"]

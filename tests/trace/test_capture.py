"""Captures are read as they were written, and by the reader of the corpus as well."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gateways.errors import ConfigError
from gateways.trace.capture import Piece, Writer, read
from tests.support import corpus

PIECES = [
    Piece("1>0.000000 scgi", b"12:x", 1, False, 0.0, "scgi"),
    Piece("1<0.500000 scgi", bytes(range(256)), 1, True, 0.5, "scgi"),
    Piece("1<0.600000 scgi", b"", 1, True, 0.6, "scgi"),
]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    writer = Writer(str(path))
    for piece in PIECES:
        writer.write(piece)
        assert list(read(str(path)))[-1] == piece, "nothing is kept back"
    writer.close()
    assert list(read(str(path))) == PIECES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_form_is_that_of_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nginx-scgi").mkdir()
    writer = Writer(str(tmp_path / "nginx-scgi" / "x.captures"))
    for piece in PIECES:
        writer.write(piece)
    writer.close()
    monkeypatch.setattr(corpus, "CORPUS", tmp_path)
    assert [(found.case, found.data) for found in corpus.captures()] == [(one.name, one.data) for one in PIECES]


def test_every_file_of_the_corpus_can_be_read() -> None:
    for path in sorted(corpus.CORPUS.glob("*/*.captures")):
        wanted = [(found.case, found.data) for found in corpus.captures(path.parent.name, path.stem)]
        assert [(piece.name, piece.data) for piece in read(str(path))] == wanted


@pytest.mark.parametrize("data", [b"hello", b"5:hello;", b"1:a,1:b,1:c,x", b"99999999999:", b":,", b"1:a,0:,"])
def test_another_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(ConfigError, match=r"is no file of captures: .* before byte"):
        list(read(str(tmp_path / "file")))


def test_the_beginning_of_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"5:hel")
    with pytest.raises(ConfigError, match=r"is no file of captures: it ends before byte 5$"):
        list(read(str(tmp_path / "file")))


@pytest.mark.parametrize("left", range(1, 12))
def test_a_file_that_breaks_off(tmp_path: Path, left: int) -> None:
    """As a full disk leaves it."""
    whole = b"1:a,1:b,1:c,\n"
    (tmp_path / "file").write_bytes(whole + whole[:left])
    pieces = read(str(tmp_path / "file"))
    assert next(pieces).data == b"c"
    with pytest.raises(ConfigError, match="ends in the middle of a capture"):
        next(pieces)


def test_what_cannot_be_sought_in() -> None:
    with pytest.raises(ConfigError, match=r"/dev/zero is no file of captures: no netstring, before byte 1$"):
        list(read("/dev/zero"))


def test_a_file_that_is_there_is_not_written_to(tmp_path: Path) -> None:
    """Others could read it: the mode is that of its making."""
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "new")
    for name in ("file", "link"):
        with pytest.raises(ConfigError, match="it is there already; remove it or give another name"):
            Writer(str(tmp_path / name))
    assert (tmp_path / "file").read_text() == "precious"
    assert not (tmp_path / "new").exists()


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read captures"):
        list(read(str(tmp_path / "none")))
    with pytest.raises(ConfigError, match="cannot write captures"):
        Writer(str(tmp_path / "none" / "x"))

"""Every capture of the corpus decodes, and only what is known to be malformed is called so."""

from __future__ import annotations

import weakref
from pathlib import Path

import pytest

from gateways.trace.capture import Piece, Writer
from gateways.trace.conversation import Conversation
from gateways.trace.printing import Printer, Style
from gateways.trace.replay import replay
from tests.support import wire
from tests.support.corpus import CORPUS

#: What web servers really send that the specifications do not allow: the beginning of the directory, and the fault.
KNOWN = {
    ("caddy-fastcgi", "CONTENT_LENGTH is no number: b'-1' (RFC 3875, 4.1.2)"),
    ("h2o-fastcgi", "a NUL byte in a variable (6.1)"),
    ("haproxy-fcgi", "a NUL byte in a variable (6.1)"),
    ("nginx-scgi", "5 bytes more than CONTENT_LENGTH, 0"),
}


def test_every_file_of_the_corpus_decodes() -> None:
    found = set()
    for path in sorted(CORPUS.glob("*/*.captures")):
        text = list(replay(str(path), Printer(Style(body=0))))
        assert not any("this program cannot" in line or "none of the protocols" in line for line in text), path
        assert any("REQUEST_METHOD = " in line for line in text), path
        found |= {(path.parent.name, line.partition("malformed: ")[2]) for line in text if "malformed: " in line}
    assert found == KNOWN


def test_pieces_of_several_connections(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "file"))
    data = wire.request(keep=True)
    for seconds, connection, backend, piece in (
        (1.0, 1, False, data[:20]),
        (1.5, 2, False, wire.scgi()),
        (2.0, 1, False, data[20:]),
        (2.25, 2, True, b"Status: 200 OK\r\n\r\n"),
        (2.5, 2, True, b""),
        (3.0, 1, True, b""),
    ):
        writer.write(Piece("", piece, connection, backend, seconds, "fastcgi" if connection == 1 else "scgi"))
    writer.close()
    lines = list(replay(str(tmp_path / "file"), Printer(Style())))
    heads = [line.split()[:4] for line in lines if line.startswith("#")]
    assert heads == [
        ["#1", "0.0000", ">", "BEGIN_REQUEST"],
        ["#2", "0.0000", ">", "request"],
        ["#1", "1.0000", ">", "PARAMS"],
        ["#1", "1.0000", ">", "PARAMS"],
        ["#1", "1.0000", ">", "STDIN"],
        ["#2", "0.7500", "<", "response"],
        ["#2", "1.0000", "<", "end"],
        ["#1", "2.0000", "<", "end"],
        ["#1", "2.0000", "<", "end"],
    ]
    assert "malformed: no END_REQUEST for request 1 (5.5)" in "\n".join(lines)


def test_what_is_none_of_the_protocols(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1:x,0:,5:?????,\n")
    assert any("none of the protocols" in line for line in replay(str(tmp_path / "file"), Printer(Style())))


@pytest.mark.parametrize("protocol", ["nothing", "cgi"])
def test_a_protocol_that_is_unknown_is_decoded_by_its_bytes(tmp_path: Path, protocol: str) -> None:
    writer = Writer(str(tmp_path / "file"))
    writer.write(Piece("", wire.scgi(), 1, False, 1.0, protocol))
    writer.close()
    assert any("request" in line for line in replay(str(tmp_path / "file"), Printer(Style())))


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> weakref.WeakSet[Conversation]:
    """The conversations that are followed."""
    found: weakref.WeakSet[Conversation] = weakref.WeakSet()

    def make(protocol: str) -> Conversation:
        conversation = Conversation(protocol)
        found.add(conversation)
        return conversation

    monkeypatch.setattr("gateways.trace.replay.Conversation", make)
    return found


def test_a_connection_that_has_ended_is_forgotten(tmp_path: Path, alive: weakref.WeakSet[Conversation]) -> None:
    most = 0
    writer = Writer(str(tmp_path / "file"))
    for connection in range(1, 11):
        for backend, data in ((False, wire.scgi()), (True, b"Status: 200 OK\r\n\r\n"), (True, b""), (False, b"")):
            writer.write(Piece("", data, connection, backend, connection, "scgi"))
    writer.close()
    for _ in replay(str(tmp_path / "file"), Printer(Style())):
        most = max(most, len(alive))
    assert most <= 2


def test_of_those_without_an_end_the_most_silent_is_forgotten(
    tmp_path: Path, alive: weakref.WeakSet[Conversation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No side has sent its end where a connection was reset."""
    monkeypatch.setattr("gateways.trace.replay._MOST_OPEN", 3)
    most = 0
    writer = Writer(str(tmp_path / "file"))
    data = wire.request(wire.post(10), b"x" * 10)
    for connection in range(1, 11):
        writer.write(Piece("", data[connection - 1 : connection], 99, False, connection, "fastcgi"))
        writer.write(Piece("", data, connection, False, connection, "fastcgi"))
    writer.write(Piece("", data[10:], 99, False, 11.0, "fastcgi"))
    writer.close()
    heads = []
    for line in replay(str(tmp_path / "file"), Printer(Style())):
        most = max(most, len(alive))
        heads += [line.split()[:4]] if line.startswith("#99 ") else []
    assert most <= 4
    assert [head[3] for head in heads] == ["BEGIN_REQUEST", "PARAMS", "PARAMS", "STDIN", "STDIN"]

"""Notes of processes: believed as long as the process holds the lock."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateways.resident import notes, place
from tests.support.processes import in_child


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "place"
    path.mkdir(mode=0o700)
    monkeypatch.setenv(place.VARIABLE, str(path))
    return path


def test_a_note_is_believed_while_its_process_lives(directory: Path) -> None:
    note = notes.Note(f"{directory}/key.sock", "/srv/app.cgi")
    note.write(3)
    found = in_child(notes.running)  # a process does not stop itself with a record lock
    assert [(resident.script, resident.pid, resident.requests) for resident in found] == [
        ("/srv/app.cgi", os.getpid(), 3)
    ]
    assert found[0].log == f"{directory}/key.log"
    note.remove()
    note.remove()
    assert in_child(notes.running) == []
    assert list(directory.iterdir()) == []


def test_a_note_that_was_left_behind_is_removed(directory: Path) -> None:
    def leave() -> None:
        notes.Note(f"{directory}/key.sock", "/srv/app.cgi")

    in_child(leave)
    assert len(list(directory.iterdir())) == 1
    assert notes.running() == []
    assert list(directory.iterdir()) == []


def test_what_is_no_note(directory: Path) -> None:
    note = notes.Note(f"{directory}/key.sock", "/srv/app.cgi")
    [path] = directory.iterdir()
    for text in ("", "[]", '{"pid": 1}'):
        in_child(lambda text=text: path.write_text(text))  # here, its end would unlock it
        assert in_child(notes.running) == []
    assert path.exists()
    note.remove()


def test_nothing_can_be_written(directory: Path) -> None:
    """It is for people, and nothing depends on it."""
    note = notes.Note(f"{directory}/absent/key.sock", "/srv/app.cgi")
    note.write(1)
    note.remove()
    assert notes.running() == []


def test_of_a_script(directory: Path, tmp_path: Path) -> None:
    script = tmp_path / "app.cgi"
    script.touch()
    note = notes.Note(f"{directory}/key.sock", str(script))
    (tmp_path / "link").symlink_to(tmp_path)
    assert in_child(lambda: len(notes.of_script(f"{tmp_path}/link/app.cgi"))) == 1
    assert in_child(lambda: len(notes.of_script(f"{tmp_path}/other.cgi"))) == 0
    note.remove()

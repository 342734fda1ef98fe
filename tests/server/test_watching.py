"""gateways.server.watching: an application's files while somebody works on it."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from gateways.server import watching as module
from gateways.server.changes import Files
from gateways.server.watching import Watcher, directory_of, sources
from tests.support.serving import RecordingLog, until

Watching = Callable[..., AbstractContextManager[tuple[list[str], RecordingLog]]]


def write(path: Path, text: str = "") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (1, 1))
    return str(path)


class Notify:
    """Stands in for watchfiles: wakes whenever ``happen`` is called."""

    def __init__(self) -> None:
        self.watched: list[str] = []
        self.error: Exception | None = None

    def watch(self, directory: str, stop_event: Any, **options: Any) -> Iterator[object]:
        self.watched.append(directory)
        if self.error is not None:
            raise self.error
        while not stop_event.wait(0.01):
            yield {}


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Watching:
    monkeypatch.setattr(module, "INTERVAL", 0.01)
    monkeypatch.setattr(module, "SETTLING", 0.01)
    monkeypatch.setattr(module, "LoadedFiles", lambda: lambda: Files(()))

    @contextmanager
    def watching(
        application: str, notify: Any = None, on_change: Any = None
    ) -> Iterator[tuple[list[str], RecordingLog]]:
        monkeypatch.setattr(module, "_import_watchfiles", lambda: notify)
        told: list[str] = []
        log = RecordingLog()
        watcher = Watcher(application, on_change or told.append, cast(Any, log))
        watcher.start()
        try:
            yield told, log
        finally:
            watcher.stop()

    return watching


def test_each_change_is_told_once(watching: Watching, tmp_path: Path) -> None:
    app = write(tmp_path / "app.py")
    with watching(f"{app}:application") as (told, _):
        os.utime(app, (2, 2))
        until(lambda: told)
        new = str(tmp_path / "package" / "new.py")
        os.rename(write(tmp_path / "package" / "new.begun"), new)  # one change, and not two
        until(lambda: len(told) >= 2)
        os.utime(app, (3, 3))
        until(lambda: len(told) >= 3)
        assert told == [app, new, app]


def test_watchfiles_wakes_it(watching: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WOKEN_INTERVAL", 3600.0)
    app = write(tmp_path / "app.py")
    notify = Notify()
    with watching(app, notify) as (told, _):
        until(lambda: notify.watched)
        os.utime(app, (2, 2))
        until(lambda: told == [app])
    assert notify.watched == [str(tmp_path)]


def test_watchfiles_that_fails_is_done_without(
    watching: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WOKEN_INTERVAL", 0.05)
    app = write(tmp_path / "app.py")
    notify = Notify()
    notify.error = OSError("the limit of watches is reached")
    with watching(app, notify) as (told, log):
        until(lambda: log.entries)
        os.utime(app, (2, 2))
        until(lambda: told == [app])
        assert log.text("warning").startswith("watchfiles: the limit of watches is reached; files are looked at every")


def test_a_fault_does_not_end_it(watching: Watching, tmp_path: Path) -> None:
    app = write(tmp_path / "app.py")
    told = []

    def fail_once(path: str) -> None:
        told.append(path)
        if len(told) == 1:
            raise OSError("the master is busy")

    with watching(app, on_change=fail_once) as (_, log):
        os.utime(app, (2, 2))
        until(lambda: told)
        os.utime(app, (3, 3))
        until(lambda: len(told) == 2)
        assert "watching for changes failed, and goes on" in log.text("exception")


def test_the_files_of_an_application(tmp_path: Path) -> None:
    expected = [write(tmp_path / name) for name in ("app.py", "settings.toml", "a/b/c.py", "templates/page.html")]
    for name in ("db.sqlite3", "out.log", ".hidden.py", ".git/x.py", "__pycache__/x.py", "node_modules/x.py"):
        write(tmp_path / name)
    write(tmp_path / "env" / "pyvenv.cfg")
    write(tmp_path / "env" / "lib" / "x.py")
    assert sorted(sources(str(tmp_path))) == sorted(expected)


def test_they_are_no_more_than_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        write(tmp_path / str(number) / "app.py")
    monkeypatch.setattr(module, "MAX_DIRECTORIES", 10)
    assert len(list(sources(str(tmp_path)))) == 9
    monkeypatch.setattr(module, "MAX_FILES", 5)
    assert len(list(sources(str(tmp_path)))) == 5


def test_the_directory_of_an_application(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, path in (("shop", "/srv/shop/__init__.py"), ("single", "/srv/single.py")):
        made = types.ModuleType(name)
        made.__file__ = path
        monkeypatch.setitem(sys.modules, name, made)
    assert directory_of("shop.wsgi:application") == "/srv"
    assert directory_of("single") == "/srv"
    assert directory_of("/srv/other/app.py:create()") == "/srv/other"
    monkeypatch.chdir(tmp_path)
    assert directory_of("sub/app.py:app") == f"{tmp_path}/sub"
    assert directory_of("app.py") == str(tmp_path)
    assert directory_of("never_loaded:app") == str(tmp_path)
    assert directory_of("json:app") == str(tmp_path), "that is installed, and not what is worked on"

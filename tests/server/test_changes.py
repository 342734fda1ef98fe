"""gateways.server.changes: which files belong to an application, and when one of them counts as changed."""

from __future__ import annotations

import os
import sys
import time
import types
from pathlib import Path

import pytest

from gateways.server.changes import Changes, Files, LoadedFiles, signature

FUTURE = time.time() + 1e8  # years, as the tests may take long


def write(path: Path, text: str, age: float = 100.0) -> str:
    """Write a file that looks ``age`` seconds old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    then = time.time() - age
    os.utime(path, (then, then))
    return str(path)


def looks(changes: Changes, number: int = 3) -> list[str]:
    """Look several times."""
    return [changes.changed() for _ in range(number)]


@pytest.fixture
def app(tmp_path: Path) -> str:
    return write(tmp_path / "app.py", "one")


def watching(*paths: str, since: float = FUTURE) -> Changes:
    return Changes(lambda: Files(paths), since)


def test_nothing_changes(app: str) -> None:
    assert looks(watching(app)) == ["", "", ""]


@pytest.mark.parametrize("change", ["size", "time", "inode"])
def test_a_change_is_told_once_when_it_has_settled(app: str, change: str) -> None:
    changes = watching(app)
    assert changes.changed() == ""
    status = os.stat(app)
    if change == "size":
        Path(app).write_text("two and more")
    elif change == "inode":
        copy = write(Path(f"{app}.new"), "two")
        os.replace(copy, app)
    os.utime(app, ns=(0, status.st_mtime_ns + (change == "time")))
    assert looks(changes, 4) == ["", app, "", ""]


def test_a_file_that_is_being_written_is_waited_for(app: str) -> None:
    changes = watching(app)
    for text in ("12", "123", "1234"):
        write(Path(app), text)
        assert changes.changed() == ""
    assert looks(changes, 2) == [app, ""]


def test_files_that_come_one_after_another_are_waited_for(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, "") for name in ("a.py", "b.py", "c.py")]
    changes = watching(*paths)
    for path in reversed(paths):
        write(Path(path), "new")
        assert changes.changed() == ""
    assert looks(changes, 2) == [paths[0], ""]


def test_what_has_vanished_is_waited_for(app: str) -> None:
    changes = watching(app)
    os.rename(app, f"{app}.away")
    assert looks(changes) == ["", "", ""]
    os.rename(f"{app}.away", app)
    assert looks(changes) == ["", "", ""]
    os.unlink(app)
    assert looks(changes) == ["", "", ""]
    write(Path(app), "new")
    assert looks(changes) == ["", app, ""]


def test_another_change_does_not_wait_for_what_has_vanished(app: str, tmp_path: Path) -> None:
    gone = write(tmp_path / "gone.py", "")
    changes = watching(gone, app)
    os.unlink(gone)
    write(Path(app), "new")
    assert looks(changes) == ["", app, ""]


def test_a_file_that_appears_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "tmp" / "restart.txt"
    changes = watching(str(path))
    assert looks(changes) == ["", "", ""]
    write(path, "")
    assert looks(changes) == ["", str(path), ""]


def test_a_file_that_was_written_while_it_was_loaded_has_changed(app: str, tmp_path: Path) -> None:
    now = time.time()
    late = write(tmp_path / "late.py", "", age=10)
    ahead = write(tmp_path / "ahead.py", "", age=-1000)  # the clock of a file server
    assert looks(watching(app, ahead, late, since=now - 50)) == ["", late, ""]
    assert looks(watching(app, ahead, late, since=now - 5)) == ["", "", ""]


def test_new_files_are_learnt(app: str, tmp_path: Path) -> None:
    files = [app]
    changes = Changes(lambda: Files(files), FUTURE)
    files.append(write(tmp_path / "lazy.py", ""))
    assert looks(changes) == ["", "", ""]
    write(Path(files[1]), "new")
    assert looks(changes) == ["", files[1], ""]


def test_what_is_new_in_a_directory_has_changed(app: str, tmp_path: Path) -> None:
    files = [app]
    changes = Changes(lambda: Files((), listed=files), FUTURE)
    assert looks(changes) == ["", "", ""]
    files.append(write(tmp_path / "new.py", ""))
    assert looks(changes) == ["", files[1], ""]


def test_of_many_files_a_few_are_looked_at_at_once(app: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [write(tmp_path / f"m{number}.py", "") for number in range(1000)]
    changes = Changes(lambda: Files([app], many), FUTURE)
    looked: list[str] = []
    monkeypatch.setattr("gateways.server.changes.signature", lambda path: looked.append(path) or signature(path))
    write(Path(many[-1]), "new")
    for _ in range(16):
        assert changes.changed() == ""
        assert len(looked) <= 65
        assert looked[0] == app
        looked.clear()
    assert changes.changed() == many[-1]


# What is loaded


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, types.ModuleType]:
    """Modules that are there only for this test."""
    own: dict[str, types.ModuleType] = {"gateways": sys.modules["gateways"]}
    monkeypatch.setattr(sys, "modules", own)
    return own


def module(name: str, path: object) -> types.ModuleType:
    made = types.ModuleType(name)
    if path is not None:
        made.__file__ = path  # type: ignore[assignment]
    return made


GATEWAYS = os.path.abspath(sys.modules["gateways"].__file__ or "")


def load(modules: dict[str, types.ModuleType], **paths: object) -> None:
    modules.update({name.replace("__in__", "."): module(name, path) for name, path in paths.items()})


def test_script_modules_and_restart_files(modules: dict[str, types.ModuleType]) -> None:
    load(modules, __main__="/srv/cgi/app.fcgi", site="/srv/app/site/__init__.py")
    load(modules, **{"site.views": "/srv/app/site/views.py", "settings": "/srv/etc/settings.py", "built_in": None})
    first, others, _ = LoadedFiles()()
    assert set(first) == {
        *("/srv/cgi/app.fcgi", "/srv/cgi/restart.txt", "/srv/cgi/tmp/restart.txt"),
        *("/srv/app/site/__init__.py", "/srv/app/restart.txt", "/srv/app/tmp/restart.txt"),
        *("/srv/etc/settings.py", "/srv/etc/restart.txt", "/srv/etc/tmp/restart.txt"),
        GATEWAYS,
    }
    assert others == ("/srv/app/site/views.py",)


def test_installed_packages_are_left_out(modules: dict[str, types.ModuleType]) -> None:
    load(modules, json=os.path.join(os.path.dirname(os.__file__), "json", "__init__.py"))
    load(modules, flask="/srv/venv/lib/python3.11/site-packages/flask/__init__.py")
    load(modules, yaml="/usr/lib/python3/dist-packages/yaml/__init__.py")
    load(modules, **{"flask.app": "/srv/venv/lib/python3.11/site-packages/flask/app.py"})
    load(modules, **{"gateways.core": os.path.join(os.path.dirname(GATEWAYS), "core", "__init__.py")})
    assert LoadedFiles()() == Files((GATEWAYS,))


def test_restart_files_alone(modules: dict[str, types.ModuleType]) -> None:
    load(modules, __main__="/srv/cgi/app.fcgi")
    expected = Files(["/srv/touched", "/srv/cgi/restart.txt", "/srv/cgi/tmp/restart.txt"])
    assert LoadedFiles(True, ["/srv/touched"])() == expected
    assert "/srv/touched" in LoadedFiles(more=["/srv/touched"])().first


def test_an_installed_script_is_watched(modules: dict[str, types.ModuleType]) -> None:
    load(modules, __main__="/srv/venv/lib/python3.11/site-packages/app.fcgi")
    assert "/srv/venv/lib/python3.11/site-packages/app.fcgi" in LoadedFiles()().first


def test_modules_that_are_imported_later(modules: dict[str, types.ModuleType]) -> None:
    files = LoadedFiles()
    assert files() is files()
    load(modules, late="/srv/late.py")
    assert "/srv/late.py" in files().first


def test_modules_with_a_will_of_their_own(modules: dict[str, types.ModuleType]) -> None:
    class Lazy(types.ModuleType):
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(f"asked for {name}")

    load(modules, strange=["/srv/list.py"], nothing=None)
    modules["lazy"] = Lazy("lazy")
    modules["no_module"] = object()  # type: ignore[assignment]
    modules["none"] = None  # type: ignore[assignment]
    assert LoadedFiles()() == Files((GATEWAYS,))


def test_what_is_looked_at_each_time_is_bounded(modules: dict[str, types.ModuleType]) -> None:
    load(modules, **{f"m{number}": f"/srv/{number}/m{number}.py" for number in range(1000)})
    first, others, _ = LoadedFiles()()
    assert len(first) == 64 + 2 * 64
    assert {*first, *others} > {f"/srv/{number}/m{number}.py" for number in range(1000)}


def test_what_is_no_path() -> None:
    assert signature("/no/such/file") is None
    assert signature("with a \0") is None

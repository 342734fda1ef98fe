"""gateways.manager.watch, and reloads that a file asks for: one that is touched, and those of an application."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gateways.manager.watch import ChangedFiles, RestartFile
from tests.support.managing import Managed, managing
from tests.support.serving import until
from tests.support.spawning import APPLICATION

ABSENT = "raise ImportError('not here')"


def test_a_restart_file_is_looked_at_once_a_second(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "restart.txt"
    file = RestartFile(str(path), told.append)
    assert file.tick(100.0) == 1.0
    path.touch()
    assert file.tick(100.75) == 0.25
    assert told == []
    assert file.tick(101.0) == 1.0
    assert file.tick(102.5) == 1.0
    assert told == [f"{path} was touched"]


def test_a_restart_file_is_touched_made_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "restart.txt"
    path.touch()
    file = RestartFile(str(path), print)
    assert not file.touched()
    os.utime(path, (1, 1))
    assert file.touched()
    assert not file.touched()
    path.unlink()
    assert not file.touched()
    path.touch()
    assert file.touched()


def test_a_change_is_one_whoever_reports_it() -> None:
    told: list[str] = []
    files = ChangedFiles(told.append)
    for file, written in (("app.py", 1), ("app.py", 1), ("app.py", 2), ("other.py", 2), ("other.py", 2)):
        files.changed(file, written)
    assert told == ["app.py has changed", "app.py has changed", "other.py has changed"]


def install(managed_or_directory: Managed | Path, version: str, name: str = "app.py") -> None:
    directory = managed_or_directory.directory if isinstance(managed_or_directory, Managed) else managed_or_directory
    copy = directory / f"{name}.new"
    copy.write_text(APPLICATION.format(version=version))
    copy.replace(directory / name)


def until_version(managed: Managed, version: str) -> None:
    until(lambda: managed.ask("/version").body == version.encode(), f"for {version}: {managed.log}")


def test_a_touch_of_the_restart_file_reloads(socket_dir: Path) -> None:
    install(socket_dir, "one")
    flags = ("--workers", "2", "--restart-file", "{dir}/restart.txt")
    with managing(*flags, application=socket_dir / "app.py", directory=socket_dir) as managed:
        install(managed, "second")
        with managed.loading(50) as load:
            (socket_dir / "restart.txt").touch()
            until_version(managed, "second")
        assert not load.report.failures, load.report
        assert f"{socket_dir}/restart.txt was touched" in managed.log


@pytest.mark.parametrize("with_watchfiles", [True, False])
def test_reload_while_somebody_works(socket_dir: Path, with_watchfiles: bool) -> None:
    if with_watchfiles:
        pytest.importorskip("watchfiles")
    else:
        (socket_dir / "watchfiles.py").write_text(ABSENT)
    install(socket_dir, "one")
    with managing("--reload", application=socket_dir / "app.py", directory=socket_dir) as managed:
        assert len(managed.workers()) == 1
        install(managed, "second")
        until_version(managed, "second")
        # What cannot be loaded leaves the old one, which watches on. Two files at once, one of them new.
        (socket_dir / "broken.py").write_text("1 +")
        (socket_dir / "app.py").write_text("import broken\n" + APPLICATION.format(version="third"))
        managed.until("SyntaxError")
        assert managed.ask("/version").body == b"second"
        (socket_dir / "broken.py").write_text("pass")
        until_version(managed, "third")
        assert managed.stop() == 0


def test_reload_begins_with_an_application_that_is_broken(socket_dir: Path) -> None:
    (socket_dir / "app.py").write_text("1 +")
    with managing("--reload", application=socket_dir / "app.py", directory=socket_dir) as managed:
        assert b"could not be loaded" in managed.ask("/version").body
        install(managed, "one")
        until_version(managed, "one")
        install(managed, "second")
        until_version(managed, "second")


def test_a_change_that_several_workers_see_is_one(socket_dir: Path) -> None:
    install(socket_dir, "one")
    with managing("--reload", "--workers", "3", application=socket_dir / "app.py", directory=socket_dir) as managed:
        until(lambda: len(managed.workers()) == 3)
        managed.until("ready: 3 workers")
        install(managed, "second")
        until_version(managed, "second")
        managed.until("generation 2 serves")
        until(lambda: len(managed.workers()) == 3)
        assert managed.log.count("app.py has changed: reloading") == 1, managed.log


def test_without_workers_there_is_one(socket_dir: Path) -> None:
    install(socket_dir, "one")
    begun = time.monotonic()
    with managing("--reload", application=socket_dir / "app.py", directory=socket_dir) as managed:
        assert managed.worker() != managed.pid
        assert "static, 1 worker" in managed.log
    assert time.monotonic() > begun

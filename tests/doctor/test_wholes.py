"""A file as a part of a whole configuration."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from gateways.doctor.directives import Fault, Files, NotIncluded
from gateways.doctor.findings import Finding
from gateways.doctor.targets import Options
from gateways.doctor.wholes import Server, Whole, main_above, read_whole


class Reader(Files):
    """Reads files that have names of files in them, one in each line."""

    def read(self, path: str) -> list[str]:
        return list(self._read(path, False, 0))

    def _read(self, path: str, asked: bool, depth: int) -> list[str]:
        asked = self.enter(path, asked, depth)
        names = []
        for name in Path(path).read_text().split():
            included = os.path.join(os.path.dirname(path), name)
            names.append(name)
            if name == "wrong":
                raise Fault(f"{path}:1", "that is wrong")
            if os.path.exists(included):
                names += self._read(included, asked, depth + 1)
            else:
                self.not_included.append(NotIncluded(path, f"include {name}", asked))
        return names


SERVER = Server(("main.conf", "other.conf"), ("web",), "web -t", Reader, lambda path, main: f"add {path} to {main}")


def read(path: Path) -> tuple[list[Finding], Whole[list[str]] | None]:
    found: list[Finding] = []
    steps = read_whole(SERVER, str(path))
    while True:
        try:
            found.append(next(steps))
        except StopIteration as end:
            return found, end.value


@pytest.fixture
def main(tmp_path: Path) -> Path:
    (tmp_path / "conf.d").mkdir()
    path = tmp_path / "main.conf"
    path.write_text("conf.d/a.conf missing\n")
    (tmp_path / "conf.d" / "a.conf").write_text("gone")
    return path


def test_a_file_of_a_whole(main: Path) -> None:
    [finding], whole = read(main.parent / "conf.d" / "a.conf")
    assert (finding.code, finding.what) == ("config-include", "include gone: there is no such file")  # its own alone
    assert whole == Whole(["conf.d/a.conf", "gone", "missing"], str(main))


def test_the_whole_itself(main: Path) -> None:
    found, whole = read(main)
    assert [finding.what.split(":")[0] for finding in found] == ["include gone", "include missing"]
    assert whole is not None
    assert whole.main == str(main)


def test_a_file_that_nothing_includes(main: Path) -> None:
    path = main.parent / "conf.d" / "b.conf"
    path.write_text("")
    [finding], whole = read(path)
    assert (finding.code, finding.remedy) == ("config-disabled", f"add {path} to {main}")
    assert whole == Whole([], None)


def test_an_empty_file_is_included(main: Path) -> None:
    (main.parent / "conf.d" / "a.conf").write_text("")
    assert read(main.parent / "conf.d" / "a.conf")[0] == []


@pytest.mark.parametrize("name", ["main.conf", "conf.d/b.conf"])
def test_what_the_server_would_not_read(main: Path, name: str) -> None:
    path = main.parent / name
    path.write_text("wrong")
    found, whole = read(path)
    assert (found[-1].code, found[-1].where, found[-1].remedy) == (
        "config-syntax",
        f"{path}:1",
        "web -t says it as well",
    )
    assert whole is None


def test_files_without_an_end(main: Path) -> None:
    main.write_text("main.conf")
    [finding], _ = read(main)
    assert "without an end" in finding.what


def test_the_main_file_above(main: Path) -> None:
    deep = main.parent / "1" / "2" / "3" / "a.conf"
    deep.parent.mkdir(parents=True)
    assert main_above(str(deep), ("main.conf",)) is None
    assert main_above(str(deep.parent), ("no.conf", "main.conf")) == str(main)


def test_the_user_of_the_configuration() -> None:
    name = pwd.getpwuid(os.geteuid()).pw_name
    assert SERVER.backends(name, Options()).account.name == name
    assert SERVER.backends("no-such-user", Options(user=name)).account.name == name
    assert SERVER.backends("no-such-user", Options()).account.name != "no-such-user"

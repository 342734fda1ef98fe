"""Nothing is changed that gateways init did not write."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateways.deploy.hosting.applications import Found
from gateways.deploy.hosting.files import Site
from gateways.deploy.hosting.writing import Step, carry_out, plan, plan_removal
from gateways.errors import ConfigError, GatewayError

OWN = "# mine\nErrorDocument 404 /404.html\n"


def make(directory: Path, hello: bool = True, add: bool = False, **more: object) -> list[Step]:
    site = Site(str(directory), Found("app:application", str(directory), ""), "/usr/bin/python3", **more)  # type: ignore[arg-type]
    return list(carry_out(plan(site, hello, add)))


def remove(directory: Path) -> list[Step]:
    return list(carry_out(plan_removal(str(directory))))


def actions(steps: list[Step]) -> dict[str, str]:
    return {os.path.basename(step.path): step.action for step in steps}


def content(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_an_empty_directory_and_back(tmp_path: Path) -> None:
    assert actions(make(tmp_path)) == {"app.fcgi": "wrote", "app.py": "wrote", ".htaccess": "wrote"}
    assert (tmp_path / "app.fcgi").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / ".htaccess").stat().st_mode & 0o777 == 0o644
    assert actions(remove(tmp_path)) == {"app.fcgi": "removed", "app.py": "removed", ".htaccess": "removed"}
    assert content(tmp_path) == {}


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    make(tmp_path)

    def written() -> dict[str, tuple[int, ...]]:
        found = {path.name: path.stat() for path in tmp_path.iterdir()}  # not when it was last read
        return {name: (stat.st_mode, stat.st_ino, stat.st_size, stat.st_ctime_ns) for name, stat in found.items()}

    before = written()
    assert set(actions(make(tmp_path)).values()) == {"unchanged"}
    assert written() == before


def test_what_was_written_before_is_renewed(tmp_path: Path) -> None:
    make(tmp_path, name="shop")
    site = Site(str(tmp_path), Found("other:app", str(tmp_path), ""), "/opt/python", name="shop")
    assert actions(list(carry_out(plan(site, False, False)))) == {"shop.fcgi": "wrote", ".htaccess": "unchanged"}
    assert 'run("other:app")' in (tmp_path / "shop.fcgi").read_text()


def test_the_other_kind_of_script_is_taken_away(tmp_path: Path) -> None:
    make(tmp_path)
    assert actions(make(tmp_path, cgi=True)) == {
        "app.cgi": "wrote",
        "app.py": "unchanged",
        ".htaccess": "wrote",
        "app.fcgi": "removed",
    }
    (tmp_path / "app.fcgi").write_text("# mine\n")
    assert "app.fcgi" not in actions(make(tmp_path, cgi=True))


def test_a_script_that_lost_its_mode_gets_it_back(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "app.fcgi").chmod(0o644)
    assert actions(make(tmp_path))["app.fcgi"] == "wrote"
    assert (tmp_path / "app.fcgi").stat().st_mode & 0o777 == 0o755


def test_what_a_person_has_changed_is_kept(tmp_path: Path) -> None:
    make(tmp_path)
    for path in tmp_path.iterdir():
        path.write_text(path.read_text().replace("app", "shop"))
    before = content(tmp_path)
    assert set(actions(make(tmp_path)).values()) == {"kept"}
    assert set(actions(remove(tmp_path)).values()) == {"kept"}
    assert content(tmp_path) == before


@pytest.mark.parametrize("name", ["app.fcgi", "app.py", ".htaccess"])
def test_a_file_of_somebody_else_stops_it_before_anything_is_written(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(OWN)
    with pytest.raises(ConfigError, match="not from gateways init"):
        make(tmp_path)
    assert content(tmp_path) == {name: OWN}
    assert remove(tmp_path) == []


@pytest.mark.parametrize("own", [OWN, OWN.rstrip(), "", "\n\n"])
def test_lines_in_an_htaccess_that_is_there(tmp_path: Path, own: str) -> None:
    htaccess = tmp_path / ".htaccess"
    htaccess.write_text(own)
    htaccess.chmod(0o604)
    make(tmp_path, add=True)
    assert htaccess.read_text().startswith(own)
    assert "RewriteRule ^ app.fcgi [L]" in htaccess.read_text()
    assert htaccess.stat().st_mode & 0o777 == 0o604
    assert actions(make(tmp_path)) == {"app.fcgi": "unchanged", "app.py": "unchanged", ".htaccess": "unchanged"}
    with htaccess.open("a") as file:
        file.write("# mine, too\n")
    remove(tmp_path)
    assert htaccess.stat().st_mode & 0o777 == 0o604
    left = own if own.endswith("\n") or not own else f"{own}\n"
    assert htaccess.read_text() == f"{left}# mine, too\n"


def test_a_directory_for_scripts_gets_no_htaccess(tmp_path: Path) -> None:
    (tmp_path / "cgi-bin").mkdir()
    assert actions(make(tmp_path / "cgi-bin", hello=False, cgi=True)) == {"app.cgi": "wrote"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_writes_belongs_to_the_owner_of_the_directory(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12346)
    make(tmp_path)
    assert {(path.stat().st_uid, path.stat().st_gid) for path in tmp_path.iterdir()} == {(12345, 12346)}


def test_what_the_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(GatewayError, match=r"app.fcgi: Permission denied; run as the owner"):
        make(tmp_path)
    assert content(tmp_path) == {}


@pytest.mark.parametrize("call", [plan_removal])
def test_no_directory(tmp_path: Path, call: Callable[[str], object]) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        call(str(tmp_path / "absent"))


def test_a_large_file_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "app.cgi").write_text("# Written by gateways init 123456789abc: x\n" + "#" * (1 << 20))
    assert remove(tmp_path) == []


def test_a_long_htaccess_keeps_all_its_lines(tmp_path: Path) -> None:
    own = "Deny from 192.0.2.1\n" * 100_000
    (tmp_path / ".htaccess").write_text(own)
    make(tmp_path, add=True)
    assert (tmp_path / ".htaccess").read_text().startswith(own)
    assert actions(remove(tmp_path))[".htaccess"] == "removed"
    assert content(tmp_path) == {".htaccess": own}


def test_an_htaccess_without_end_is_left_alone(tmp_path: Path) -> None:
    with (tmp_path / ".htaccess").open("wb") as file:
        file.truncate((16 << 20) + 1)
    for call in (lambda: make(tmp_path, add=True), lambda: remove(tmp_path)):
        with pytest.raises(ConfigError, match="larger than 16 MiB"):
            call()
    assert os.listdir(tmp_path) == [".htaccess"]


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_an_htaccess_that_is_no_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ".htaccess"
    if kind == "link":
        path.symlink_to("/nowhere/at/all")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(
        ConfigError, match="'/nowhere/at/all', which does not exist" if kind == "link" else "is no file"
    ):
        make(tmp_path, add=True)
    assert remove(tmp_path) == []
    assert os.listdir(tmp_path) == [".htaccess"]


@pytest.mark.parametrize("name", ["app.fcgi", "app.cgi"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert remove(tmp_path) == []
    if name == "app.cgi":  # the script of the other kind
        assert make(tmp_path)
    else:
        with pytest.raises(ConfigError, match="not from gateways init"):
            make(tmp_path)

"""A TOML file: read at once, and every way in which it cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateways.config import tomlfile
from gateways.config.tomlfile import MAX_SIZE, TomlFile
from gateways.errors import ConfigError


def refusal(path: Path, contents: str | bytes | None = None) -> str:
    """Read a file that is refused; return the message without the directory of the test."""
    if contents is not None:
        path.write_bytes(contents.encode() if isinstance(contents, str) else contents)
    with pytest.raises(ConfigError) as caught:
        TomlFile(str(path))
    message = str(caught.value)
    assert message.isprintable()
    return message.replace(f"{path.parent}/", "")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.toml"


def test_a_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text('[a]\nb = 1\n\nc = "x"\n')
    monkeypatch.chdir(path.parent)
    file = TomlFile("x.toml")
    assert file.tables == {"a": {"b": 1, "c": "x"}}
    assert (file.name, file.directory) == ("x.toml", str(path.parent))
    assert (file.where(("a", "c")), file.place(("a", "c")).text) == ("x.toml, line 4", '"x"')
    assert file.where(("a", "absent", "key")) == "x.toml, line 1"
    assert file.where(()) == file.where(("absent",)) == "x.toml, line 1"


def test_the_mark_that_some_editors_begin_with(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf[a]\r\nb = 1\r\n")
    assert TomlFile(str(path)).tables == {"a": {"b": 1}}


def test_an_absent_file(path: Path) -> None:
    assert refusal(path) == "configuration file 'x.toml' cannot be read: No such file or directory"


def test_a_directory(tmp_path: Path) -> None:
    assert refusal(tmp_path).endswith("cannot be read: Is a directory")


def test_what_never_ends_is_not_read_to_its_end(path: Path) -> None:
    path.symlink_to("/dev/zero")
    assert refusal(path) == "configuration file 'x.toml' is larger than 1 MiB: is it the right one?"


def test_the_largest_file(path: Path) -> None:
    path.write_bytes(b"#" * MAX_SIZE)
    assert TomlFile(str(path)).tables == {}
    assert "larger" in refusal(path, b"#" * (MAX_SIZE + 1))


def test_another_encoding(path: Path) -> None:
    assert refusal(path, b'a = 1\nb = "\xe9"\n') == "x.toml, line 2: not UTF-8; save the file in that encoding"


@pytest.mark.parametrize("opening", ["[", "{a="])
def test_brackets_without_end(path: Path, opening: str) -> None:
    message = refusal(path, "a = " + opening * 100_000)
    assert message.startswith("x.toml")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("pm = dynamic", 'text stands in quotes: pm = "dynamic"'),
        ("user = www-data # who", 'text stands in quotes: user = "www-data"'),
        ("request_terminate_timeout = 30s", 'text stands in quotes: request_terminate_timeout = "30s"'),
        ("socket_mode = 0660", 'write socket_mode = "0660"'),
        ("env[HOME] = /srv", 'write env = { HOME = "..." }'),
        ("env[] = /srv", 'write env = { NAME = "..." }'),
        ("; old", 'a comment begins with "#"'),
        ("pm.max_spare_servers = many", "pm.max_spare_servers is php-fpm's name; here it is max_spare"),
        (
            "php_admin_value[memory_limit] = 32M",
            "php_admin_value is php-fpm's name; give values to the application by ",
        ),
        ("wsgi-file = app.py", "wsgi-file is uWSGI's name; name the application: application in the file"),
        ("workers = 1\nworkers = 2", "the key or table is there for the second time"),
        ("pm.x = 1\npm = 2", "the key or table is there for the second time"),
    ],
)
def test_a_line_in_the_manner_of_others(path: Path, line: str, hint: str) -> None:
    number = 2 + line.count("\n")
    message = refusal(path, f"[gateways]\n{line}\n[pool.x]\n")
    assert message.startswith(f"x.toml, line {number}: ")
    assert f"; {hint}" in message


@pytest.mark.parametrize("text", ["a = ", "[a", 'a = "', 'a = """', "a", "a = 1 b = 2", "= 1", "a = [1,", "[a]\n[a]"])
def test_what_is_no_toml_has_its_line(path: Path, text: str) -> None:
    message = refusal(path, f"\n{text}")
    assert message.startswith(("x.toml, line 2: ", "x.toml, line 3: "))
    assert "column" not in message


def test_a_python_without_a_parser(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    path.write_text("")
    monkeypatch.setattr(tomlfile, "import_module", absent)
    version = "{}.{}".format(*sys.version_info)
    assert refusal(path) == (
        f"x.toml cannot be read: Python {version} has no parser for TOML; pip install 'gateways[config]', or give "
        "flags and variables instead"
    )

"""The tables of the file: what goes where, and what is said about everything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateways.config.tomlfile import TomlFile
from gateways.config.toplevel import Tables, read_tables

NAMES = "give 1 to 32 of the characters A-Z, a-z, 0-9, _ and -"


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str) -> tuple[Tables, list[str]]:
    Path("x.toml").write_text(text)
    problems: list[str] = []
    return read_tables(TomlFile("x.toml"), problems), problems


def problem(text: str) -> str:
    """Return the only problem of a file, which begins with the file's name."""
    _, problems = read(text)
    (message,) = problems
    assert message.startswith("x.toml, line ")
    return message[len("x.toml, line ") :]


def test_the_tables() -> None:
    tables, problems = read(
        "[gateways]\ncontrol = 'c'\napplication = 'a'\n"
        "[pool.x-1]\nworkers = 2\nenv.A = '1'\n[pool.B_]\napplication = 5\n"
    )
    assert problems == []
    assert (tables.gateways.values, tables.gateways.application) == ({"control": "c"}, "a")
    assert list(tables.pools) == ["x-1", "B_"]
    assert tables.pools["x-1"].values == {"workers": 2, "env": {"A": "1"}}
    assert (tables.pools["x-1"].application, tables.pools["B_"].application) == (None, 5)


def test_where_things_stand() -> None:
    tables, _ = read("[pool.x]\nworkers = 2\n[pool.x.env]\nA = '1'\n")
    table = tables.pools["x"]
    assert str(table) == "[pool.x]"
    assert table.where("workers") == "x.toml, line 2: [pool.x] workers"
    assert table.where("env") == "x.toml, line 3: [pool.x] env"
    assert table.where("threads") == "x.toml, line 1: [pool.x] threads"
    assert table.where() == "x.toml, line 1: [pool.x]"
    layer = table.layer("/srv")
    assert (layer.label("workers"), layer.directory, layer.spell("workers")) == (
        table.where("workers"),
        "/srv",
        "workers",
    )


def test_an_empty_file() -> None:
    tables, problems = read("# nothing\n")
    assert (tables.gateways.values, tables.pools, problems) == ({}, {}, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nworkers = 4", "2: workers stands before the first table; it belongs under [gateways] or [pool.NAME]"),
        ("debug = true", "1: debug stands before the first table; it belongs under [gateways] or [pool.NAME]"),
        ("worker = 4", "1: worker is not known; did you mean workers? (keys stand under [gateways])"),
        ("processes = 4", "1: processes is uWSGI's name; here it is workers (keys stand under [gateways])"),
        ("gateways = 4", "1: gateways is a table; write [gateways] and its keys below"),
        ("pool = 4", "1: pool is a table; write [pool.NAME] and its keys below"),
        ("[gateway]", "1: [gateway] is not known; did you mean [gateways]?"),
        ("[pools.shop]", "1: [pools] is not known; did you mean [pool.NAME]?"),
        ("[global]", "1: [global] is not known; here it is [gateways]"),
        ("[uwsgi]", "1: [uwsgi] is not known; here it is [gateways]"),
        ("[www]", "1: [www] is not known; there is [gateways], and a pool is written [pool.www]"),
        ("[[pool]]\nworkers = 1", "1: pool is a table; write [pool.NAME] and its keys below"),
        ("[pool]\nworkers = 4", "2: [pool] 'workers': a pool has a name; write [pool.NAME] above"),
        ("[[pool.shop]]", "1: [pool] 'shop': write [pool.NAME] with single brackets"),
        ("[pool.'a b']", "1: the pool 'a b' cannot be called so; " + NAMES),
        ("[pool.'']", "1: the pool '' cannot be called so; " + NAMES),
    ],
)  # fmt: skip
def test_what_is_at_the_wrong_place(text: str, message: str) -> None:
    assert problem(text) == message


@pytest.mark.parametrize("text", ['"a\\u001b" = 1', '["a\\u001b"]', '[gateways]\n"a\\u001b" = 1', '[pool."a\\u001b"]'])
def test_a_message_is_a_line_that_can_be_printed(text: str) -> None:
    assert problem(text).isprintable()


@pytest.mark.parametrize("name", ["a" * 33, "a.b", "é", "a/b", "\\u001b[31m"])
def test_a_name_that_is_none(name: str) -> None:
    assert problem(f'[pool."{name}"]').isprintable()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("worker = 4", " worker is not known; did you mean workers?"),
        ("aplication = 'a'", " aplication is not known; did you mean application?"),
        ("colour = 'red'", " colour is not known"),
        ("max-requests = 5", " max-requests is not known; did you mean max_requests?"),
        ("pm.max_children = 5", " pm.max_children is php-fpm's name; here it is workers"),
        ("listen.owner = 'a'", " listen.owner is php-fpm's name; here it is socket_owner"),
        ("listen = { owner = 'a' }", " listen.owner is php-fpm's name; here it is socket_owner"),
        ("harakiri = 30", " harakiri is uWSGI's name; here it is request_terminate_timeout"),
        ("bind = ':9000'", " bind is gunicorn's name; here it is http, fastcgi or scgi"),
        ("pid_file = 'x'", " pid_file: there is one for all pools; it belongs under [gateways]"),
        ("socket_mode = 440", ' socket_mode: 440 is a decimal number; write "0440" or 0o440'),
        ("umask = 0x1b", ' umask: 0x1b is not octal; write "0660" or 0o660, for example'),
        ("umask = 1_8", ' umask: 1_8 is not octal; write "0660" or 0o660, for example'),
        ("env = { DEBUG = 0 }", " env: the value of DEBUG is no text; write it in quotes"),
        ("environ.a.b = 'c'", " environ: the value of a is no text; write it in quotes"),
    ],
)
def test_a_key_that_cannot_be_used_here(line: str, message: str) -> None:
    tables, problems = read(f"[pool.x]\n{line}\nworkers = 3\n")
    assert problems == [f"x.toml, line 2: [pool.x]{message}"]
    assert tables.pools["x"].values == {"workers": 3}


@pytest.mark.parametrize("line", ["socket_mode = 0o440", "socket_mode = '440'", "threads = {}", "umask = true"])
def test_what_the_check_of_the_value_decides(line: str) -> None:
    _, problems = read(f"[pool.x]\n{line}\n")
    assert problems == []


def test_the_masters_settings_belong_under_gateways() -> None:
    tables, problems = read("[gateways]\npid_file = 'x'\n")
    assert problems == []
    assert tables.gateways.values == {"pid_file": "x"}

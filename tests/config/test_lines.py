"""Where keys stand: by example, and for documents of every awkward form, as the standard parser understands them."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.config.lines import Path, find_places

toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

AWKWARD = '''\
# [not.a.table]
top = "x" # = y

[gateways]   # comment ] with [ brackets
threads = 8
"quo\\u0074ed key" = 1
'literal.key' = 2
text = """
[pool.fake]
workers = 1
\\""" still "" inside
"""
raw = \'\'\'
a = [ "
b\'\'\'\'\'
list = [  # comment "
  "unix:/a]",
  # "no item",
  ":9000", { x = 1, y = [2,
     3] },
]
pm.max_children = 4
inline = { a = "}", "b.c" = { d = 1 }, e = [] }

[ pool . "shop" ]
workers = 2
  deep . er = 5
when = 1979-05-27 07:32:00Z
[pool.shop.env]
A = "1"
[[many]]
a = 1
[[many]]
a = 2
[many.sub]
b = 3
[[many.inner]]
c = 4
'''


def lines(text: str) -> dict[Path, int]:
    toml.loads(text)
    return {path: place.line for path, place in find_places(text).items()}


def line_of(needle: str) -> int:
    return AWKWARD[: AWKWARD.index(needle)].count("\n") + 1


@pytest.mark.parametrize(
    ("path", "needle"),
    [
        (("top",), "top ="),
        (("gateways",), "[gateways]"),
        (("gateways", "threads"), "threads ="),
        (("gateways", "quoted key"), '"quo'),
        (("gateways", "literal.key"), "'literal"),
        (("gateways", "text"), "text ="),
        (("gateways", "raw"), "raw ="),
        (("gateways", "list"), "list ="),
        (("gateways", "list", 0), '"unix:/a]"'),
        (("gateways", "list", 1), '":9000"'),
        (("gateways", "list", 2, "x"), "{ x"),
        (("gateways", "list", 2, "y", 1), "3] }"),
        (("gateways", "pm"), "pm.max"),
        (("gateways", "pm", "max_children"), "pm.max"),
        (("gateways", "inline", "b.c", "d"), "inline ="),
        (("gateways", "inline", "e"), "inline ="),
        (("pool",), "[ pool"),
        (("pool", "shop"), "[ pool"),
        (("pool", "shop", "workers"), "workers = 2"),
        (("pool", "shop", "deep", "er"), "deep . er"),
        (("pool", "shop", "when"), "when ="),
        (("pool", "shop", "env"), "[pool.shop.env]"),
        (("pool", "shop", "env", "A"), 'A = "1"'),
        (("many", 0, "a"), "a = 1\n[[many]]"),
        (("many", 1, "a"), "a = 2"),
        (("many", 1, "sub", "b"), "b = 3"),
        (("many", 1, "inner", 0, "c"), "c = 4"),
    ],
    ids=str,
)
def test_where_a_key_stands(path: Path, needle: str) -> None:
    assert lines(AWKWARD)[path] == line_of(needle)


def test_what_only_looks_like_a_key_is_none() -> None:
    found = find_places(AWKWARD)
    assert not any("fake" in path or "not" in path for path in found)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0o660", "0o660"),
        ("440  # octal?", "440"),
        ('"0660"  ', '"0660"'),
        ("[ 1, # c\n 2 ]", "[ 1, # c\n 2 ]"),
        ("{ a = 1 }", "{ a = 1 }"),
        ("'''a'''''", "'''a'''''"),
        ("1979-05-27 07:32:00", "1979-05-27 07:32:00"),
        ("true\r", "true"),
    ],
)
def test_how_a_value_is_written(value: str, text: str) -> None:
    assert find_places(f"[a]\nmode = {value}\nnext = 1\n")[("a", "mode")].text == text


@pytest.mark.parametrize("end", ["", "\n", " # end", "\r\n"])
def test_the_end_of_the_document(end: str) -> None:
    assert lines(f"a = 1\nb.c = [2]{end}") == {("a",): 1, ("b",): 2, ("b", "c"): 2, ("b", "c", 0): 2}


def test_nothing() -> None:
    assert find_places("") == find_places("\n# nothing\n") == {}


# Any document

PLAIN_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=6)
BLANK = st.sampled_from(["", "\n", "# a = 1\n", "  # [b]\n\n", "\t\n", "# \"\n# '''\n"])
SPACE = st.sampled_from(["", " ", "\t", "  "])


def quoted(text: str) -> str:
    return '"' + "".join(f"\\u{ord(c):04X}" if c in '"\\' else c for c in text) + '"'


KEY = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,4}", fullmatch=True),
    PLAIN_TEXT.map(quoted),
    PLAIN_TEXT.filter(lambda text: "'" not in text).map(lambda text: f"'{text}'"),
)
BLOCK = st.lists(
    st.sampled_from(["a = 1", "\n", "[b]", "#", '\\"', "\\\\", '"', '""', "'", "''", "x "]), max_size=5
).map("".join)
SCALAR = st.one_of(
    st.sampled_from(["1", "0o17", "-1.5e3", "true", "inf", "1979-05-27T07:32:00Z", "07:32:00", "1979-05-27 07:32:00"]),
    PLAIN_TEXT.map(quoted),
    PLAIN_TEXT.filter(lambda text: "'" not in text).map(lambda text: f"'{text}'"),
    BLOCK.map(lambda text: f'"""{text}"""').filter(lambda text: parses(f"a = {text}")),
    BLOCK.map(lambda text: f"'''{text}'''").filter(lambda text: parses(f"a = {text}")),
)


def parses(text: str) -> bool:
    try:
        toml.loads(text)
    except toml.TOMLDecodeError:
        return False
    return True


@st.composite
def array(draw: st.DrawFn, items: st.SearchStrategy[str]) -> str:
    text = "[" + draw(BLANK)
    for item in draw(st.lists(items, max_size=3)):
        text += item + draw(BLANK) + "," + draw(BLANK)
    return text + "]"


@st.composite
def inline(draw: st.DrawFn, items: st.SearchStrategy[str]) -> str:
    keys = draw(st.lists(KEY, max_size=3, unique_by=lambda key: next(iter(toml.loads(f"{key}=1")))))
    pairs = [f"{draw(SPACE)}{key}{draw(SPACE)}={draw(SPACE)}{draw(items)}{draw(SPACE)}" for key in keys]
    return "{" + ",".join(pairs) + "}"


VALUE = st.recursive(SCALAR, lambda items: array(items) | inline(items), max_leaves=5)


@st.composite
def document(draw: st.DrawFn) -> tuple[str, dict[Path, int]]:
    """Draw a document, and the lines where its keys were written."""
    text = ""
    lines: dict[Path, int] = {}
    tables = draw(st.lists(st.lists(KEY, min_size=1, max_size=3), max_size=3))
    for header in [[], *tables]:
        base: Path = ()
        if header:
            text += draw(BLANK)
            name = f"{draw(SPACE)}.{draw(SPACE)}".join(header)
            before, text = text, text + f"{draw(SPACE)}[{draw(SPACE)}{name}{draw(SPACE)}]{draw(SPACE)}\n"
            if not parses(text):
                text = before
                continue
            base = path_of(name)
            lines[base] = before.count("\n") + 1
        for _ in range(draw(st.integers(0, 3))):
            text += draw(BLANK)
            name = f"{draw(SPACE)}.{draw(SPACE)}".join(draw(st.lists(KEY, min_size=1, max_size=2)))
            before, text = text, text + f"{draw(SPACE)}{name}{draw(SPACE)}={draw(SPACE)}{draw(VALUE)}{draw(SPACE)}\n"
            if parses(text):
                lines[(*base, *path_of(name))] = before.count("\n") + 1
            else:
                text = before
    return text, lines


def path_of(name: str) -> Path:
    path: Path = ()
    tables: Any = toml.loads(f"{name} = 1")
    while isinstance(tables, dict):
        (key,) = tables
        path, tables = (*path, key), tables[key]
    return path


def paths_in(value: object, path: Path = ()) -> set[Path]:
    """Return the paths of all that the parser has found."""
    found = {path} if path else set()
    if isinstance(value, dict):
        for key, item in value.items():
            found |= paths_in(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            found |= paths_in(item, (*path, number))
    return found


@settings(max_examples=60)
@given(document())
def test_every_key_is_found_where_it_was_written(drawn: tuple[str, dict[Path, int]]) -> None:
    text, written = drawn
    found, tables = find_places(text), toml.loads(text)
    assert found.keys() == paths_in(tables)
    assert {path: found[path].line for path in written} == written
    for path in written:
        value: Any = tables
        for key in path:
            value = value[key]
        source = found[path].text
        assert not source or toml.loads(f"a = {source}")["a"] == value

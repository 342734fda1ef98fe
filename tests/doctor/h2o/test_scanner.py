"""The text of YAML files."""

from __future__ import annotations

import pytest

from gateways.doctor.directives import Fault
from gateways.doctor.h2o.scanner import Scanner


def at(text, start=0):
    scanner = Scanner(text, "a")
    scanner.at = start
    return scanner


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("x", 1, 0),
        ("  x", 1, 2),
        ("# no\n\n   # no\n  x", 4, 2),
        ("\ufeffx", 1, 0),
        ("%YAML 1.1\n--- # no\nx", 3, 0),
        ("# no\n---\n- x", 3, 0),
    ],
)
def test_where_the_first_thing_is(text, line, column):
    scanner = Scanner(text, "a")
    assert scanner.skip()
    assert (scanner.line, scanner.column, scanner.where) == (line, column, f"a:{line}")


@pytest.mark.parametrize("text", ["", "\n\n", "# no", "---\n", "...\n", "--- \n# no\n...\nx"])
def test_where_nothing_is(text):
    assert not Scanner(text, "a").skip()


def test_tabs_do_not_indent():
    with pytest.raises(Fault, match="a tab") as caught:
        at("x\n \ty", 1).skip()
    assert caught.value.where == "a:2"
    assert at("x\n\t\ny", 1).skip()
    assert at("x:\ty", 2).skip()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a.b: 1", "a.b"),
        ("/: x", "/"),
        ('"a b:80": x', "a b:80"),
        ("'it''s' : x", "it's"),
        ("http://x: y", "http://x"),
        ("a#b:\n", "a#b"),
        ("a:b", None),
        ("a # b: c", None),
        ('"a\n b": c', None),
        (": x", None),
        ("a", None),
    ],
)
def test_keys(text, key):
    scanner = at(text)
    assert scanner.key() == key
    assert (scanner.at > 0) == (key is not None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a b # no", "a b"),
        ("a\n  b\n\n  c\nd: e", "a b c"),
        ("http://[unix:/run/a]/x", "http://[unix:/run/a]/x"),
        ("|x", "|x"),
    ],
)
def test_scalars(text, value):
    assert at(text).plain(0) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a \\"b\\" \\x41\\u00e9\\n\\q"', 'a "b" A\u00e9\nq'),
        ('"a\n   b"', "a b"),
        ("'a ''b'' \\n'", "a 'b' \\n"),
    ],
)
def test_quoted_scalars(text, value):
    assert at(text).quoted() == value


def test_a_value_that_is_none():
    for text, what in (("@x", "no value begins with @"), ("a\n  b: c", "has a value already")):
        with pytest.raises(Fault, match=what):
            at(text).plain(0)
    with pytest.raises(Fault, match="not closed"):
        at('"x').quoted()
    with pytest.raises(Fault, match="second colon"):
        at("a: b", 1).check_end()


def test_blocks_of_text():
    scanner = at("|\n  a: 1\n\n    b\nc: d")
    assert scanner.block(0) == "a: 1\n\nb"
    assert scanner.skip()
    assert scanner.line == 5
    assert at(">-  # no\n x\n").block(0) == "x"
    empty = at("|\nb: c")
    assert empty.block(0) == ""
    assert empty.skip()
    assert empty.line == 2
    with pytest.raises(Fault, match="more than a value"):
        at("| x").block(0)

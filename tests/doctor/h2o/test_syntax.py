"""h2o's configuration, read."""

from __future__ import annotations

import os
from functools import partial

import pytest

from gateways.doctor.directives import Fault, NotIncluded
from gateways.doctor.h2o.scanner import Beyond
from gateways.doctor.h2o.syntax import Reader
from tests.doctor.asked import check_refusal, read_with

read = partial(read_with, Reader)


def plain(node):
    if node.entries is not None:
        return [(entry.key, plain(entry.node)) for entry in node.entries]
    return node.text if node.items is None else [plain(item) for item in node.items]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", []),
        ("# no\n", []),
        ("a: 1\nb: 'x y'  # no\nc:\n", [("a", "1"), ("b", "x y"), ("c", "")]),
        ("a:\n  b:\n    c: 1\nd: 2\n", [("a", [("b", [("c", "1")])]), ("d", "2")]),
        ("a:\n- 1\n- 2\nb: 3\n", [("a", ["1", "2"]), ("b", "3")]),
        ("a:\n  - b: 1\n    c: 2\n  -\n    d: 3\n  - - 4\n", [("a", [[("b", "1"), ("c", "2")], [("d", "3")], ["4"]])]),
        ("-\n- 1\n", ["", "1"]),
        ("a: [1, 'b', {c: d}, [ ] ]\n", [("a", ["1", "b", [("c", "d")], []])]),
        ("a: { b: 1, 'c':2,\n  d: [e], # no\n  f }\n", [("a", [("b", "1"), ("c", "2"), ("d", ["e"]), ("f", "")])]),
        ("a: [b: 1]\n", [("a", [[("b", "1")]])]),
        ("a: { b: , c: http://d }\n", [("a", [("b", ""), ("c", "http://d")])]),
        ("a: |\n  b: 1\n   - c\nd: 2\n", [("a", "b: 1\n- c"), ("d", "2")]),
        ("a:\n  - |\n    b: 1\n  - c\n", [("a", ["b: 1", "c"])]),
        ("a: b\n  c\nd: e\n", [("a", "b c"), ("d", "e")]),
        ("a: &x\n  b: 1\nc: *x\n", [("a", [("b", "1")]), ("c", [("b", "1")])]),
        ("a: &x 1\nc: *x # no\n", [("a", "1"), ("c", "1")]),
        ("a: &x\n- 1\nc: [*x]\n", [("a", ["1"]), ("c", [["1"]])]),
        ("a: &x\nc: *x\n", [("a", ""), ("c", "")]),
        (
            "a: &x { b: 1, c: 2 }\nd:\n  <<: *x\n  c: 3\n",
            [("a", [("b", "1"), ("c", "2")]), ("d", [("c", "3"), ("b", "1")])],
        ),
        ("a: &x {b: 1}\nc: {<<: [*x, *x], d: 2}\n", [("a", [("b", "1")]), ("c", [("d", "2"), ("b", "1")])]),
        ("a: !!str 1\n", [("a", "1")]),
        ("--- # no\na: 1\n---\nb: 2\n", [("a", "1")]),
        ("listen: 80\nlisten: 443\n", [("listen", "80"), ("listen", "443")]),
        ("a:\r\n  b: 1\r\n", [("a", [("b", "1")])]),
    ],
)
def test_values(tmp_path, text, value):
    (tmp_path / "a.conf").write_bytes(text.encode())
    assert plain(Reader("x").read(str(tmp_path / "a.conf")).root) == value


def test_where_things_are(tmp_path):
    root = read(
        tmp_path / "a.conf", "# no\nhosts:\n  x:\n    listen:\n      - 80\n      - { port: 81,\n   host: y }\n"
    ).root
    listen = root.get("hosts").node.get("x").node.get("listen")
    assert listen.where[-2:] == ":4"
    assert [item.where[-2:] for item in listen.node.items] == [":5", ":6"]
    assert listen.node.items[1].get("host").where[-2:] == ":7"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a:\n\tb: 1\n", 2, "a tab"),
        ("a: 1\n  b: 2\n", 2, "has a value already"),
        ("a: 'x'\n  b: 2\n", 2, "belongs to nothing"),
        ("a:\n    b: 1\n  c: 2\n", 3, "belongs to nothing"),
        ("a:\n  - 1\n   - 2\n  b: 1\n", 4, "belongs to nothing|no colon"),
        ("  a: 1\nb: 2\n", 2, "belongs to nothing"),
        ("a: 1\nb\n", 2, "no colon"),
        ("a: 1\nb:2\n", 2, "no colon"),
        ('hosts:\n  "x:80"\n    listen: 80\n', 3, "belongs to nothing"),
        ("a: b: c\n", 1, "second colon"),
        ("a: 'b' c\n", 1, "more than a value"),
        ("a: [1, 2\nb: 3\n", 1, "is missing"),
        ("a: {b: 1\n", 1, "is missing"),
        ('a: "x\n', 1, "not closed"),
        ("a: - 1\n", 1, "begins in the line of its key"),
        ("hosts:\n  *.example.com:\n    x: 1\n", 2, "what begins with [*] has"),
        ("hosts:\n  a: 1\n  *.example.com:\n    x: 1\n", 3, "in quotation marks"),
        ("a: *x\n", 1, "there is no &x"),
        ("a: @x\n", 1, "no value begins with @"),
        ("a: " + "[" * 3000, 1, "more than 100 blocks"),
        ("- " * 3000 + "\n", 1, "more than 100 blocks"),
    ],
)
def test_what_h2o_would_not_read(tmp_path, text, line, what):
    check_refusal(Reader, tmp_path / "a.conf", text, line, what)


@pytest.mark.parametrize(
    ("text", "line"), [("? a\n: b\n", 1), ("a: 1\n[b]: 2\n", 2), ("a: 1\n&x b: 2\n", 2), ("&x b: 2\n", 1)]
)
def test_what_is_beyond_us(tmp_path, text, line):
    with pytest.raises(Beyond) as caught:
        read(tmp_path / "a.conf", text)
    assert caught.value.where == f"{tmp_path / 'a.conf'}:{line}"


def test_tags_that_are_not_known(tmp_path):
    found = read(tmp_path / "a.conf", "a: 1\nlisten:\n  port: !env PORT\nb: [!x y]\n")
    assert [where[-2:] for where in found.unknown] == [":3", ":4"]
    assert not found.root.get("listen").node.is_known()
    assert found.root.get("a").node.is_known()


def test_included_files(tmp_path):
    main, ssl = tmp_path / "h2o.conf", tmp_path / "ssl.conf"
    ssl.write_text("port: 443\n")
    main.write_text("listen: !file ssl.conf\nother:\n  <<: !file ssl.conf\n  host: x\nhosts: !file no.conf\n")
    reader = Reader(str(ssl))
    root = reader.read(str(main)).root
    assert reader.met
    assert plain(root)[:2] == [("listen", [("port", "443")]), ("other", [("host", "x"), ("port", "443")])]
    assert root.get("listen").node.get("port").asked
    assert not root.get("listen").asked
    assert not root.get("hosts").node.is_known()
    assert reader.not_included == [NotIncluded(f"{main}:5", "!file no.conf", False)]
    ssl.write_text("a: !file h2o.conf\n")
    with pytest.raises(Fault, match="without an end"):
        Reader("x").read(str(main))


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = Reader("x")
    (tmp_path / "a.conf").write_text("a: !file pipe\nb: 1\n")
    assert reader.read(str(tmp_path / "a.conf")).root.scalar("b") == "1"
    assert [one.error is not None for one in reader.not_included] == [True]


def test_much_of_it_is_read_in_one_go(tmp_path):
    """With a mark that tries every way it takes minutes."""
    for text in (
        "# x\n" * 100_000,
        "a: |\n" + "   \n" * 100_000,
        "a:\n" + "  b: c d e # f\n" * 20_000,
        "a: " + "x " * 100_000,
    ):
        read(tmp_path / "a.conf", text)

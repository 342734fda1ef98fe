"""A Caddyfile, read."""

from __future__ import annotations

import os
from functools import partial

import pytest

from gateways.doctor.caddy import syntax
from gateways.doctor.caddy.syntax import GLOBAL, SITE, Reader
from gateways.doctor.directives import Fault, NotIncluded
from tests.doctor.asked import check_refusal, read_with, shown

read = partial(read_with, Reader)


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        (
            "a.org {\n\troot * /srv # no\n\tfile_server\n}\n",
            [(SITE, "a.org", [("root", "*", "/srv"), ("file_server",)])],
        ),
        ("a.org, b.org,\nc.org {\n}\n", [(SITE, "a.org", "b.org", "c.org", [])]),
        ("a.org\nfile_server\nencode gzip\n", [(SITE, "a.org", [("file_server",), ("encode", "gzip")])]),
        ("a.org\n\nhandle {\n\tfile_server\n}\n", [(SITE, "a.org", [("handle", [("file_server",)])])]),
        ("{\n\tadmin off\n}\n:80 {\n}\n", [(GLOBAL, [("admin", "off")]), (SITE, ":80", [])]),
        ("a {\n\tx one \\\n\t\ttwo\n\ty\n}\n", [(SITE, "a", [("x", "one", "two"), ("y",)])]),
        ('a {\n\tx "b {" `c "d"` "e\\"f" g"h\n}\n', [(SITE, "a", [("x", "b {", 'c "d"', 'e"f', 'g"h')])]),
        ('a {\n\tx "b\nc" d\n\ty\n}\n', [(SITE, "a", [("x", "b\nc", "d"), ("y",)])]),
        ("a {\n\tx <<END\n\tb {\n\tEND 200\n\ty\n}\n", [(SITE, "a", [("x", "\tb {", "200"), ("y",)])]),
        ("a {\r\n\tx {path}#b\r\n}\r\n", [(SITE, "a", [("x", "{path}#b")])]),
        ("reverse_proxy a {\n\tto b\n}\n", [(SITE, [("reverse_proxy", "a", [("to", "b")])])]),
        ("@a path /x\nhandle @a\n", [(SITE, [("@a", "path", "/x"), ("handle", "@a")])]),
        ("&(a) {\n\tx\n}\n", [(SITE, "&(a)", [("x",)])]),
        ("(a) {\n\tx\n}\n", [(SITE, "a", [("x",)])]),
        ("a {\n\thandle {\n\t}\n", [(SITE, "a", [("handle", [])])]),
        ("a b", [(SITE, "a", "b", [])]),
        ("", []),
        ("a {\n\tx \\", [(SITE, "a", [])]),
    ],
)
def test_what_is_read(tmp_path, text, blocks):
    if text.endswith("\\"):
        with pytest.raises(Fault, match="not closed"):
            read(tmp_path / "a", text)
    else:
        assert shown(read(tmp_path / "a", text)) == blocks


def test_lines(tmp_path):
    path = tmp_path / "a"
    [site] = read(path, '\n\na {\n\tx "b\nc"\n\ty \\\n\tz\n\thandle {\n\t\tw\n\t}\n}\n').children
    assert [one.where for one in site.walk()] == [f"{path}:{line}" for line in (4, 6, 8, 9)]


def test_snippets(tmp_path):
    text = (
        "(log) {\n\tlog {args[0]}\n\tx {args.1}:{args[1]} {args[9]}\n\ty {args[:]} {args[1:]}\n}\n"
        "(two) {\n\timport log {args[0]} 2\n}\na {\n\timport log b c\n\thandle {\n\t\timport two d\n\t}\n}\n"
    )
    [site] = read(tmp_path / "a", text).children
    assert shown(site) == [
        ("log", "b"),
        ("x", "c:c", "{args[9]}"),
        ("y", "b", "c", "c"),
        ("handle", [("log", "d"), ("x", "2:2", "{args[9]}"), ("y", "d", "2", "2")]),
    ]
    sites = "(s) {\n\ta {\n\t\tx {args[0]}\n\t}\n}\nimport s 1\n"
    assert shown(read(tmp_path / "a", sites)) == [(SITE, "a", [("x", "1")])]
    block = "(s) {\n\tx\n}\na {\n\timport s {\n\t\tz\n\t}\n\ty\n}\n"
    assert shown(read(tmp_path / "a", block)) == [(SITE, "a", [("x",), ("y",)])]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a {\n\tx\n", 1, "{ of a is not closed"),
        ("a {\n\thandle {\n\t\troute {\n}\n", 1, "{ of a is not closed"),
        ("a {\n\thandle {\n\t}\nb.org {\n}\n", 1, "{ of a is not closed"),
        ("a {\n\thandle {\n\t\trespond x\n\n", 1, "{ of a is not closed"),
        ("a {\n}\n}\n", 3, "closes nothing"),
        ("a\nx\n}\n", 3, "closes nothing"),
        ("a{\n}\n", 1, "space is missing before"),
        ("a {\n\thandle{\n\t}\n}\n", 2, "space is missing before"),
        ("a,b {\n}\n", 1, "space is missing behind the comma"),
        ("a {\n\thandle\n\t{\n\t}\n}\n", 3, "at the beginning of a line"),
        ("a {\n\thandle { x }\n}\n", 2, "x stands behind the {"),
        ('a {\n\tx "b\n}\n', 2, '" is not closed'),
        ("a {\n\tx <<END\n}\n", 2, "has no end"),
        ("a {\n\tfile_server {}\n}\n", 2, "is no block"),
        ("a {\n\timport\n}\n", 2, "import without"),
        ("(a) {\n\timport a\n}\nb {\n\timport a\n}\n", 2, "without an end"),
        ("a {\n" * 3000 + "}\n" * 3000, 101, "more than 100 blocks"),
    ],
)
def test_what_caddy_would_not_read(tmp_path, text, line, what):
    check_refusal(Reader, tmp_path / "a", text, line, what)


def test_snippets_that_make_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(syntax, "_MOST_TOKENS", 100)
    text = "(a) {\n\tx\n\tx\n}\n" + "".join(
        f"({name}) {{\n" + f"\timport {before}\n" * 9 + "}\n" for before, name in ("ab", "bc", "cd")
    )
    with pytest.raises(Fault, match="more than 100 words"):
        read(tmp_path / "a", f"{text}x {{\n\timport d\n}}\n")


def test_included_files(tmp_path):
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "1.caddyfile").write_text("b {\n\timport app 9\n\timport part {args[0]}\n}\n")
    (tmp_path / "sites" / "part").write_text("x {args[0]}\n")
    main = tmp_path / "Caddyfile"
    main.write_text(
        "(app) {\n\ty {args[0]}\n}\nimport sites/*.caddyfile z\nimport no\nimport none/*\nimport {env.A}\na\nx\n"
    )
    reader = Reader(str(tmp_path / "sites" / "1.caddyfile"))
    root = reader.read(str(main))
    assert shown(root) == [(SITE, "b", [("y", "9"), ("x", "z")]), (SITE, "a", [("x",)])]
    assert [one.asked for one in root.walk()] == [True, True, True, False, False]
    assert reader.met
    assert reader.not_included == [NotIncluded(f"{main}:5", "import no", False)]
    (tmp_path / "sites" / "part").write_text("import part\n")
    with pytest.raises(Fault, match="without an end"):
        Reader("x").read(str(main))


def test_what_is_no_file_is_not_waited_for(tmp_path):
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a").write_text("import d\nimport pipe\na {\n\tx\n}\n")
    reader = Reader("x")
    assert len(reader.read(str(tmp_path / "a")).children or ()) == 1
    assert [one.where[-2:] for one in reader.not_included if one.error] == [":1", ":2"]

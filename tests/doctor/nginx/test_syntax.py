"""nginx's configuration, read."""

from __future__ import annotations

import os
from functools import partial

import pytest

from gateways.doctor.directives import Fault
from gateways.doctor.nginx import syntax
from gateways.doctor.nginx.syntax import Reader, is_dump
from tests.doctor.asked import check_refusal, read_with, shown

read = partial(read_with, Reader)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b;", [("a", "b")]),
        ("a;b 'x;y' \"z {\" ;", [("a",), ("b", "x;y", "z {")]),
        ("a { b c; d { } }", [("a", [("b", "c"), ("d", [])])]),
        ("# a;\na b # c;\n;", [("a", "b")]),
        ("a ${b}c d#e;", [("a", "${b}c", "d#e")]),
        (r'map $a $b { "~(:\d+)$" $1; default ""; }', [("map", "$a", "$b", [(r"~(:\d+)$", "$1"), ("default", "")])]),
        (r"a b\ c \;;", [("a", "b c", ";")]),
        (r"location ~ (?s)^(?<m>/app)(?<p>/.*)?$ { }", [("location", "~", r"(?s)^(?<m>/app)(?<p>/.*)?$", [])]),
        ("x_by_lua_block { local a = { 1 }; } b;", [("x_by_lua_block",), ("b",)]),
        ("x_by_lua_block { say('}') --}\n } b;", [("x_by_lua_block",), ("b",)]),
        ('x_by_lua_block { say("\\"}") --[[ }\n } ]] } b;', [("x_by_lua_block",), ("b",)]),
        ("x_by_lua_block { say([==[ ]] } ]==]) } b;", [("x_by_lua_block",), ("b",)]),
        ("x_by_lua_block { say([[ } b;", [("x_by_lua_block",)]),
        ("", []),
    ],
)
def test_texts(tmp_path, text, expected):
    assert shown(read(tmp_path / "a.conf", text)) == expected


def test_lines(tmp_path):
    root = read(tmp_path / "a.conf", "a;\n\nb {\n  c\n   d;\n}\n'x\ny' z; e;")
    assert [(one.name, one.line) for one in root.walk()] == [("a", 1), ("b", 3), ("c", 4), ("x\ny", 7), ("e", 8)]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a {\n b;\n", 1, "is not closed"),
        ("a;\n}\n", 2, "closes nothing"),
        ("a {\n b c\n}\n", 2, "semicolon is missing after b c"),
        ("a;\nb c", 2, "semicolon is missing after b c"),
        ("a;\nb 'c;\n", 2, "quotation mark"),
        ("{ }", 1, "without a name"),
        ("a {" * 3000 + "}" * 3000, 1, "more than 100 blocks"),
        ("server {\n root /a\n listen 80;\n}", 2, "semicolon is missing after root /a"),
    ],
)
def test_what_nginx_would_not_read(tmp_path, text, line, what):
    check_refusal(Reader, tmp_path / "a.conf", text, line, what)


def test_included_files_stand_in_their_places(tmp_path, monkeypatch):
    monkeypatch.setattr(syntax, "USUAL_PLACE", str(tmp_path / "usual"))
    (tmp_path / "usual").mkdir()
    (tmp_path / "usual" / "params").write_text("p 1;\n")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.conf").write_text("one;\n")
    (tmp_path / "d" / "2.conf").write_text("two;\n")
    reader = Reader(str(tmp_path / "d" / "2.conf"))
    main = tmp_path / "nginx.conf"
    main.write_text("http { include d/*.conf; include params; include nothing; include no/*.conf; x; }")
    root = reader.read(str(main))
    assert shown(root) == [("http", [("one",), ("two",), ("p", "1"), ("x",)])]
    assert [one.name for one in root.walk() if one.asked] == ["two"]
    assert [one.line for one in reader.not_included] == ["include nothing"]


def test_files_that_include_each_other(tmp_path):
    (tmp_path / "b.conf").write_text("include a.conf;")
    with pytest.raises(Fault, match="without an end"):
        read(tmp_path / "a.conf", "include b.conf;")


def test_what_is_no_file_is_not_waited_for(tmp_path):
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "pipe")
    reader = Reader(str(tmp_path / "a"))
    (tmp_path / "a").write_text("include d; include pipe; x;")
    assert shown(reader.read(str(tmp_path / "a"))) == [("x",)]
    assert [one.line for one in reader.not_included if one.error] == ["include d", "include pipe"]


def test_a_dump_of_another_machine(tmp_path):
    """Names of files begin where nginx.conf was there."""
    path = tmp_path / "dump"
    path.write_text(
        "# configuration file /opt/nginx/nginx.conf:\ninclude servers.conf;\n\n"
        "# configuration file /opt/nginx/servers.conf:\nserver { }\n"
    )
    reader = Reader(str(path))
    assert shown(reader.read(str(path))) == [("server", [])]
    assert reader.not_included == []


def test_what_nginx_writes_itself(tmp_path):
    text = (
        "nginx: configuration file test is successful\n# configuration file /etc/nginx/nginx.conf:\n"
        "http {\n include conf.d/*.conf;\n}\n\n# configuration file /etc/nginx/conf.d/a.conf:\n"
        "server {\n listen 80;\n}\n"
    )
    assert is_dump(text)
    assert not is_dump("server { }")
    path = tmp_path / "dump"
    path.write_text(text)
    root = Reader(str(path)).read(str(path))
    assert shown(root) == [("http", [("server", [("listen", "80")])])]
    assert [one.where for one in root.walk() if one.name == "listen"] == ["/etc/nginx/conf.d/a.conf:2"]
    assert all(one.asked for one in root.walk())

"""Apache's configuration, read."""

from __future__ import annotations

from functools import partial

import pytest

from gateways.doctor import directives
from gateways.doctor.apache.syntax import Reader
from gateways.doctor.directives import Fault
from tests.doctor.asked import check_refusal, read_with, shown

read = partial(read_with, Reader)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Alias /a /b", [("alias", "/a", "/b")]),
        ('  Alias\t/a  \'/b c\' "d \\" e"  \n# no\n\n', [("alias", "/a", "/b c", 'd " e')]),
        ("<Location />\n A b\n</Location>", [("location", "/", [("a", "b")])]),
        ('<Proxy "fcgi://x" ttl=60>\n</Proxy>', [("proxy", "fcgi://x", "ttl=60", [])]),
        ("A b \\\n  c\nD", [("a", "b", "c"), ("d",)]),
        ("A b\\\nc \\\r\n d\n# e\\\nf\nG \\", [("a", "bc", "d"), ("g", "\\")]),
        ("A\n# b \\", [("a",)]),
        ("<IfModule mod_x.c>\nA\n<Else>\nB\n</Else>\n</IfModule>", [("a",)]),
        ("<IfModule !mod_x.c>\nA\n</IfModule>\n<IfDefine X>\nB\n</IfDefine>\n<IfDefine !X>\nC\n</IfDefine>", [("c",)]),
        ("<IfVersion >= 2.4>\n<Location /a>\nA\n</Location>\n</IfVersion>", [("location", "/a", [("a",)])]),
        (
            "Define NAME /srv\nAlias /a ${NAME}/b ${OTHER}",
            [("define", "NAME", "/srv"), ("alias", "/a", "/srv/b", "${OTHER}")],
        ),
        ("", []),
    ],
)
def test_texts(tmp_path, text, expected):
    assert shown(read(tmp_path / "a.conf", text)) == expected


def test_lines(tmp_path):
    root = read(tmp_path / "a.conf", "A\n\nB \\\n b\nC\n")
    assert [(one.name, one.line) for one in root.walk()] == [("a", 1), ("b", 3), ("c", 5)]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("<Location />\nA\n", 1, "<location> is not closed"),
        ("A\n</Location>\n", 2, "closes nothing"),
        ("<Location />\n</Directory>\n", 2, "closes <location> of line 1"),
        ("<Location /\n", 1, "without its >"),
        ("<Location />\n" * 3000 + "</Location>\n" * 3000, 101, "more than 100 blocks"),
        ("<IfModule !x>\n</IfDefine>\n", 2, "closes <ifmodule>"),
    ],
)
def test_what_apache_would_not_read(tmp_path, text, line, what):
    check_refusal(Reader, tmp_path / "a.conf", text, line, what)


def test_included_files_stand_in_their_places(tmp_path):
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "a.conf").write_text("A\n")
    (tmp_path / "sites" / "b.conf").write_text("User ${NAME}\n")
    (tmp_path / "envvars").write_text("export NAME=web\n# export OTHER=x\n")
    main = tmp_path / "apache2.conf"
    main.write_text("IncludeOptional sites/*.conf\nInclude nothing.conf\nIncludeOptional no.conf\nC\n")
    reader = Reader(str(tmp_path / "sites" / "b.conf"))
    root = reader.read(str(main))
    assert shown(root) == [("a",), ("user", "web"), ("c",)]
    assert [one.name for one in root.walk() if one.asked] == ["user"]
    assert [one.line for one in reader.not_included] == ["Include nothing.conf"]


def test_too_many_files(tmp_path, monkeypatch):
    (tmp_path / "b.conf").write_text("A\n")
    monkeypatch.setattr(directives, "MOST_FILES", 3)
    assert shown(read(tmp_path / "a.conf", "Include b.conf\n" * 2)) == [("a",), ("a",)]
    with pytest.raises(Fault, match="more than 3 files"):
        read(tmp_path / "a.conf", "Include b.conf\n" * 3)


def test_files_that_include_each_other(tmp_path):
    (tmp_path / "b.conf").write_text("Include a.conf\n")
    with pytest.raises(Fault, match="without an end"):
        read(tmp_path / "a.conf", "Include b.conf\n")

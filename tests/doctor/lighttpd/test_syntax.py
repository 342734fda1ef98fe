"""lighttpd's configuration, read."""

from __future__ import annotations

import os
from functools import partial

import pytest

from gateways.doctor.directives import Fault, NotIncluded
from gateways.doctor.lighttpd.syntax import Array, Reader
from tests.doctor.asked import check_refusal, read_with

read = partial(read_with, Reader)


def plain(value):
    return (
        [(item.key, plain(item.value)) if item.key else plain(item.value) for item in value]
        if isinstance(value, Array)
        else value
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.b = 3", 3),
        ('a.b = "x y" # no', "x y"),
        ("a.b = enable", "enable"),
        ('a.b = ( "x", "y", )', ["x", "y"]),
        ('a.b = ( "x" => "y" )', [("x", "y")]),
        ('a.b = ( "/" => (( "port" => 1, ),\n( "port" => 2 )))', [("/", [[("port", 1)], [("port", 2)]])]),
        ('a.b = "x" + "y" + 3', "xy3"),
        ('a.b = ( "x" ) + ( "y" )', ["x", "y"]),
        ('var.x = "v"\na.b = var.x + "/w"', "v/w"),
        ('var.x = ( "v" )\nvar.x += ( "w" )\na.b = var.x', ["v", "w"]),
        ("a.b = ( )", []),
        ("a.b = \u00b2", "\u00b2"),
        ("a.b = " + "1" * 5000, "1" * 5000),
    ],
)
def test_values(tmp_path, text, value):
    setting = read(tmp_path / "a.conf", text).in_force("a.b", ())
    assert setting is not None
    assert plain(setting.value) == value


def test_conditions(tmp_path):
    configuration = read(
        tmp_path / "a.conf",
        'a.b = 1\n$HTTP["host"] == "x" {\n a.b = 2\n $HTTP["url"] =~ "^/{y}" { a.b = 3 }\n'
        ' else $HTTP["url"] =^ "/z" { a.b = 4 }\n'
        ' else { a.b = 5 }\n}\n$SERVER["socket"] == ":81" { c.d = 6 }\n',
    )
    assert [(one.value, len(one.conditions)) for one in configuration.settings] == [
        (1, 0),
        (2, 1),
        (3, 2),
        (4, 2),
        (5, 2),
        (6, 1),
    ]
    third = configuration.settings[2].conditions
    assert [(one.subject, one.operator, one.value) for one in third] == [
        ("$HTTP[host]", "==", "x"),
        ("$HTTP[url]", "=~", "^/{y}"),
    ]
    assert [configuration.in_force("a.b", third[:depth]).value for depth in range(3)] == [1, 2, 3]
    assert configuration.in_force("c.d", third) is None


def test_what_stands_later_outside_counts_less(tmp_path):
    configuration = read(tmp_path / "a.conf", '$HTTP["url"] == "/" { a.b = 1\n a.b = 2 }\na.b = 3\n')
    assert configuration.in_force("a.b", configuration.settings[0].conditions).value == 2


def test_arrays_that_are_put_together(tmp_path):
    configuration = read(tmp_path / "a.conf", 'server.modules = ( "a" )\nserver.modules += ( "b" )\n')
    assert [item.value for item in configuration.elements("server.modules")] == ["a", "b"]
    assert [item.where[-2:] for item in configuration.elements("server.modules", ())] == [":1", ":2"]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a.b\n", 1, "is expected"),
        ("a.b 3\n", 1, "has no = behind it"),
        ("a.b = 1\n}\n", 2, "closes nothing"),
        ('$HTTP["url"] == "/" {\na.b = 1\n', 2, "is not closed"),
        ('a.b = ( "x" "y" )\n', 1, "a comma"),
        ("a.b = ( 1\n", 1, "a comma"),
        ('$HTTP["url"] == "/" {\n' * 3000 + "}\n" * 3000, 102, "more than 100 blocks"),
        ("a.b = " + "(" * 3000 + ")" * 3000, 1, "more than 100 blocks"),
        ("a.b = )\n", 1, "where a value is expected"),
        ('a.b = "x\n', 1, "not lighttpd's language"),
    ],
)
def test_what_lighttpd_would_not_read(tmp_path, text, line, what):
    check_refusal(Reader, tmp_path / "a.conf", text, line, what)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.conf").write_text('include "d"\ninclude "pipe"\na.b = 1\n')
    reader = Reader("x")
    assert len(reader.read(str(tmp_path / "a.conf")).settings) == 1
    assert [one.where[-2:] for one in reader.not_included if one.error] == [":1", ":2"]


def test_included_files(tmp_path):
    (tmp_path / "conf-enabled").mkdir()
    (tmp_path / "conf-enabled" / "1.conf").write_text("a.b = 1\n")
    (tmp_path / "2.conf").write_text("a.c = 2\n")
    main = tmp_path / "lighttpd.conf"
    main.write_text(
        'include "2.conf"\ninclude_shell "/usr/share/lighttpd/include-conf-enabled.pl"\n'
        'include_shell "x.pl"\ninclude "no.conf"\n'
    )
    reader = Reader(str(tmp_path / "2.conf"))
    configuration = reader.read(str(main))
    assert [(one.name, one.asked) for one in configuration.settings] == [("a.c", True), ("a.b", False)]
    assert reader.not_included == [NotIncluded(f"{main}:4", 'include "no.conf"', False)]
    (tmp_path / "2.conf").write_text('include "lighttpd.conf"\n')
    with pytest.raises(Fault, match="without an end"):
        Reader("x").read(str(main))

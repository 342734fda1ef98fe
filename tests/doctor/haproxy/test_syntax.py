"""HAProxy's configuration, read."""

from __future__ import annotations

from functools import partial

import pytest

from gateways.doctor.haproxy.syntax import Reader, split
from tests.doctor.asked import check_refusal, findings, read_with

read = partial(read_with, Reader)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  # all", []),
        ("bind :80 # here", ["bind", ":80"]),
        ("bind\t:80#here", ["bind", ":80"]),
        (r"path-info ^(/.+\.php)(/.*)?$", ["path-info", r"^(/.+\.php)(/.*)?$"]),
        (r"a b\ c \# \\ \x41\n", ["a", "b c", "#", "\\", "A\n"]),
        (r"""a 'b "c" \d' "e 'f' \" \\ #" g"h"'i'""", ["a", r'b "c" \d', "e 'f' \" \\ #", "ghi"]),
        ('a ""', ["a", ""]),
        ('a "${PORT-80}" "$HOST:1"', ["a", "80", "$HOST:1"]),
        ("a b\r", ["a", "b"]),
        ("a b\\", ["a", "b\\"]),
        ("a \udcff", ["a", "\udcff"]),
    ],
)
def test_words(text, words):
    assert split(text, "") == words


def test_sections(tmp_path):
    text = (
        "global\n user x\ndefaults\n mode http\nfrontend a # b\n no option x\n option y\n .if defined(Z)\nbackend b\n"
    )
    configuration = read(tmp_path / "a.cfg", text)
    assert [(section.kind, section.name) for section in configuration.sections] == [
        ("global", ""), ("defaults", ""), ("frontend", "a"), ("backend", "b"),
    ]  # fmt: skip
    frontend = configuration.named("a", "frontend")
    assert [(line.text, line.negated, line.where[-2:]) for line in frontend.lines] == [
        ("option x", True, ":6"),
        ("option y", False, ":7"),
    ]
    assert configuration.word("user") == "x"
    assert configuration.word("chroot") == ""
    assert configuration.named("c", "frontend") is None


def test_lines_of_several_names_are_in_their_order(tmp_path):
    text = "frontend a\n redirect x\n http-request y\n bind z\n redirect w\n"
    [section] = read(tmp_path / "a.cfg", text).sections
    assert [line.word(1) for line in section.all("http-request", "redirect")] == ["x", "y", "w"]
    assert list(section.all("acl", "server")) == []


def test_what_is_inherited(tmp_path):
    text = """\
defaults one
    mode tcp
    option a
    timeout server 1s
defaults two from one
    mode http
    no option a
    default option c
frontend a
    timeout server 2s
    timeout server 3s
backend b from one
backend c from none
defaults three
backend d
"""
    configuration = read(tmp_path / "a.cfg", text)
    a, b, c, d = configuration.all("frontend", "backend")
    assert [section.defaults and section.defaults.name for section in (a, b, c, d)] == ["two", "one", None, "three"]
    assert (a.setting("mode").text, b.setting("mode").text, d.setting("mode")) == ("mode http", "mode tcp", None)
    assert a.setting("option", "a") is None
    assert b.setting("option", "a").where[-2:] == ":3"
    assert a.setting("option", "c") is None
    assert a.setting("timeout", "server").word(2) == "3s"
    assert [line.text for line in a.inherited("mode")] == ["mode tcp", "mode http"]
    assert b.name == "b"


def test_a_condition(tmp_path):
    configuration = read(
        tmp_path / "a.cfg", "frontend a\n use_backend b if x !y\n redirect scheme https unless z\n bind :1\n"
    )
    assert [line.condition for line in configuration.sections[0].lines] == [("if", "x", "!y"), ("unless", "z"), ()]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("frontend a\n bind 'x\n", 2, "a quote is not closed"),
        ("# x\nmode http\n", 2, "before the first section"),
        ("frontend a\n bind :80", 2, "no line feed at its end"),
    ],
)
def test_what_haproxy_would_not_read(tmp_path, text, line, what):
    check_refusal(Reader, tmp_path / "a.cfg", text, line, what)


def test_a_part_of_a_directory(tmp_path):
    """``haproxy -f haproxy.cfg -f conf.d`` reads the files one behind the other."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "haproxy.cfg").write_text("defaults\n mode http\n option forwardfor\n")
    (tmp_path / "conf.d" / "1.cfg").write_text("frontend a\n bind :80\n default_backend b\n")
    (tmp_path / "conf.d" / "3.cfg").mkdir()
    part = tmp_path / "conf.d" / "2.cfg"
    assert [finding.code for finding in findings(part, "backend b\n server x 10.0.0.1:80\n")] == ["configuration-read"]
    found = findings(part, "backend c\n server x 10.0.0.1:80\n")
    assert [(finding.code, finding.where) for finding in found] == [("route-absent", f"{part}:1")]
    reader = Reader(str(part))
    assert len(reader.read(str(tmp_path / "haproxy.cfg")).sections) == 3
    assert [error.where for error in reader.not_included] == [f"{tmp_path / 'conf.d' / '3.cfg'}:1"]


def test_a_part_alone(tmp_path):
    """What is in the other files is not known."""
    [finding] = findings(tmp_path / "a.cfg", "frontend a\n bind :80\n default_backend b\n")
    assert (finding.code, finding.severity) == ("name-absent", "warning")
    text = "frontend a\n bind :80\n default_backend b\nbackend b\n use-fcgi-app c\n server x 10.0.0.1:80 proto fcgi\n"
    assert {finding.code for finding in findings(tmp_path / "a.cfg", text)} == {"name-absent", "body-unmeasured"}


def test_a_whole_one_beside_another(tmp_path):
    (tmp_path / "haproxy.cfg").write_text("defaults\n mode http\n")
    reader = Reader(str(tmp_path / "a.cfg"))
    (tmp_path / "a.cfg").write_text("global\n")
    assert [section.kind for section in reader.read(str(tmp_path / "haproxy.cfg")).sections] == ["global"]
    (tmp_path / "a.cfg").write_text("backend b\n")
    assert [
        section.kind for section in Reader(str(tmp_path / "a.cfg")).read(str(tmp_path / "haproxy.cfg")).sections
    ] == [
        "defaults",
        "backend",
    ]

"""Conditions: ACLs and paths."""

from __future__ import annotations

import pytest

from gateways.doctor.haproxy.conditions import PathTest, Term, alternatives, number_above, path_tests, unknown_names
from gateways.doctor.haproxy.syntax import Line, Section, split


def words(text):
    return tuple(text.split())


def section(*acls):
    return Section(Line(("frontend", "a"), "", True), None, [Line(tuple(split(acl, "")), "", True) for acl in acls])


def test_alternatives():
    assert alternatives(words("if a !b { path /x } or ! c || !{ d }")) == [
        [Term("a", (), False), Term("b", (), True), Term("", ("path", "/x"), False)],
        [Term("c", (), True)],
        [Term("", ("d",), True)],
    ]
    assert alternatives(()) == [[]]
    assert alternatives(("if", "{", "path")) == [[Term("", ("path",), False)]]


def test_names():
    line = Line(words("use_backend b if a !b or TRUE METH_GET { path /c } {d"), "", True)
    assert list(unknown_names(line, section("acl a path /"))) == ["b", "{d"]


@pytest.mark.parametrize(
    ("words", "test"),
    [
        ("path /a /b", PathTest("str", ("/a", "/b"))),
        ("path -i -- /a", PathTest("str", ("/a",))),
        ("path_beg -i /a", PathTest("beg", ("/a",))),
        ("path -m beg /a", PathTest("beg", ("/a",))),
        ("path,url_dec -m str /a", PathTest("str", ("/a",))),
        ("path_beg -f /etc/list", None),
        ("path_reg ^/a", None),
        ("path_beg", None),
        ("hdr(host) /a", None),
        ("", None),
    ],
)
def test_paths(words, test):
    assert path_tests(Term("", tuple(words.split()), False), section()) == (None if test is None else [test])


def test_paths_by_name():
    declared = section("acl a path /x", "acl a path_beg /y", "acl b path /x", "acl b hdr(host) z")
    assert path_tests(Term("a", (), False), declared) == [PathTest("str", ("/x",)), PathTest("beg", ("/y",))]
    for term in (Term("a", (), True), Term("b", (), False), Term("c", (), False)):
        assert path_tests(term, declared) is None


def test_numbers():
    declared = section("acl large req.body_size gt 100")
    assert number_above(Term("large", (), False), declared) == ("req.body_size", 100)
    assert number_above(Term("", ("hdr(content-length)", "-m", "int", "ge", "7"), False), declared) == (
        "hdr(content-length)",
        7,
    )
    for term in (Term("large", (), True), Term("other", (), False), Term("", ("req.body_size", "lt", "1"), False)):
        assert number_above(term, declared) is None

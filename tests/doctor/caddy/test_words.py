"""The words of a Caddyfile."""

from __future__ import annotations

import pytest

from gateways.doctor.caddy.words import Token, filled, tokens_of
from gateways.doctor.directives import Fault


def of(text):
    return [(token.text, token.line, token.row) for token in tokens_of(text, "a", False)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b#c # d\n#e\nf", [("a", 1, 0), ("b#c", 1, 0), ("f", 3, 2)]),
        ("a \\\nb\nc", [("a", 1, 0), ("b", 2, 0), ("c", 3, 1)]),
        ("a\\\nb c\\d", [("a", 1, 0), ("b", 2, 0), ("c\\d", 2, 0)]),
        ('"a\nb" c\nd', [("a\nb", 1, 0), ("c", 2, 0), ("d", 3, 1)]),
        ('"a\\"b\\c"d', [('a"b\\c', 1, 0), ("d", 1, 0)]),
        ('`a"b\\c`', [('a"b\\c', 1, 0)]),
        ("<<A\n b\n A c\nd", [(" b", 1, 0), ("c", 3, 0), ("d", 4, 1)]),
        ("<<A b", [("<<A", 1, 0), ("b", 1, 0)]),
        ("\ufeffa\r\nb", [("a", 1, 0), ("b", 2, 1)]),
        ("a \\", [("a", 1, 0), ("\\", 1, 0)]),
        ("", []),
    ],
)
def test_words(text, words):
    assert of(text) == words


@pytest.mark.parametrize("text", ['a\n"b', "a\n`b", "a\n<<B\nc"])
def test_what_has_no_end(text):
    with pytest.raises(Fault) as caught:
        of(text)
    assert caught.value.where == "a:2"


def test_quotation_marks_make_a_brace_a_word():
    first, second = tokens_of('"{" {', "a", False)
    assert (first.is_word("{"), second.is_word("{")) == (False, True)
    assert first.where == "a:1"


def test_the_environment(monkeypatch):
    monkeypatch.setenv("GATEWAYS_A", "b c")
    monkeypatch.delenv("GATEWAYS_B", raising=False)
    text = "{$GATEWAYS_A} {$GATEWAYS_A:z} {$GATEWAYS_B:d e} {$GATEWAYS_B:} {$GATEWAYS_B} {env.A} {$}"
    assert [word for word, _, _ in of(text)] == ["b", "c", "b", "c", "d", "e", "{$GATEWAYS_B}", "{env.A}", "{$}"]
    monkeypatch.setenv("GATEWAYS_A", "b\nc")
    assert of("{$GATEWAYS_A}") == [("{$GATEWAYS_A}", 1, 0)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{args[0]}", ["x"]),
        ("a{args.1}b{args[0]}", ["aybx"]),
        ("{args[7]}", ["{args[7]}"]),
        ("{args[:]}", ["x", "y"]),
        ("{args[1:]}", ["y"]),
        ("{args[2:]}", []),
        ("a", ["a"]),
    ],
)
def test_arguments(text, words):
    token = Token(text, "a", 1, 0, False, False)
    assert [one.text for one in filled(token, ["x", "y"], False)] == words
    assert all(one.asked for one in filled(token, ["x", "y"], True))

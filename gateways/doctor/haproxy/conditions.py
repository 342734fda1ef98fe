"""Conditions of HAProxy: the ACLs that they name, and the paths that they are about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateways.doctor.haproxy.syntax import Line, Section

#: Those that are there without an ``acl`` line.
PREDEFINED = frozenset(
    {
        *("TRUE", "FALSE", "LOCALHOST", "HTTP", "HTTP_1.0", "HTTP_1.1", "HTTP_2.0", "HTTP_3.0", "HTTP_CONTENT"),
        *("HTTP_URL_ABS", "HTTP_URL_SLASH", "HTTP_URL_STAR", "METH_CONNECT", "METH_DELETE", "METH_GET", "METH_HEAD"),
        *("METH_OPTIONS", "METH_PATCH", "METH_POST", "METH_PUT", "METH_TRACE", "RDP_COOKIE", "REQ_CONTENT"),
        "WAIT_END",
    }
)
_OR = ("or", "||")
#: Flags of an ACL that have a word behind them.
_WITH_VALUE = ("-m", "-M", "-u")


@dataclass(frozen=True)
class Term:
    """One ACL in a condition: its ``name``, or the ``words`` between braces."""

    name: str
    words: tuple[str, ...]
    negated: bool


@dataclass(frozen=True)
class PathTest:
    """Paths that begin with one of the ``values`` (``kind`` is "beg"), or are one of them ("str")."""

    kind: str
    values: tuple[str, ...]


def alternatives(condition: tuple[str, ...]) -> list[list[Term]]:
    """Return the terms of a condition: one list for each side of an ``or``."""
    sides: list[list[Term]] = [[]]
    words = iter(condition[1:])
    negated = False
    for word in words:
        if word in _OR:
            sides.append([])
            continue
        while word.startswith("!"):
            negated, word = not negated, word[1:]
        if word == "{":
            sides[-1].append(Term("", tuple(_until_brace(words)), negated))
        elif word:
            sides[-1].append(Term(word, (), negated))
        else:
            continue  # "! name"
        negated = False
    return sides


def unknown_names(line: Line, section: Section) -> Iterator[str]:
    """Give the names of ACLs in the condition of a line that the section does not declare."""
    known = {acl.word(1) for acl in section.all("acl")} | PREDEFINED
    for side in alternatives(line.condition):
        for term in side:
            if term.name and term.name not in known:
                yield term.name


def path_tests(term: Term, section: Section) -> list[PathTest] | None:
    """Return what a term says of the path, any of which is enough; None if it is about something else as well."""
    if term.negated:
        return None
    criteria = [acl.words[2:] for acl in section.all("acl") if acl.word(1) == term.name] if term.name else [term.words]
    tests = [_path_test(words) for words in criteria]
    found = [test for test in tests if test is not None]
    return found if found and len(found) == len(tests) else None


def number_above(term: Term, section: Section) -> tuple[str, int] | None:
    """Return the criterion and the number of a term such as ``req.body_size gt 1000``."""
    for words in [acl.words[2:] for acl in section.all("acl") if acl.word(1) == term.name] or [term.words]:
        if not term.negated and words and words[-1].isdecimal() and ("gt" in words or "ge" in words):
            return words[0], int(words[-1][:18])
    return None


def _path_test(words: tuple[str, ...]) -> PathTest | None:
    if not words:
        return None
    fetch, kind = words[0].partition(",")[0], ""
    if fetch in ("path_beg", "path_str", "path_dir", "path_reg", "path_end", "path_sub", "path_len"):
        fetch, kind = "path", fetch[5:]
    values: list[str] = []
    rest = iter(words[1:])
    for word in rest:
        if word in _WITH_VALUE:
            kind = next(rest, "") if word == "-m" else kind
        elif word == "-f":
            return None
        elif word != "--" and (values or not word.startswith("-")):
            values.append(word)
    if fetch != "path" or not values or kind not in ("", "str", "beg"):
        return None
    return PathTest(kind or "str", tuple(values))


def _until_brace(words: Iterator[str]) -> Iterator[str]:
    for word in words:
        if word == "}":
            return
        yield word

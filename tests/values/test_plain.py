"""The kinds of values: what each takes from text and from Python, what it refuses, and how it shows a default."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gateways.values import (
    Address,
    Choice,
    Duration,
    EnvironPair,
    Kind,
    Many,
    Mode,
    MountPath,
    Number,
    Pair,
    RequestPath,
    Size,
    Switch,
    Text,
)

NUMBER = Number(1, 100)
SIZE = Size(0, 1 << 40)
DURATION = Duration(0.01)
FILE = Text("FILE", "a file name", off=True)
NAME = Text("NAME", "a name")


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (NUMBER, "1", 1),
        (NUMBER, "007", 7),
        (NUMBER, 100, 100),
        (SIZE, "0", 0),
        (SIZE, "64k", 65536),
        (SIZE, "64K", 65536),
        (SIZE, "1M", 1048576),
        (SIZE, "2G", 2147483648),
        (SIZE, 10, 10),
        (DURATION, "30", 30.0),
        (DURATION, "30s", 30.0),
        (DURATION, "1.5s", 1.5),
        (DURATION, "500ms", 0.5),
        (DURATION, "2m", 120.0),
        (DURATION, "1h", 3600.0),
        (DURATION, 5, 5.0),
        (DURATION, 0.25, 0.25),
        (Mode(), "0660", 0o660),
        (Mode(), "660", 0o660),
        (Mode(), "0o660", 0o660),
        (Mode(), 0o600, 0o600),
        (Choice("LEVEL", "a", "b"), "b", "b"),
        (Switch(), "Yes", True),
        (Switch(), "0", False),
        (Switch(), True, True),
        (FILE, "-", "-"),
        (FILE, "off", None),
        (FILE, None, None),
        (FILE, Path("/a/b"), "/a/b"),
        (NAME, "off", "off"),
        (NAME, 33, "33"),
        (NAME, None, None),
        (Address(), ":9000", ":9000"),
        (MountPath(), "/app", "/app"),
        (MountPath(), "/app/", "/app"),
        (MountPath(), "/", ""),
        (MountPath(), "", ""),
        (MountPath(), None, None),
        (RequestPath(), "/", "/"),
        (RequestPath(), "/health/?a=b", "/health/?a=b"),
        (Pair(), "A=b=c", ("A", "b=c")),
        (Pair(), "A=", ("A", "")),
        (Pair(), ("A", "b"), ("A", "b")),
        (Pair(), ["A", "b"], ("A", "b")),
        (Many(NUMBER), ["1", 2], (1, 2)),
        (Many(NUMBER), (), ()),
        (Many(NAME), "alone", ("alone",)),
        (Many(NAME), Path("/a"), ("/a",)),
        (Many(NAME), (name for name in "ab"), ("a", "b")),
        (Many(Pair()), {"A": "b", "C": "d"}, (("A", "b"), ("C", "d"))),
    ],
)
def test_what_is_allowed_is_read(kind: Kind, given: object, value: object) -> None:
    read = kind.read(given)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        *((NUMBER, given) for given in ("", "0", "101", "-1", "+1", " 1", "1_0", "1.0", "x", "٣", "9" * 5000)),
        *((NUMBER, given) for given in (1.0, True, None)),
        *((SIZE, given) for given in ("k", "1kB", "1.5k", "-1", "1 k", "2T", "99999G", None, 1.5)),
        *((DURATION, given) for given in ("", "s", "1d", "1 s", "-1", "1e3", "inf", "nan", "0", "25h", ".5", "1m30s")),
        *((DURATION, given) for given in (math.inf, math.nan, -1, 0, True, None, [1])),
        *((Mode(), given) for given in ("", "0860", "888", "01777", "rw", "-1", 660, None)),
        *((Choice("LEVEL", "a", "b"), given) for given in ("", "A", "c", None, 1, ["a"])),
        *((Switch(), given) for given in ("", "y", "2", 1, None)),
        *((FILE, given) for given in ("", "a\nb", "a\0b", "\x7f", b"a", 1.5, True, [])),
        *((Address(), given) for given in ("nowhere", "", 9000, None)),
        *((MountPath(), given) for given in ("app", "/a\nb", 5)),
        *((RequestPath(), given) for given in ("", "health", "/a\nb", None, 5)),
        *((Pair(), given) for given in ("A", "=b", "A\n=b", "A=\0", "")),
        *((EnvironPair(), given) for given in ("A", "wsgi.input=1", "WSGI.url_scheme=1", ("wsgi.input", "1"))),
        *((Pair(), given) for given in (("A",), ("A", 1), ("A", "b", "c"), ("A=", "b"), None, 5)),
        *((Many(NUMBER), given) for given in (5, None, "x", [1, 0], [[1]])),
        (Many(Pair()), "AB"),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_refused(kind: Kind, given: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # who reads it adds the text
        kind.read(given)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (NUMBER, 8, "8"),
        (SIZE, 0, "0"),
        (SIZE, 262144, "256k"),
        (SIZE, 1048576, "1M"),
        (SIZE, 1000, "1000"),
        (DURATION, 30.0, "30s"),
        (DURATION, 0.01, "0.01s"),
        (Mode(), 0o660, "0660"),
        (Choice("LEVEL", "a"), "a", "a"),
        (Switch(), False, "no"),
        (FILE, None, "none"),
        (MountPath(), None, "none"),
        (MountPath(), "", "/"),
        (RequestPath(), "/a", "/a"),
        (Many(NUMBER), (), "none"),
        (Many(NUMBER), (1, 2), "1 2"),
    ],
)
def test_a_value_is_shown_as_a_person_gives_it(kind: Kind, value: object, text: str) -> None:
    assert kind.show(value) == text


# Paths, and values from two places

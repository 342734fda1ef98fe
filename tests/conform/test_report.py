"""The table and the JSON document."""

from __future__ import annotations

import json

from gateways.addresses import parse_address
from gateways.conform.case import DIFFERS, FAIL, PASS, Case, Fair
from gateways.conform.report import Table, as_json, summary
from gateways.conform.runner import Backend, Result

CASE = Case("F01", "a request that is sent with many words, to fill its column", "an answer", ())


def test_cells_are_wrapped_within_their_columns() -> None:
    lines = Table(80).row(Result(CASE, PASS, "200")).splitlines()
    assert lines == [
        "F01  pass     a request that is     an answer             200",
        "              sent with many words,",
        "              to fill its column",
    ]
    assert Table(80).heading().split() == ["sent", "right", "came"]


def test_colours() -> None:
    assert "\x1b[31;1mfail\x1b[0m" in Table(80, colours=True).row(Result(CASE, FAIL, "200"))
    assert "\x1b" not in Table(80).row(Result(CASE, FAIL, "200"))


def test_a_narrow_terminal_is_as_wide_as_it_has_to_be() -> None:
    assert Table(10).row(Result(CASE, DIFFERS, "200")).startswith("F01  differs")


def test_the_sum() -> None:
    results = [Result(CASE, grade, "") for grade in (PASS, PASS, FAIL)]
    assert summary(results, 3) == "2 pass, 0 differ, 1 fail"
    assert summary(results, 5) == "2 pass, 0 differ, 1 fail; 2 not run: the backend serves no more"


def test_json() -> None:
    backend = Backend("fastcgi", parse_address(":9000"), Fair(), 1.0, frozenset((200,)), strict=True)
    document = json.loads(as_json(backend, [Result(CASE, DIFFERS, "\x1b \u20ac")], 2))
    assert document["cases"] == [
        {"number": "F01", "grade": "differs", "sent": CASE.sent, "right": CASE.right, "came": "\x1b \u20ac"}
    ]
    assert (document["protocol"], document["address"], document["echo"]) == ("fastcgi", "127.0.0.1:9000", True)
    assert (document["pass"], document["differs"], document["fail"], document["not_run"]) == (0, 1, 0, 1)

"""What is printed of findings."""

from __future__ import annotations

import json

from gateways.doctor.findings import ERROR, NOTE, OK, WARNING, Finding
from gateways.doctor.report import as_json, as_line, summary, worst_first

BAD = Finding("script-mode", ERROR, "/a.cgi", "it is not executable", "chmod 755 /a.cgi")
ODD = Finding("script-path", WARNING, "/a.cgi", "it is odd")
GOOD = Finding("answered", OK, "/a.cgi", "it answered 200")


def test_a_line_has_cause_remedy_and_code() -> None:
    assert as_line(BAD) == "error: /a.cgi: it is not executable; chmod 755 /a.cgi [script-mode]"
    assert as_line(ODD) == "warning: /a.cgi: it is odd [script-path]"


def test_json_has_every_field() -> None:
    answer = json.loads(as_json([BAD, ODD]))
    assert answer["errors"] == 1
    assert answer["findings"][0] == {
        "code": "script-mode",
        "severity": "error",
        "where": "/a.cgi",
        "what": "it is not executable",
        "remedy": "chmod 755 /a.cgi",
    }
    assert json.loads(as_json([])) == {"errors": 0, "findings": []}


def test_the_worst_comes_first_once_and_without_praise() -> None:
    note = Finding("n", NOTE, "/a", "so")
    assert worst_first([GOOD, note, ODD, BAD, BAD]) == [BAD, ODD, note]
    assert worst_first([GOOD, ODD]) == [ODD, GOOD]


def test_the_summary_counts() -> None:
    assert summary([BAD, ODD, ODD]) == "1 error and 2 warnings"
    assert summary([GOOD]) == "nothing wrong was found"

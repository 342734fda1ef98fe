"""Findings are single lines that can be printed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gateways.doctor import findings
from gateways.doctor.findings import ERROR, WARNING, Finding, appended, declare, one_line, quoted


@pytest.fixture(autouse=True)
def codes(monkeypatch: pytest.MonkeyPatch) -> dict[str, findings.Code]:
    known: dict[str, findings.Code] = {}
    monkeypatch.setattr(findings, "CODES", known)
    return known


def test_a_code_makes_findings(codes: dict[str, findings.Code]) -> None:
    code = declare("x-absent", ERROR, "It is not there.")
    assert codes == {"x-absent": code}
    assert code.found("/x", "x is absent", "touch /x") == Finding("x-absent", ERROR, "/x", "x is absent", "touch /x")
    assert code.found("/x", "x is absent", severity=WARNING).severity == WARNING


def test_a_code_stands_for_one_fault() -> None:
    declare("x-absent", ERROR, "It is not there.")
    with pytest.raises(ValueError, match="x-absent"):
        declare("x-absent", ERROR, "Another.")
    with pytest.raises(ValueError, match="severity"):
        declare("x-other", "terrible", "Another.")


def test_what_a_program_said_cannot_reach_the_terminal() -> None:
    code = declare("x-noise", ERROR, "Noise.")
    finding = code.found("/tmp/a\nb", "it says \x1b[2J\r\n and \udcff", "rm\u202e")
    assert finding.where == "/tmp/a b"
    assert finding.what == "it says \\x1b[2J\\r  and \\xff"
    assert finding.remedy == "rm\\u202e"


@pytest.mark.parametrize(
    ("text", "limit", "line"),
    [("one\n", 0, "one"), ("one\ntwo\n\n", 0, "one two"), ("abcdefghij", 8, "abcde..."), ("abcdefgh", 8, "abcdefgh")],
)
def test_one_line(text: str, limit: int, line: str) -> None:
    assert one_line(text, limit) == line


@pytest.mark.parametrize("text", ["", "one\n", "one"])
def test_lines_are_appended_as_lines(tmp_path: Path, text: str) -> None:
    path = tmp_path / "it's a file"
    path.write_text(text)
    subprocess.run(["sh", "-c", appended(str(path), "it's 2", r"%s\n")], check=True)
    assert path.read_text().split("\n") == [*text.split("\n"), "it's 2", r"%s\n", ""]


def test_a_quotation_is_bounded() -> None:
    assert quoted(b"\xff\0") == '"\\xff\\x00"'
    assert len(quoted("x" * 10000)) == findings.MAX_QUOTED + 2

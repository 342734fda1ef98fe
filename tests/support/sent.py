"""The cases of ``gateways conform`` for tests of ours that look at more than what comes back: logs, memory, environ."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateways.conform.case import Fair
from gateways.conform.runner import cases_of, not_run

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

_PROTOCOLS = {"A": "ajp", "F": "fastcgi", "H": "http", "S": "scgi", "U": "uwsgi"}


def sent(numbers: str, *, then: tuple[object, ...] = ()) -> list[ParameterSet]:
    """Return a parameter of a test for each trial of cases such as ``"S03 S04"``: its bytes, and ``then`` behind it."""
    found = []
    for case in cases_of(_PROTOCOLS[numbers[0]], Fair(), numbers.split()):
        for index, trial in enumerate(case.trials):
            data = b"".join([step for step in trial.steps if isinstance(step, bytes)])
            found.append(pytest.param(data, *then, id=f"{case.number}-{index}" if index else case.number))
    return found


def untested(letter: str, *files: str | Path) -> list[str]:
    """Return the numbers of a protocol's cases that no name or parameter of a test in these files has."""
    protocol = _PROTOCOLS[letter]
    wanted = {case.number for case in cases_of(protocol, Fair())} | set(not_run(protocol, Fair()))
    lines = [line for file in files for line in Path(file).read_text(encoding="utf-8").splitlines()]
    named = [line for line in lines if re.search(r"def test|ids?=|sent\(", line)]
    found = {number for line in named for number in re.findall(rf"(?<![A-Za-z0-9]){letter}[0-9]{{2}}(?![0-9])", line)}
    return sorted(wanted - found)

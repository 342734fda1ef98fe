"""Every number of AJP13 is a case, or has a reason why it cannot be run."""

from __future__ import annotations

from gateways.conform.case import Fair
from gateways.conform.cases_ajp import NOT_RUN, cases


def test_every_number_is_there_once() -> None:
    """A14 is about a secret: it needs one."""
    numbers = [case.number for case in cases(Fair(secret="s"))]
    assert sorted([*numbers, *NOT_RUN]) == [f"A{number:02}" for number in range(1, 24)]
    assert "A14" not in [case.number for case in cases(Fair())]

"""Every number of HTTP is a case, or has a reason why it cannot be run."""

from __future__ import annotations

from gateways.conform.case import Fair
from gateways.conform.cases_http import NOT_RUN, cases


def test_every_number_is_there_once() -> None:
    numbers = [case.number for case in cases(Fair())]
    assert sorted([*numbers, *NOT_RUN]) == [f"H{number:02}" for number in range(1, 41)]
    assert numbers == sorted(numbers)

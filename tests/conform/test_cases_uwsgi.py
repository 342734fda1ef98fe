"""Every number of uwsgi is a case, or has a reason why it cannot be run."""

from __future__ import annotations

from gateways.conform.case import Fair
from gateways.conform.cases_uwsgi import NOT_RUN, cases


def test_every_number_is_there_once() -> None:
    numbers = [case.number for case in cases(Fair())]
    assert sorted([*numbers, *NOT_RUN]) == [f"U{number:02}" for number in range(1, 26)]
    assert numbers == sorted(numbers)

"""Every number of FastCGI is a case, or has a reason why it cannot be run."""

from __future__ import annotations

from gateways.conform.case import Fair
from gateways.conform.cases_fastcgi import NOT_RUN, cases


def test_every_number_is_there_once() -> None:
    numbers = [case.number for case in cases(Fair())]
    assert sorted([*numbers, *NOT_RUN]) == [f"F{number:02}" for number in range(1, 61)]
    assert numbers == sorted(numbers)


def test_every_case_says_what_is_sent_and_what_is_right() -> None:
    for case in cases(Fair()):
        assert case.trials, case.number
        assert case.sent, case.number
        assert case.right, case.number

"""The list of differences: every one has a reason, is about something, and is in the documentation."""

from __future__ import annotations

import pytest

from tests.live import report
from tests.live.deployments import DEPLOYMENTS
from tests.live.differences import DIFFERENCES, VARIABLES, Difference, Variable, applies


@pytest.mark.parametrize("row", [*DIFFERENCES, *VARIABLES], ids=str)
def test_every_difference_has_a_reason(row: Difference | Variable) -> None:
    assert row.why.endswith(".")
    assert any(applies(row, deployment) for deployment in DEPLOYMENTS)


def test_the_documentation_has_them_all() -> None:
    assert report.PAGE.read_text() == report.page(), "run: python -m tests.live.report"

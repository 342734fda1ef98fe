"""The list of differences: every one has a reason, is about something, and is in the documentation."""

from __future__ import annotations

import pytest

from tests.live import report
from tests.live.deployments import DEPLOYMENTS
from tests.live.differences import DIFFERENCES, VARIABLES, Difference, Variable, applies
from tests.live.features import FEATURES, all_tests, belongs, proofs
from tests.tools import matrix

ALL = [feature for features in FEATURES.values() for feature in features]


@pytest.mark.parametrize("row", [*DIFFERENCES, *VARIABLES], ids=str)
def test_every_difference_has_a_reason(row: Difference | Variable) -> None:
    assert row.why.endswith(".")
    assert any(applies(row, deployment) for deployment in DEPLOYMENTS)


@pytest.mark.parametrize("row", DIFFERENCES, ids=str)
def test_every_difference_is_about_a_feature(row: Difference) -> None:
    assert any(belongs(row, feature) for feature in ALL), "tests/live/features.py"


def test_every_test_of_a_deployment_shows_a_feature() -> None:
    shown = {test for feature in ALL for test in proofs(feature)}
    assert set(all_tests()) - shown == set(), "tests/live/features.py"


def test_every_feature_has_its_tests() -> None:
    names = all_tests()
    for feature in ALL:
        assert proofs(feature), feature.title
        for test in feature.tests:
            assert test in names or test.endswith(".*"), test


def test_the_documentation_has_them_all() -> None:
    assert report.PAGE.read_text() == report.page(), "run: python -m tests.live.report"


def test_the_matrix_is_what_the_tests_hold_to_be_true() -> None:
    assert matrix.PAGE.read_text() == matrix.page(), "run: python -m tests.tools.matrix"


def test_a_test_that_fails_is_in_its_cell() -> None:
    """So `--run` cannot write that all is well."""
    feature, deployment = ALL[0], DEPLOYMENTS[0]
    failed = {(proofs(feature)[0], deployment.name)}
    assert matrix.cell(feature, deployment, failed) == "**FAILED**: requests.method"
    assert matrix.page(failed) != matrix.page()

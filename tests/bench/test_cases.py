"""The list of cases: every name in it leads somewhere."""

from __future__ import annotations

import pytest

from tests.bench.backends import APPS, ROOT, ours
from tests.bench.cases import every
from tests.bench.model import METRICS, Case
from tests.bench.rounds import quick

CASES = list(every().values())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rows_have_keys_of_their_own(case: Case):
    keys = [row.key for row in case.rows]
    assert sorted(set(keys)) == sorted(keys)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_references_are_rows(case: Case):
    assert set(case.references) <= {row.backend.id for row in case.rows}
    assert case.ratio in METRICS


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ours_and_somebody_to_compare_with(case: Case):
    assert any(row.backend.source for row in case.rows)
    assert case.references or case.name == "idle"  # no peer holds so many connections


def test_quick_is_short():
    case = every()["hello"]
    assert 0 < len(quick(case).rows) < len(case.rows)
    assert quick(every()["one"]) == every()["one"]


def test_the_pure_rows_switch_the_c_part_off():
    assert ours(c=False).environ == {"GATEWAYS_PURE": "1"}
    assert ours().environ == {}


def test_every_case_is_explained():
    text = (ROOT / "docs/reference/benchmarks/README.md").read_text(encoding="utf-8")
    assert [name for name in every() if f"`{name}`" not in text] == []


def test_applications_answer(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(APPS))
    import mixed  # type: ignore[import-not-found]

    (tmp_path / "file").write_bytes(b"12345")
    monkeypatch.setattr(mixed, "FILE", str(tmp_path / "file"))
    answers = {}
    for name in ("quick", "1MiB", "file"):
        environ = {"REQUEST_URI": f"/b1/{name}"}
        answers[name] = sum(len(block) for block in mixed.application(environ, lambda status, headers: None))
    assert answers == {"quick": 13, "1MiB": 1 << 20, "file": 5}

"""What the tests of the benchmark share: a case with made-up figures."""

from __future__ import annotations

import pytest

from tests.bench.backends import ROOT, Backend
from tests.bench.model import Case, Outcome, Row
from tests.bench.stage import behind_nginx


def never(*_: object) -> dict[str, float]:
    raise AssertionError("nothing is measured here")


@pytest.fixture
def outcome() -> Outcome:
    """Ours at half of the cost of a peer in each of three rounds, while the machine gets slower."""
    rows = (
        Row(Backend("c1", "gateways, C & <fast>", "FastCGI, kept", ("true",), source=ROOT), never),
        Row(Backend("peer", "peer", "uwsgi", ("true",)), never),
        Row(Backend("absent", "absent", "uwsgi", ("true",), missing="pip install absent"), never),
        Row(Backend("broken", "broken", "uwsgi", ("true",)), never),
    )
    return Outcome(
        Case("made-up", "Made up", rows, behind_nginx, ("peer",)),
        samples={
            "c1": [{"cost": 10.0, "p99": 1.0}, {"cost": 20.0, "p99": 2.0}, {"cost": 45.0, "p99": 9.0}],
            "peer": [{"cost": 20.0}, {"cost": 40.0}, {"cost": 60.0}],
        },
        missing={"absent (uwsgi)": "pip install absent"},
        failed={"broken (uwsgi)": "broken answers 500\nand a traceback"},
    )

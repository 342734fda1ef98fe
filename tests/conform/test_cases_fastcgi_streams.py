"""The cases about streams differ from a fair request in one thing each."""

from __future__ import annotations

from gateways.conform.case import Fair
from gateways.conform.cases_fastcgi_streams import bodies, parameters, streams
from tests.support import wire
from tests.support.backends import parse_pairs


def params_of(data: bytes) -> dict[bytes, bytes]:
    """The variables of request 1, as the tests' own reader sees them."""
    block = b"".join([item.content for item in wire.parse_records(data) if item.type == wire.PARAMS])
    return dict(parse_pairs(block))


def test_a_stream_has_the_same_value_however_it_is_cut() -> None:
    fair = Fair()
    found = {case.number: case.trials[0].steps[0] for case in streams(fair)}
    for number in ("F15", "F16", "F17", "F44"):
        data = found[number]
        assert isinstance(data, bytes)
        assert dict(fair.post(5)).items() <= params_of(data).items()
    padded = found["F15"]
    assert isinstance(padded, bytes)
    assert {len(item.padding) for item in wire.parse_records(padded)} == {0, 255}


def test_all_numbers_are_different() -> None:
    numbers = [case.number for part in (streams, parameters, bodies) for case in part(Fair())]
    assert len(set(numbers)) == len(numbers)

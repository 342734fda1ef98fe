"""Records and packets of others, in any segmentation."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters.ajp import packets as ajp
from gateways.adapters.cutting import Cutter, Measure
from gateways.adapters.fastcgi import records as fcgi
from tests.support import wire

AJP: Measure = partial(ajp.measure, ajp.FROM_WEB_SERVER)
RECORDS = [wire.record(wire.BEGIN, 1, bytes(8)), wire.record(wire.STDIN, 1, b"hello", 3), wire.record(wire.STDIN, 1)]
PACKETS = [wire.ajp_packet(b"\x0a"), wire.ajp_packet(b""), wire.ajp_packet(bytes(300))]


@pytest.mark.parametrize(("measure", "units"), [(fcgi.measure, RECORDS), (AJP, PACKETS)])
@given(size=st.integers(1, 400))
def test_any_segmentation_gives_the_same(measure: Measure, units: list[bytes], size: int) -> None:
    cutter = Cutter(measure)
    data = b"".join(units)
    assert [unit for start in range(0, len(data), size) for unit in cutter.feed(data[start : start + size])] == units
    assert (cutter.pending, cutter.foreign) == (0, b"")


@pytest.mark.parametrize(("measure", "unit"), [(fcgi.measure, RECORDS[1]), (AJP, PACKETS[2])])
def test_what_is_half_here_is_pending(measure: Measure, unit: bytes) -> None:
    for end in range(1, len(unit)):
        cutter = Cutter(measure)
        assert list(cutter.feed(unit[:end])) == []
        assert cutter.pending == end


@pytest.mark.parametrize(("measure", "unit"), [(fcgi.measure, RECORDS[0]), (AJP, PACKETS[0])])
def test_what_is_none_is_not_kept(measure: Measure, unit: bytes) -> None:
    cutter = Cutter(measure)
    assert list(cutter.feed(unit + b"GET / HTTP/1.1" + bytes(1000))) == [unit]
    assert cutter.foreign.startswith(b"GET / HTTP/1.1\0")
    assert len(cutter.foreign) == 512
    assert list(cutter.feed(unit + bytes(100_000))) == []
    assert cutter.pending == 0

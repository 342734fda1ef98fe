"""gateways.adapters.fastcgi.management: what is answered to records that concern no request."""

from __future__ import annotations

import pytest

from gateways.adapters.fastcgi import management
from gateways.errors import ProtocolError
from tests.support import wire

ASKED = [(b"FCGI_MPXS_CONNS", b""), (b"FCGI_MAX_CONNS", b""), (b"UNHEARD", b""), (b"FCGI_MAX_REQS", b"")]


@pytest.mark.parametrize("multiplexes", [False, True])
def test_F05_values(multiplexes: bool) -> None:
    [record] = wire.parse_records(management.answer(wire.GET_VALUES, wire.pairs(ASKED), 8, multiplexes))
    known = [(b"FCGI_MPXS_CONNS", b"%d" % multiplexes), (b"FCGI_MAX_CONNS", b"8"), (b"FCGI_MAX_REQS", b"8")]
    assert (record.type, record.id, record.content) == (wire.GET_VALUES_RESULT, 0, wire.pairs(known))


def test_F04_an_unknown_type_is_named_back() -> None:
    assert list(wire.parse_records(management.answer(99, b"?", 1))) == [
        wire.Record(wire.UNKNOWN_TYPE, 0, bytes([99, 0, 0, 0, 0, 0, 0, 0]))
    ]


def test_F06_F10_what_nobody_may_send() -> None:
    with pytest.raises(ProtocolError, match="in GET_VALUES"):
        management.answer(wire.GET_VALUES, b"\x80\0", 1)
    with pytest.raises(ProtocolError, match="type 1 with request id 0"):
        management.answer(wire.BEGIN, bytes(8), 1)

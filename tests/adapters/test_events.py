"""gateways.adapters.events: what parsers yield, and the limits they are given."""

from __future__ import annotations

from gateways.adapters.events import Limits, Request


def test_default_limits_are_the_documented_ones() -> None:
    limits = Limits()
    assert (limits.size, limits.count) == (256 * 1024, 1000)


def test_a_request_keeps_the_wire_order() -> None:
    variables = [(b"B", b"1"), (b"A", b"2"), (b"B", b"3")]
    request = Request(variables, keep=True)
    assert request.variables == variables
    assert request.keep

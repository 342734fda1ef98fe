"""The fair requests of each protocol are what its parser takes."""

from __future__ import annotations

import pytest

from gateways.adapters.events import Limits, Request
from gateways.conform.case import Fair
from gateways.conform.fair import REQUESTS
from gateways.conform.runner import READERS
from gateways.server.transports import TRANSPORTS


@pytest.mark.parametrize("protocol", READERS)
def test_a_get_and_a_post(protocol: str) -> None:
    methods = []
    for data in REQUESTS[protocol](Fair("/page?x=1", secret="word")):
        limits = Limits()
        limits.secret = b"word"
        connection = TRANSPORTS[protocol].make(limits, 1)
        connection.receive_data(data)
        event = connection.next_event()
        assert isinstance(event, Request)
        variables = dict(event.variables)
        assert variables[b"REQUEST_URI"] == b"/page?x=1"
        methods.append((variables[b"REQUEST_METHOD"], connection.next_event()))
    assert methods[1] == (b"POST", b"hello")
    assert methods[0][0] == b"GET"

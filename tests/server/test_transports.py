"""The table of transports."""

from __future__ import annotations

import pytest

from gateways.adapters.events import Limits
from gateways.client.transports import TRANSPORTS as CLIENTS
from gateways.server.transports import TRANSPORTS
from gateways.settings.serving import LISTENERS


def test_each_has_a_setting_that_opens_listeners() -> None:
    assert tuple(TRANSPORTS) == LISTENERS


def test_each_is_spoken_by_the_client() -> None:
    assert {name: transport.name for name, transport in TRANSPORTS.items()} == {
        name: connection.name for name, connection in CLIENTS.items()
    }


@pytest.mark.parametrize("name", TRANSPORTS)
def test_its_parser_calls_itself_the_same(name: str) -> None:
    transport = TRANSPORTS[name]
    assert transport.make(Limits(), 1).name == transport.name

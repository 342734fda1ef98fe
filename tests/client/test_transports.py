"""The table of the client's transports."""

from __future__ import annotations

import pytest

from gateways.client.transports import TRANSPORTS


@pytest.mark.parametrize("name", TRANSPORTS)
def test_a_new_connection_has_not_been_answered(name: str) -> None:
    assert not TRANSPORTS[name]().answered

"""Where a process listens."""

from __future__ import annotations

import pytest

from gateways.errors import ConfigError
from gateways.settings import Settings
from gateways.settings.listening import LISTENERS


@pytest.mark.parametrize("name", LISTENERS)
def test_each_protocol_takes_several_addresses(name: str) -> None:
    addresses = ("unix:/run/app.sock", "127.0.0.1:9000")
    assert getattr(Settings(**{name: addresses}), name) == addresses
    with pytest.raises(ConfigError, match=f"{name}.*nowhere"):
        Settings(**{name: ("nowhere",)})


@pytest.mark.parametrize(("name", "offered"), [("fastcgi", False), ("ajp", False), ("http", True), ("listen", True)])
def test_posthooks_are_offered_where_HTTP_may_come(name: str, offered: bool) -> None:
    address = {name: ("127.0.0.1:9000",)}
    assert Settings(**address).posthooks is offered
    assert Settings(**address, posthooks=not offered).posthooks is not offered

"""The table of transports."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gateways.adapters.events import Limits
from gateways.client.transports import TRANSPORTS as CLIENTS
from gateways.errors import ConfigError
from gateways.server.transports import ANY, TRANSPORTS
from gateways.settings.listening import LISTENERS


def test_each_has_a_setting_that_opens_listeners() -> None:
    assert tuple(TRANSPORTS) == LISTENERS


def test_each_is_spoken_by_the_client() -> None:
    assert {name: transport.name for name, transport in TRANSPORTS.items() if name != ANY} == {
        name: connection.name for name, connection in CLIENTS.items()
    }


@pytest.mark.parametrize("name", TRANSPORTS)
def test_its_parser_calls_itself_the_same(name: str) -> None:
    transport = TRANSPORTS[name]
    assert transport.make(Limits(), 1).name == transport.name


def test_a_server_without_HTTP_does_not_load_it() -> None:
    code = "import sys, gateways.server.worker, gateways.server.opening; print([*sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "gateways.server.transports" in loaded
    assert "gateways.adapters.http" not in loaded
    assert "'h11'" not in loaded


def test_a_port_for_any_protocol_loads_it_before_anyone_connects() -> None:
    pytest.importorskip("h11")
    code = "import sys; from gateways.server.transports import ANY, TRANSPORTS; TRANSPORTS[ANY].require()"
    code += "; print('h11' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"True\n"


def test_a_port_for_any_protocol_does_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h11", None)
    TRANSPORTS[ANY].require()
    with pytest.raises(ConfigError):
        TRANSPORTS["http"].require()

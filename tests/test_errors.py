"""The errors: each exit code means one thing, and frameworks see a broken connection as one."""

from __future__ import annotations

import re

import pytest

from gateways import errors
from gateways.errors import BackendTimeout, ClientDisconnected, ConnectError, GatewayError, ProtocolError
from tests.support import source

ALL = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, GatewayError)]


def test_an_exit_code_belongs_to_one_error() -> None:
    own = [error.exit_code for error in ALL if "exit_code" in vars(error)]
    assert len(own) == len(set(own))
    assert not {0, 22, 130} & set(own)  # success, what get says of an HTTP error, Ctrl-C


@pytest.mark.parametrize("error", ALL)
def test_the_manual_explains_every_exit_code(error: type[GatewayError]) -> None:
    manual = (source.CHECKOUT / "docs" / "reference" / "command-line.md").read_text("utf-8")
    assert re.search(rf"^\| {error.exit_code} \|", manual, re.MULTILINE)


def test_a_protocol_error_carries_the_status_to_answer() -> None:
    assert ProtocolError("too much", "400 Bad Request").status == "400 Bad Request"
    assert ProtocolError("nobody to answer").status == ""
    assert str(ProtocolError("too much", "400 Bad Request")) == "too much"


@pytest.mark.parametrize("error", [ClientDisconnected, ConnectError, BackendTimeout])
def test_what_happens_on_the_wire_is_an_os_error(error: type[GatewayError]) -> None:
    assert issubclass(error, OSError)
    assert str(error("gone")) == "gone"

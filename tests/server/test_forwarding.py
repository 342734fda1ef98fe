"""gateways.server.forwarding: whose word counts is seen by the address of the peer."""

from __future__ import annotations

from typing import Any

import pytest

from gateways.core.environ import EnvironBuilder
from gateways.errors import ConfigError
from gateways.server.forwarding import BY_UNIX, UNTOLD, builder_class
from gateways.server.transports import TRANSPORTS, Transport
from gateways.settings import Settings

DIRECT = Transport("Direct", TRANSPORTS["scgi"].make, addressed=True)
SAYS = (b"HTTP_X_FORWARDED_FOR", b"192.0.2.1")


def environ(peer: bytes | None, *more: tuple[bytes, bytes], allow: str = "10.0.0.0/8") -> dict[str, Any]:
    settings = Settings(forwarded_allow_ips=allow.split())
    builder = builder_class(DIRECT, settings)(multithread=True, multiprocess=False)
    who = [(b"REMOTE_ADDR", b""), (BY_UNIX, b"1")] if peer is None else [(b"REMOTE_ADDR", peer)]
    variables = [(b"REQUEST_METHOD", b"GET"), *who, SAYS, *more]
    return builder.build(variables)


@pytest.mark.parametrize(
    ("peer", "allow", "believed"),
    [
        (b"10.1.2.3", "10.0.0.0/8", True),
        (b"11.1.2.3", "10.0.0.0/8", False),
        (b"::1", "10.0.0.0/8 ::1", True),
        (None, "10.0.0.0/8", False),
        (None, "unix", True),
        (b"10.1.2.3", "unix", False),
        (None, "any", True),
        (b"", "unix", False),
        (b"", "any", False),
        (b"192.0.2.9", "any", True),
    ],
)
def test_H55_a_proxy_is_believed_and_nobody_else(peer: bytes | None, allow: str, believed: bool) -> None:
    found = environ(peer, allow=allow)
    own = "" if peer is None else peer.decode()
    assert BY_UNIX.decode() not in found
    assert found.get("REMOTE_ADDR") == ("192.0.2.1" if believed else own)
    assert ("HTTP_X_FORWARDED_FOR" in found) == believed


def test_H55_for_a_client_that_the_proxy_does_not_know_nobody_speaks() -> None:
    found = environ(b"10.1.2.3", (UNTOLD, b"1"))
    assert found["REMOTE_ADDR"] == "10.1.2.3"
    assert "HTTP_X_FORWARDED_FOR" not in found
    assert UNTOLD.decode() not in found


def test_H55_who_stands_behind_a_PROXY_header_came_by_no_unix_socket() -> None:
    assert "HTTP_X_FORWARDED_FOR" not in environ(b"198.51.100.1", (BY_UNIX, b"1"), allow="unix")


def test_by_default_and_behind_a_web_server_nothing_is_looked_at() -> None:
    assert builder_class(DIRECT, Settings()) is EnvironBuilder
    assert builder_class(TRANSPORTS["scgi"], Settings(forwarded_allow_ips=["any"])) is EnvironBuilder


def test_a_name_that_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"forwarded_allow_ips: 'proxy\.example' is not an IP address"):
        environ(None, allow="proxy.example")

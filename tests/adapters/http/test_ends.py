"""gateways.adapters.http.ends: what the addresses of a connection become."""

from __future__ import annotations

from gateways.adapters.http.ends import Ends


def test_over_TCP() -> None:
    ends = Ends(("10.0.0.1", 4000), ("10.0.0.2", 8000), "https")
    assert (ends.scheme, ends.name) == ("https", b"10.0.0.2")
    assert dict(ends.variables) == {
        b"GATEWAY_INTERFACE": b"CGI/1.1",
        b"SERVER_SOFTWARE": b"gateways",
        b"REQUEST_SCHEME": b"https",
        b"REMOTE_ADDR": b"10.0.0.1",
        b"REMOTE_PORT": b"4000",
        b"SERVER_ADDR": b"10.0.0.2",
        b"SERVER_PORT": b"8000",
    }


def test_over_IPv6() -> None:
    ends = Ends(("fe80::1%eth0", 4000), ("fe80::2%eth0", 8000))
    assert ends.name == b"[fe80::2]"
    assert dict(ends.variables)[b"REMOTE_ADDR"] == b"fe80::1%eth0"


def test_IPv4_on_an_IPv6_socket() -> None:
    ends = Ends(("::ffff:10.0.0.1", 4000), ("::ffff:10.0.0.2", 8000))
    assert ends.name == b"10.0.0.2"
    assert dict(ends.variables)[b"REMOTE_ADDR"] == b"10.0.0.1"


def test_over_a_Unix_socket() -> None:
    ends = Ends()
    assert ends.name == b""
    assert dict(ends.variables)[b"REMOTE_ADDR"] == b""
    assert not {b"REMOTE_PORT", b"SERVER_PORT"} & dict(ends.variables).keys()

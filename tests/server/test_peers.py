"""Allowed clients: every bit of an address counts, and IPv4 is IPv4 however it is reported."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.errors import ConfigError
from gateways.server.peers import (
    PeerFilter,
    TrustedProxies,
    filter_for,
    parse_clients,
    reached_by_others,
    refuse_everybody,
    refuse_without_secret,
)


def peer(host: str, scope: int = 0) -> tuple[object, ...]:
    """An address as ``accept`` returns it."""
    return (host, 40000, 0, scope) if ":" in host else (host, 40000)


def allows(clients: str, host: str, scope: int = 0) -> bool:
    return PeerFilter(parse_clients(clients.split(), "test")).allows(peer(host, scope))


@pytest.mark.parametrize(
    ("clients", "inside", "outside"),
    [
        ("10.1.2.3", ["10.1.2.3"], ["10.1.2.2", "10.1.2.4", "10.1.3.3", "11.1.2.3", "::10.1.2.3"]),
        ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0"]),
        ("10.0.0.0/255.0.0.0", ["10.9.9.9"], ["11.0.0.0"]),
        ("192.168.1.128/25", ["192.168.1.128", "192.168.1.255"], ["192.168.1.127", "192.168.2.0"]),
        ("::1", ["::1"], ["::", "::2", "1::1", "::1:0:1", "127.0.0.1", "::ffff:0.0.0.1"]),
        ("::1 127.0.0.1", ["::1", "127.0.0.1"], ["::2", "127.0.0.2"]),
        # The address only differs behind the first 32 bits, and in the last bit (CVE-2026-91768).
        ("2001:db8::1", ["2001:db8::1", "2001:0db8:0::0:1"], ["2001:db8::", "2001:db8::3", "2001:db8:1::1"]),
        ("2001:db8::/32", ["2001:db8::", "2001:db8:ffff::1"], ["2001:db9::", "2001:db7:ffff::", "2001:dba::"]),
        ("2001:db8::/33", ["2001:db8:7fff::"], ["2001:db8:8000::"]),
        ("2001:db8::/127", ["2001:db8::1"], ["2001:db8::2"]),
        ("any", ["10.1.2.3", "::1", "::ffff:10.1.2.3"], []),
        ("0.0.0.0/0", ["10.1.2.3", "::ffff:10.1.2.3"], ["::1"]),
        ("::/0", ["::1", "2001:db8::1"], ["10.1.2.3", "::ffff:10.1.2.3"]),
    ],
)
def test_addresses_and_networks(clients: str, inside: list[str], outside: list[str]) -> None:
    for host in inside:
        assert allows(clients, host), host
    for host in outside:
        assert not allows(clients, host), host


def test_ipv4_is_the_same_when_an_ipv6_socket_reports_it() -> None:
    assert allows("127.0.0.1", "::ffff:127.0.0.1")
    assert allows("127.0.0.1", "::ffff:7f00:1")
    assert allows("::ffff:127.0.0.1", "127.0.0.1")
    assert allows("::ffff:127.0.0.1", "::ffff:127.0.0.1")
    assert allows("::ffff:10.0.0.0/104", "10.200.0.1")
    assert not allows("127.0.0.1", "::127.0.0.1")
    assert not allows("127.0.0.1", "::fffe:127.0.0.1")


def test_link_local_addresses_are_bound_to_their_interface() -> None:
    lo = socket.if_nametoindex("lo")
    assert allows("fe80::1%lo", "fe80::1", lo)
    assert allows("fe80::1%lo", "fe80::1%lo", lo)  # how Python before 3.7 reported it
    assert not allows("fe80::1%lo", "fe80::1", lo + 1)
    assert not allows("fe80::1%lo", "fe80::2", lo)
    assert allows("fe80::%lo/64", "fe80::2", lo)
    assert not allows("fe80::%lo/64", "fe80::2", lo + 1)
    assert allows(f"fe80::1%{lo}", "fe80::1", lo)
    assert allows("fe80::1", "fe80::1", lo)  # without an interface: on all of them


def test_a_peer_has_to_be_in_every_list() -> None:
    both = PeerFilter(parse_clients(["10.0.0.0/8"], "a"), parse_clients(["10.1.0.0/16", "192.168.0.1"], "b"))
    assert both.allows(peer("10.1.2.3"))
    assert not both.allows(peer("10.2.2.3"))
    assert not both.allows(peer("192.168.0.1"))


@pytest.mark.parametrize("address", ["", "/run/app.sock", b"\0name", None, ("", 1), ("host", 1), ("1.2.3", 1)])
def test_what_is_not_an_ip_address_is_refused_even_by_any(address: object) -> None:
    assert not PeerFilter(parse_clients(["any"], "test")).allows(address)


@pytest.mark.parametrize(
    ("client", "advice"),
    [
        ("10.0.0.1/8", "it has bits behind its prefix; the network is 10.0.0.0/8"),
        ("fe80::1%nosuch0", "this machine has no network interface 'nosuch0'"),
        *(
            (client, "write 10.0.0.5, 10.0.0.0/8, ::1 or 2001:db8::/32")
            for client in [
                "10.0.0.0/33",
                "010.0.0.1",
                "10.0.0",
                "10.0.0.*",
                "localhost",
                "10.0.0.1 ",
                "ANY",
                "",
                "a\nb",
            ]
        ),
    ],
)
def test_other_texts_are_refused_with_advice(client: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_clients(["10.0.0.5", client], "allowed_clients")
    assert str(caught.value) == f"allowed_clients: {client!r} is not an IP address or network: {advice}"


@given(st.data(), st.sampled_from([4, 6]))
def test_agrees_with_ipaddress_around_every_network(data: st.DataObject, version: int) -> None:
    bits = 32 if version == 4 else 128
    kind = ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network
    prefix = data.draw(st.integers(0, bits))
    network = kind((data.draw(st.integers(0, 2**bits - 1)) >> (bits - prefix) << (bits - prefix), prefix))
    edges = [int(network[0]) - 1, int(network[0]), int(network[-1]), int(network[-1]) + 1]
    flipped = int(network[0]) ^ 1 << data.draw(st.integers(0, bits - 1))
    for number in [*edges, flipped]:
        if 0 <= number < 2**bits:
            address = network[0].__class__(number)
            if getattr(address, "ipv4_mapped", None) is None:
                assert allows(str(network), str(address)) == (address in network)


def bound(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.bind((host, 0))
    return sock


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1"])
@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
def test_loopback_needs_no_list(host: str, protocol: str) -> None:
    with bound(host) as sock:
        assert filter_for(sock, protocol, (), {}) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_HTTP_is_for_everybody_unless_there_is_a_list(host: str) -> None:
    with bound(host) as sock:
        assert filter_for(sock, "http", (), {}) is None
        clients = filter_for(sock, "http", ["10.0.0.5"], {"FCGI_WEB_SERVER_ADDRS": "10.0.0.6"})
        assert clients is not None
        assert clients.allows(("10.0.0.5", 1))
        assert not clients.allows(("10.0.0.6", 1))


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
def test_a_port_that_others_reach_needs_a_list(host: str, protocol: str) -> None:
    with bound(host) as sock:
        with pytest.raises(ConfigError) as caught:
            filter_for(sock, protocol, (), {})
        message = str(caught.value)
        assert message.startswith(f"will not listen on {host} for everybody: {protocol} has no authentication")
        assert "allowed_clients" in message
        assert "\n" not in message
        clients = filter_for(sock, protocol, ["10.0.0.5"], {})
        assert clients is not None
        assert clients.allows(peer("10.0.0.5"))
        assert not clients.allows(peer("10.0.0.6"))
        everybody = filter_for(sock, protocol, ["any"], {})
        assert everybody is not None
        assert everybody.allows(peer("198.51.100.1"))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "2001:db8::1", "::ffff:192.0.2.1"])
def test_A14_an_address_that_others_reach_needs_a_secret(host: str) -> None:
    with pytest.raises(ConfigError, match="secret") as caught:
        refuse_without_secret(host, "ajp", None)
    assert "give ajp_secret" in str(caught.value)
    assert "\n" not in str(caught.value)
    refuse_without_secret(host, "ajp", "s")
    refuse_without_secret(host, "fastcgi", None)
    with pytest.raises(ConfigError, match="ajp sends its secret in clear"):
        refuse_everybody(host, "ajp")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_A14_loopback_needs_none(host: str) -> None:
    refuse_without_secret(host, "ajp", None)


def test_F60_only_peers_in_FCGI_WEB_SERVER_ADDRS_may_connect() -> None:
    environ = {"FCGI_WEB_SERVER_ADDRS": "199.170.183.28, 199.170.183.71,::1"}
    with bound("127.0.0.1") as sock, bound("0.0.0.0") as exposed:
        for servers in (filter_for(sock, "fastcgi", (), environ), filter_for(exposed, "fastcgi", (), environ)):
            assert servers is not None
            assert servers.allows(peer("199.170.183.28"))
            assert servers.allows(peer("199.170.183.71"))
            assert servers.allows(peer("::1"))
            assert not servers.allows(peer("199.170.183.72"))
            assert not servers.allows(peer("127.0.0.1"))
        both = filter_for(sock, "fastcgi", ["any"], environ)
        assert both is not None
        assert not both.allows(peer("127.0.0.1"))


@pytest.mark.parametrize("value", ["", " ", ","])
def test_F60_an_empty_FCGI_WEB_SERVER_ADDRS_is_as_none(value: str) -> None:
    with bound("127.0.0.1") as sock, bound("0.0.0.0") as exposed:
        assert filter_for(sock, "fastcgi", (), {"FCGI_WEB_SERVER_ADDRS": value}) is None
        with pytest.raises(ConfigError):
            filter_for(exposed, "fastcgi", (), {"FCGI_WEB_SERVER_ADDRS": value})


def test_F60_FCGI_WEB_SERVER_ADDRS_is_of_fastcgi_on_tcp() -> None:
    environ = {"FCGI_WEB_SERVER_ADDRS": "10.0.0.1"}
    with bound("127.0.0.1") as sock, socket.socket(socket.AF_UNIX) as unix:
        assert filter_for(sock, "scgi", (), environ) is None
        assert filter_for(unix, "fastcgi", ["10.0.0.1"], environ) is None


def test_F60_FCGI_WEB_SERVER_ADDRS_holds_where_fastcgi_is_one_of_any_protocol() -> None:
    with bound("127.0.0.1") as sock:
        peers = filter_for(sock, "listen", (), {"FCGI_WEB_SERVER_ADDRS": "10.0.0.1"})
    assert peers is not None
    assert not peers.allows(("127.0.0.1", 1))


def test_which_sockets_others_reach() -> None:
    with bound("127.0.0.1") as loopback, bound("0.0.0.0") as exposed, socket.socket(socket.AF_UNIX) as unix:
        assert [reached_by_others(sock) for sock in (loopback, exposed, unix)] == [False, True, False]


def test_F60_names_the_variable_that_cannot_be_read() -> None:
    with bound("127.0.0.1") as sock, pytest.raises(ConfigError, match="FCGI_WEB_SERVER_ADDRS: 'web1' is not"):
        filter_for(sock, "fastcgi", (), {"FCGI_WEB_SERVER_ADDRS": "10.0.0.1,web1"})


@pytest.mark.parametrize(
    ("names", "trusted", "strangers"),
    [
        ("10.0.0.0/8 unix", ["10.1.2.3", "::ffff:10.1.2.3"], ["11.0.0.1", "::1", "", "localhost"]),
        ("10.0.0.0/8", ["10.1.2.3"], ["", "11.0.0.1"]),
        ("any", ["10.1.2.3", "::1"], [""]),
        ("", [], ["", "127.0.0.1"]),
    ],
)
def test_trusted_proxies(names: str, trusted: list[str], strangers: list[str]) -> None:
    """No address is nobody's: it does not say that the peer came by a Unix socket."""
    proxies = TrustedProxies(names.split())
    assert [host for host in [*trusted, *strangers] if proxies.trusts(host)] == trusted
    assert proxies.trusts_peer(peer("10.1.2.3")) == ("10.1.2.3" in trusted)
    assert proxies.trusts_peer("") == proxies.trusts_peer(b"\0name") == proxies.trusts_unix
    assert proxies.trusts_unix == ("unix" in names or "any" in names)

"""Servers, and what leads to them."""

from __future__ import annotations

import pytest

from gateways.doctor.haproxy.places import places, seconds
from gateways.doctor.haproxy.syntax import Reader
from tests.doctor.asked import read_with


def of(tmp_path, text):
    return places(read_with(Reader, tmp_path / "a.cfg", text))


def test_servers(tmp_path):
    [place] = of(
        tmp_path,
        "defaults\n default-server check inter 2s\nbackend b\n use-fcgi-app x\n server a 1:1 no-check\n"
        " default-server proto fcgi inter 3s\n server b 2:2 inter 4s\n server c 3:3 proto h2\nfcgi-app x\n",
    )
    a, b, c = place.servers
    assert [server.protocol for server in place.servers] == ["http", "fastcgi", ""]
    assert [server.has("check") for server in place.servers] == [False, True, True]
    assert (a.option("inter"), b.option("inter"), c.option("inter")) == ("2s", "4s", "3s")
    assert (b.address, b.option("weight"), b.has_any("ssl", "check")) == ("2:2", "", True)
    assert place.application.name == "x"
    assert place.mode == "tcp"


def test_leads(tmp_path):
    text = """\
defaults
    default_backend b
frontend f
    bind :80
    use_backend c if { path /c } || { path_beg /c/ }
    use_backend d if { hdr(host) x }
frontend g
    bind :443 ssl crt x
    default_backend d
backend b
backend c
backend d
listen e
    filter fcgi-app y
    bind :81
fcgi-app y
"""
    b, c, d, e = of(tmp_path, text)
    assert [[section.name for section in place.frontends] for place in (b, c, d, e)] == [
        ["f", "e"],
        ["f"],
        ["f", "g"],
        ["e"],
    ]
    assert [place.mounts for place in (b, c, d, e)] == [{""}, {"/c"}, {""}, {""}]
    assert [place.by_tls for place in (b, c, d)] == [False, False, True]
    assert e.application.name == "y"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("60s", 60.0),
        ("60", 0.06),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("1d", 86400.0),
        ("5ms", 0.005),
        ("soon", None),
        ("", None),
    ],
)
def test_times(text, number):
    assert seconds(text) == number

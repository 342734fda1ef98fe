"""Where lighttpd hands requests on."""

from __future__ import annotations

import pytest

from gateways.doctor.lighttpd.places import places
from gateways.doctor.lighttpd.syntax import Reader


def of(tmp_path, text):
    path = tmp_path / "a.conf"
    path.write_text(text)
    return list(places(Reader(str(path)).read(str(path))))


@pytest.mark.parametrize(
    ("text", "protocol", "address"),
    [
        ('fastcgi.server = ( "/" => (( "socket" => "/run/a" )))', "fastcgi", "unix:/run/a"),
        ('fastcgi.server = ( "/" => ( "name" => ( "socket" => "/run/a" )))', "fastcgi", "unix:/run/a"),
        ('scgi.server = ( "/" => (( "host" => "127.0.0.1", "port" => 4000 )))', "scgi", "127.0.0.1:4000"),
        ('scgi.protocol = "uwsgi"\nscgi.server = ( "/" => (( "port" => 1 )))', "uwsgi", "127.0.0.1:1"),
        ('proxy.server = ( "" => (( "host" => "::1" )))', "http", "[::1]:80"),
        ('ajp13.server = ( "" => (( "host" => "x" )))', "ajp", "x:8009"),
        ('var.a = ( "/a" => (( "socket" => "/run/a" )))\nfastcgi.server = var.a', "fastcgi", "unix:/run/a"),
        ('fastcgi.server = ( "/" => (( "bin-path" => "/a.fcgi" )))', "fastcgi", ""),
    ],
)
def test_kinds(tmp_path, text, protocol, address):
    [place] = of(tmp_path, text)
    assert (place.protocol, place.address) == (protocol, address)


def test_several(tmp_path):
    text = 'fastcgi.server = (\n"/a" => ((\n"port" => 1 ), (\n"port" => 2 )),\n"/b" => ((\n"port" => 3 )) )\n'
    found = of(tmp_path, text)
    assert [(place.extension, place.address, place.where[-2:]) for place in found] == [
        ("/a", "127.0.0.1:1", ":3"),
        ("/a", "127.0.0.1:2", ":4"),
        ("/b", "127.0.0.1:3", ":6"),
    ]
    assert found[0].module == "mod_fastcgi"
    assert found[0].where_of("port")[-2:] == ":3"
    assert found[0].where_of("mode") == found[0].where


@pytest.mark.parametrize(
    "text", ['cgi.assign = ( "" => "" )', 'fastcgi.server = "x"', 'fastcgi.server = ( "/" => "x" )']
)
def test_what_hands_nothing_on(tmp_path, text):
    assert of(tmp_path, text) == []

"""Addresses of servers, as HAProxy reads them."""

from __future__ import annotations

import os
import socket

import pytest

from gateways.doctor import haproxy
from gateways.doctor.haproxy.addresses import plain_address
from gateways.doctor.haproxy.places import places
from gateways.doctor.haproxy.syntax import Reader
from gateways.doctor.targets import Options
from tests.doctor.asked import findings, read_with
from tests.doctor.haproxy.written import FASTCGI, HTTP, changed, found
from tests.support.serving import PATIENCE, Recorder, serving

SERVER = "127.0.0.1:9000"


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("10.0.0.1:80", "10.0.0.1:80"),
        ("ipv4@10.0.0.1:80", "10.0.0.1:80"),
        (":80", "127.0.0.1:80"),
        ("*:80", "127.0.0.1:80"),
        ("0.0.0.0:80", "127.0.0.1:80"),
        ("[::1]:80", "[::1]:80"),
        ("::1:80", "[::1]:80"),
        ("/run/a", "unix:/srv/run/a"),
        ("unix@/run/a", "unix:/srv/run/a"),
        ("10.0.0.1", ""),
        ("10.0.0.1:+1", ""),
        ('"$HOST:80"', ""),
        ("fd@3", ""),
    ],
)
def test_as_gateways_writes_it(tmp_path, address, text):
    configuration = read_with(Reader, tmp_path / "a.cfg", f"global\n chroot /srv\nbackend b\n server a {address}\n")
    assert plain_address(places(configuration)[0].servers[0], configuration) == text


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("http://127.0.0.1:9000/", "server one 127.0.0.1:9000 proto fcgi"),
        ("fcgi://user@127.0.0.1:9000", "server one 127.0.0.1:9000 proto fcgi"),
        ("unix:/run/a", "server one /run/a proto fcgi"),
        ("abns@app", "server one 127.0.0.1:9000 proto fcgi"),
        ("@app", "server one 127.0.0.1:9000 proto fcgi"),
        ("127.0.0.1", "server one 127.0.0.1:9000 proto fcgi"),
        ("127.0.0.1:", "server one 127.0.0.1:9000 proto fcgi"),
        ("127.0.0.1:9000/app", "server one 127.0.0.1:9000 proto fcgi"),
        ("127.0.0.1:nine", "server one 127.0.0.1:9000 proto fcgi"),
    ],
)
def test_not_written_as_haproxy_reads_it(tmp_path, address, remedy):
    [finding] = findings(tmp_path / "a.cfg", changed(FASTCGI, (SERVER, address)))
    assert (finding.code, finding.remedy, finding.where[-3:]) == ("pass-address", remedy, ":12")


@pytest.mark.parametrize("address", ["ipv6@[::1]:9000", "10.0.0.1:+1", "fd@3", '"${APP}:9000"', "/run/a", "*", "ipv4@"])
def test_others_are_let_be(tmp_path, address):
    assert set(found(tmp_path, changed(FASTCGI, (SERVER, address)))) == {"configuration-read"}


def test_no_port_in_mode_tcp(tmp_path):
    text = "defaults\n mode tcp\nlisten a\n bind :80-90\n server one 10.0.0.1\n"
    assert set(found(tmp_path, text)) == {"configuration-read"}


def test_a_chroot(tmp_path):
    """Without looking, only what cannot be is an error."""
    for path, severity in (("/run/a", "warning"), ("/srv/run/a", "error")):
        text = changed(FASTCGI, ("tune.bufsize 65536", "tune.bufsize 65536\n    chroot /srv/"), (SERVER, path))
        [finding] = findings(tmp_path / "a.cfg", text)
        assert (finding.code, finding.severity, finding.where[-3:]) == ("socket-chroot", severity, ":13")
        assert f"/srv{path}" in finding.what


def test_a_remedy_for_a_chroot(tmp_path):
    text = changed(FASTCGI, ("defaults", "    chroot /srv\ndefaults"), (SERVER, "unix:/run/a"))
    [finding] = findings(tmp_path / "a.cfg", text)
    assert finding.remedy == "server one 127.0.0.1:9000 proto fcgi"


def test_a_socket_in_the_chroot(tmp_path):
    (tmp_path / "root").mkdir()
    path = tmp_path / "a.cfg"
    path.write_text(
        changed(
            FASTCGI, ("tune.bufsize 65536", f"tune.bufsize 65536\n    chroot {tmp_path / 'root'}"), (SERVER, "/app")
        )
    )
    user = None if os.geteuid() == 0 else __import__("pwd").getpwuid(os.geteuid()).pw_name
    options = Options(user=user or "root", timeout=1.0)
    assert [finding.code for finding in haproxy.examine(str(path), options)] == ["socket-chroot"]
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "root" / "app"))
    assert "socket-stale" in [finding.code for finding in haproxy.examine(str(path), options)]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (HTTP, True),
        (changed(HTTP, ("8000", "8000 ssl")), False),
        (changed(HTTP, ("8000", "8000 proto h2")), False),
        (changed(HTTP, ("8000", "8000 send-proxy")), False),
        (changed(HTTP, ("8000", "8000 disabled")), False),
        (changed(HTTP, ("mode http", "mode tcp")), True),
        (changed(HTTP, ("mode http", "mode tcp"), (":80\n", ":443\n")), False),
    ],
)
def test_who_is_asked(tmp_path, text, asked):
    """Nobody listens at the port 1: where an address is not looked at, that is not seen."""
    path = tmp_path / "a.cfg"
    path.write_text(changed(text, ("127.0.0.1:8000", "127.0.0.1:1")))
    codes = [finding.code for finding in haproxy.examine(str(path), Options(user="root"))]
    assert ("port-closed" in codes) is asked


@pytest.mark.parametrize(
    ("text", "spoken", "line"),
    [
        (HTTP, "fastcgi", "proto fcgi, with use-fcgi-app"),
        (FASTCGI, "http", "(without proto fcgi and use-fcgi-app)"),
        (FASTCGI, "scgi", None),
    ],
)
def test_another_protocol(tmp_path, monkeypatch, text, spoken, line):
    monkeypatch.setattr("gateways.doctor.asking._TRIAL", PATIENCE)
    path = tmp_path / "a.cfg"
    with serving(Recorder(), spoken, tcp=True) as served:
        port = served.address[1]
        path.write_text(changed(text, ("127.0.0.1:8000" if text == HTTP else SERVER, f"127.0.0.1:{port}")))
        found = [one for one in haproxy.examine(str(path), Options(user="root")) if one.severity == "error"]
    assert [one.code for one in found] == ["protocol-other"]
    written = f"write: server one 127.0.0.1:{port} {line}"
    assert (written in found[0].remedy) if line else found[0].remedy.startswith("gateways serve --fastcgi")

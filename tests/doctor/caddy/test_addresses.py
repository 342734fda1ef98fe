"""The addresses in a Caddyfile. What is asked at them is in tests/live/sitefaults_caddy.py."""

from __future__ import annotations

import pytest

from gateways.doctor.caddy.addresses import _address, _line
from gateways.doctor.caddy.places import places
from gateways.doctor.caddy.syntax import Reader
from tests.doctor.asked import codes, findings


def wrong(tmp_path, text):
    return [one for one in findings(tmp_path / "Caddyfile", f"a.org {{\n{text}\n}}\n") if one.severity != "note"]


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("unix:/run/a", "unix//run/a"),
        ("unix:///run/a", "unix//run/a"),
        ("* /run/a", "* unix//run/a"),
        ("/api/* unix:/run/a", "/api/* unix//run/a"),
        ("/run/a", "unix//run/a"),
        ("127.0.0.1:8000;", "127.0.0.1:8000"),
        ("127.0.0.1:8000,", "127.0.0.1:8000"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/app", "http://127.0.0.1:8000, and rewrite * /app{uri} before it"),
        ("8000", "127.0.0.1:8000"),
        ("", "unix//run/gateways/app.sock"),
    ],
)
def test_what_caddy_does_not_read(tmp_path, address, remedy):
    [finding] = wrong(tmp_path, f"reverse_proxy {address}")
    assert (finding.code, finding.remedy) == ("pass-address", f"reverse_proxy {remedy}")


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("unix//run/a", "unix:/run/a"),
        ("unix+h2c//run/a", "unix:/run/a"),
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        ("tcp/127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://app:8000", "app:8000"),
        ("fastcgi://app:9000", "app:9000"),
        ("http://app", "app:80"),
        ("https://app", "app:443"),
        ("app", "app:80"),
        ("[::1]", "[::1]:80"),
        ("[::1]:8000", "[::1]:8000"),
        (":8000", "localhost:8000"),
    ],
)
def test_what_it_reads(tmp_path, address, ours):
    assert wrong(tmp_path, f"reverse_proxy {address}") == []
    path = tmp_path / "Caddyfile"
    [place] = places(Reader(str(path)).read(str(path)))
    assert _address(place.upstreams[0], place) == ours


def test_a_socket_without_a_slash(tmp_path):
    """It works where Caddy is started in /."""
    [finding] = wrong(tmp_path, "reverse_proxy unix/run/a")
    assert (finding.code, finding.severity, finding.remedy) == ("pass-address", "warning", "reverse_proxy unix//run/a")


def test_what_is_known_to_caddy_only(tmp_path):
    assert wrong(tmp_path, "reverse_proxy {$NO_SUCH_VARIABLE} {env.A}:80") == []
    assert wrong(tmp_path, "reverse_proxy {\ndynamic a app 80\n}") == []


def test_transports(tmp_path):
    [finding] = wrong(tmp_path, "reverse_proxy a:1 {\ntransport uwsgi\n}")
    assert (finding.code, finding.severity) == ("module-missing", "warning")
    found = codes(tmp_path / "Caddyfile", "a.org {\nreverse_proxy a:1 {\nenv A b\n}\n}\n")
    assert found["config-syntax"] == 3
    assert wrong(tmp_path, "php_fastcgi php:9000 {\nenv A b\n}") == []


def test_what_to_write(tmp_path):
    path = tmp_path / "Caddyfile"
    path.write_text("a.org {\nreverse_proxy a:1\n}\n")
    [place] = places(Reader(str(path)).read(str(path)))
    assert "transport fastcgi in the block" in _line(place, "fastcgi", "a:1")
    assert "without" in _line(place, "http", "a:1")
    assert _line(place, "uwsgi", "a:1") == ""

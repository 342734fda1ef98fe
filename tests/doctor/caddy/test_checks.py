"""What Caddy does with requests on their way. The faults of whole files are in tests/live/sitefaults_caddy.py."""

from __future__ import annotations

import pytest

from tests.doctor.asked import codes

GOOD = "header_up -Proxy\nflush_interval -1\nrequest_buffers 1MB\n"


def of(tmp_path, lines="", transport="", protocol="fastcgi", more=""):
    text = f"a.org {{\n{more}\nreverse_proxy a:1 {{\n{GOOD}{lines}\ntransport {protocol} {{\n{transport}\n}}\n}}\n}}\n"
    return set(codes(tmp_path / "Caddyfile", text)) - {"configuration-read"}


def test_all_is_well(tmp_path):
    assert of(tmp_path) == set()
    assert of(tmp_path, transport="keepalive 60s", protocol="http") == set()


@pytest.mark.parametrize(
    ("lines", "protocol", "code"),
    [
        ("header_up -Authorization", "fastcgi", "authorization-lost"),
        ("header_up -Auth*", "fastcgi", "authorization-lost"),
        ("header_up Authorization x", "fastcgi", None),
        ("header_up Host {upstream_hostport}", "http", "host-lost"),
        ("header_up Host {host}", "http", None),
        ("header_up -X-Forwarded-Proto", "http", "https-unseen"),
        ("header_up -X-Forwarded-Proto", "fastcgi", None),
        ("header_up X-Forwarded-Proto http", "http", "https-unseen"),
        ("header_up X-Forwarded-Proto {scheme}", "http", None),
        ("buffer_responses", "http", "stream-buffered"),
        ("response_buffers 1MB", "fastcgi", "stream-buffered"),
        ("header_upstream A b", "http", "config-syntax"),
        ("transparent", "http", "config-syntax"),
    ],
)
def test_lines_of_the_proxy(tmp_path, lines, protocol, code):
    transport = "keepalive off" if protocol == "http" else ""
    assert of(tmp_path, lines, transport, protocol) == ({code} if code else set())


@pytest.mark.parametrize(
    ("transport", "protocol", "code"),
    [
        ("read_timeout 5s", "fastcgi", "timeout-short"),
        ("read_timeout 5m", "fastcgi", None),
        ("response_header_timeout 5s\nkeepalive off", "http", "timeout-short"),
        ("keepalive 90s", "http", "keepalive-longer"),
        ("", "http", "keepalive-longer"),
        ("tls", "http", None),
    ],
)
def test_lines_of_the_transport(tmp_path, transport, protocol, code):
    assert of(tmp_path, "", transport, protocol) == ({code} if code else set())


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("request_body {\nmax_size 100KB\n}", "body-limit"),
        ("request_body /api {\nmax_size 100KB\n}", None),
        ("request_body {\nmax_size 100MB\n}", None),
        ("request_header -Authorization", "authorization-lost"),
        ("gzip", "config-syntax"),
        ("fastcgi / a:1 php", "config-syntax"),
    ],
)
def test_lines_of_the_site(tmp_path, more, code):
    assert of(tmp_path, more=more) == ({code} if code else set())


def test_what_is_missing(tmp_path):
    text = "a.org {\nreverse_proxy a:1 {\ntransport fastcgi\n}\nreverse_proxy /b/* a:1 {\nflush_interval 10s\n}\n}\n"
    found = codes(tmp_path / "Caddyfile", text)
    assert set(found) == {"httpoxy-header", "body-unmeasured", "stream-buffered", "keepalive-longer"}
    assert found["stream-buffered"] == 6


@pytest.mark.parametrize(
    ("site", "options", "line", "found"),
    [
        ("http://a.org", "", "", True),
        (":8080", "", "", True),
        (":443", "", "", False),
        ("a.org, http://a.org", "", "", False),
        ("http://a.org", "", "trusted_proxies private_ranges", False),
        ("http://a.org", "servers {\ntrusted_proxies static private_ranges\n}", "", False),
    ],
)
def test_a_proxy_in_front(tmp_path, site, options, line, found):
    text = f"{{\n{options}\n}}\n{site} {{\nreverse_proxy a:1 {{\n{GOOD}{line}\n}}\n}}\n"
    assert ("https-unseen" in codes(tmp_path / "Caddyfile", text)) == found


def test_two_sites_of_one_address(tmp_path):
    text = "a.org, :80 {\n}\nb.org {\n}\n:80 {\n}\n{$NO_SUCH_VARIABLE} {\n}\n{$NO_SUCH_VARIABLE} {\n}\nimport x\n"
    assert codes(tmp_path / "Caddyfile", text)["config-syntax"] == 5


def test_global_options(tmp_path):
    text = "{\nservers {\ntimeouts {\nwrite 5s\n}\n}\n}\na.org {\n}\n"
    assert codes(tmp_path / "Caddyfile", text) == {"timeout-short": 4}
    assert "timeout-short" not in codes(tmp_path / "Caddyfile", text.replace("5s", "5m"))


def test_words_of_caddy_1_that_a_plugin_has(tmp_path):
    text = "{\nlayer4 {\n:5000 {\n@ssh ssh\nroute @ssh {\nproxy localhost:22\n}\n}\n}\n}\na.org {\n}\n"
    assert set(codes(tmp_path / "Caddyfile", text)) == {"configuration-read"}

"""Words, sections and the order of paths in Apache's files."""

from __future__ import annotations

import pytest

from gateways.deploy import apache_site as site
from gateways.deploy.registry import describe


@pytest.mark.parametrize(
    ("text", "written"), [("/app", "/app"), ("/a b", '"/a b"'), ("/a'b", '"/a\'b"'), ("/ü", '"/ü"'), ("/<", '"/<"')]
)
def test_a_word_has_quotes_where_it_needs_them(text: str, written: str) -> None:
    assert site.url(describe("apache"), text) == written


def test_what_would_be_a_pattern_is_a_regular_expression() -> None:
    assert site.location(describe("apache"), "/a.b", ["x"]) == ["<Location /a.b>", "    x", "</Location>"]
    assert site.location(describe("apache"), "/a[b", [])[0] == r'<LocationMatch "^/a\[b(?:/|$)">'
    assert site.location(describe("apache"), "/a[b/", [])[0] == r'<LocationMatch "^/a\[b/">'


def test_the_longer_path_is_first() -> None:
    static = (("/a", "/srv/1"), ("/a/b/c", "/srv/2"), ("/z", "/srv/3"))
    lines = site.around(describe("apache", mount="/a/b", static=static), ["APPLICATION"], proxied=True)
    assert [line.split()[1] for line in lines if line.startswith("Alias")] == ["/a/b/c/", "/a/", "/z/"]
    order = [line for line in lines if line.startswith(("ProxyPass", "APP"))]
    assert order == ["ProxyPass /a/b/c/ !", "APPLICATION", "ProxyPass /a/ !", "ProxyPass /z/ !"]


def test_tls_sends_clients_there() -> None:
    lines = site.virtual_host(describe("apache", tls=("/c", "/k")), ["inside"])
    assert "    Redirect permanent / https://example.org/" in lines
    assert lines[-2:] == ["    inside", "</VirtualHost>"]
    lines = site.virtual_host(describe("apache", tls=("/c", "/k"), server_name="*.example.org"), [])
    assert lines[1:3] == ["    ServerName example.org", "    ServerAlias *.example.org"]
    assert any("%{HTTP_HOST}" in line for line in lines)


def test_modules_and_packages_are_named_once() -> None:
    deployment = describe("apache", static=(("/s", "/srv/s"),), private=(("/p", "/srv/p"),), tls=("/c", "/k"))
    assert site.install(deployment, ["proxy_fcgi", "alias"])[1:3] == [
        "  apt install libapache2-mod-xsendfile",
        "  a2enmod proxy_fcgi alias xsendfile ssl && a2ensite example",
    ]


@pytest.mark.parametrize("transport", ["cgi", "spawn", "fastcgi", "scgi", "uwsgi", "ajp", "http"])
def test_uploads_of_any_size(transport: str) -> None:
    lines = site.limit(describe("apache", transport, upload_limit=0))
    ignored = transport in ("fastcgi", "ajp", "http")
    assert [line for line in lines if line[0] != "#"] == ([] if ignored else ["LimitRequestBody 0"])

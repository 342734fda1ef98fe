"""What an application behind HAProxy is told."""

from __future__ import annotations

import pytest

from tests.doctor.asked import findings
from tests.doctor.haproxy.written import FASTCGI, HTTP, changed, found

SPLIT = "path-info ^()(/.*)$"
PAGES = "    default_backend app\n"
BELOW = "    use_backend app if { path /app } or { path_beg /app/ }\n"


@pytest.mark.parametrize(
    ("split", "code"),
    [
        ("", "path-info-missing"),
        ("index index.php", "path-info-missing"),
        ("path-info ^(/.+\\.php)(/.*)?$", "path-split"),
        ("path-info ^(/app)(/.*)?$", "path-split"),
        ("path-info ^(/[^/]*)(/.*)?$", "path-split"),
        ("path-info ^(/.*)$", "path-split"),
        ("path-info ^/.*$", "path-split"),
        ("path-info ^()/(.*)$", "path-split"),
        ("path-info ^()(/.*)?$", None),
        ("path-info '^()(/.*)$'", None),
        ("path-info ^(?<a>)(/.*)$", None),
        ("set-param PATH_INFO %[path]", "mount-twice"),
        ("set-param PATH_INFO %[path]\n    set-param SCRIPT_NAME /", None),
    ],
)
def test_the_path_of_a_site(tmp_path, split, code):
    assert set(found(tmp_path, changed(FASTCGI, (SPLIT, split)))) == {code or "configuration-read"}


@pytest.mark.parametrize(
    ("split", "code"),
    [
        ("path-info ^(/app)(/.*)?$", None),
        ("path-info ^()(/.*)$", None),
        ("path-info ^()(/.*)$\n    set-param SCRIPT_NAME /app", "mount-twice"),
        ("path-info ^(/shop)(/.*)?$", "path-split"),
        ("path-info ^(/app)/(.*)?$", "path-split"),
    ],
)
def test_the_path_below_a_mount_point(tmp_path, split, code):
    text = changed(FASTCGI, (PAGES, BELOW), (SPLIT, split))
    assert set(found(tmp_path, text)) == {code or "configuration-read"}


def test_the_remedy_is_for_the_mount_point(tmp_path):
    [finding] = findings(tmp_path / "a.cfg", changed(FASTCGI, (PAGES, BELOW), (SPLIT, "")))
    assert finding.remedy == "path-info ^(/app)(/.*)?$"


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("    pass-header Authorization\n", "", "authorization-lost", "fcgi-app app"),
        ("Authorization", "X-Token", "authorization-lost", "fcgi-app app"),
        ("Authorization", "authorization if { ssl_fc }", None, ""),
        ("    pass-header", "    pass-header Proxy\n    pass-header", "httpoxy-header", "pass-header Proxy"),
        ("    docroot /srv\n", "", "config-syntax", "fcgi-app app"),
        (" proto fcgi", "", "config-syntax", "server one 127.0.0.1:9000"),
        ("    use-fcgi-app app\n", "", "config-syntax", "server one 127.0.0.1:9000 proto fcgi"),
        ("    mode http\n", "", "config-syntax", "use-fcgi-app app"),
        ("mode http", "mode tcp", "config-syntax", "mode tcp"),
    ],
)
def test_fastcgi(tmp_path, old, new, code, line):
    result = found(tmp_path, changed(FASTCGI, (old, new)))
    assert result == ({code: line} if code else {"configuration-read": ""})


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("http-request set-header Host app.example", "host-lost"),
        ("http-request set-header Host %[req.hdr(host)]", None),
        ("http-request set-header Host app.example if { hdr(host) x }", None),
        ("http-request del-header Authorization", "authorization-lost"),
        ("http-request del-header Authorization if { path / }", None),
    ],
)
def test_headers(tmp_path, rule, code):
    for text in (HTTP, FASTCGI):
        for old in ("    server one", "    default_backend"):
            result = found(tmp_path, changed(text, (old, f"    {rule}\n{old}")))
            assert result == ({code: rule} if code else {"configuration-read": ""})


def test_a_frontend_of_two_backends(tmp_path):
    rule = "http-request set-header Host a"
    text = changed(HTTP, (PAGES, f"    {rule}\n    use_backend two if {{ path /2 }}\n{PAGES}"))
    two = findings(tmp_path / "a.cfg", f"{text}backend two\n    server one 127.0.0.1:1\n")
    assert [finding.code for finding in two] == ["host-lost"]


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("", False),
        ("http-request set-header X-Forwarded-For %[src]", False),
        ("http-request set-header X-Forwarded-Proto https if { ssl_fc }", True),
        ("http-request add-header x-forwarded-ssl on", True),
        ("option forwarded", True),
        ("reqadd X-Forwarded-Proto:\\ https", True),
    ],
)
def test_https(tmp_path, line, seen):
    by_tls = changed(HTTP, (":80", ":443 ssl crt /etc/x.pem"))
    result = found(tmp_path, changed(by_tls, ("    server", f"    {line}\n    server")))
    assert result == ({"configuration-read": ""} if seen else {"https-unseen": "backend app"})
    if "http-request" in line:
        assert found(tmp_path, changed(by_tls, ("    default", f"    {line}\n    default"))) == result


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("", False),
        ("option forwardfor except 127.0.0.1", True),
        ("http-request add-header X-Real-IP %[src]", True),
        ("source 0.0.0.0 usesrc clientip", True),
        ("source 10.0.0.1", False),
        ("default-server source 0.0.0.0 usesrc clientip", True),
        ("default-server send-proxy-v2", True),
    ],
)
def test_the_address_of_the_client(tmp_path, line, seen):
    text = changed(HTTP, ("    option forwardfor\n", ""), ("    server", f"    {line}\n    server"))
    assert found(tmp_path, text) == ({"configuration-read": ""} if seen else {"remote-address": "backend app"})
    assert "remote-address" not in found(tmp_path, changed(FASTCGI, ("    use", f"    {line}\n    use")))


def test_php(tmp_path):
    text = changed(FASTCGI, (SPLIT, "path-info ^(/.+\\.php)(/.*)?$\n    index index.php"))
    assert set(found(tmp_path, text)) == {"path-split"}
    assert set(found(tmp_path, changed(text, ("127.0.0.1:9000", "/run/php/fpm.sock")))) == {"configuration-read"}


def test_https_by_fastcgi(tmp_path):
    text = changed(FASTCGI, (":80", ":443 ssl crt /etc/x.pem"))
    assert set(found(tmp_path, text)) == {"configuration-read"}


@pytest.mark.parametrize(("new", "why"), [("", "without a mode it is tcp"), ("    mode tcp\n", "there is mode tcp")])
def test_why_it_is_tcp(tmp_path, new, why):
    [finding] = findings(tmp_path / "a.cfg", changed(FASTCGI, ("    mode http\n", new)))
    assert why in finding.what

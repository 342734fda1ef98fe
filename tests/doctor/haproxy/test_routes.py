"""From the frontend to a backend."""

from __future__ import annotations

import pytest

from tests.doctor.asked import findings
from tests.doctor.haproxy.written import FASTCGI, HTTP, changed, found

PAGES = "    default_backend app\n"


@pytest.mark.parametrize("text", [FASTCGI, HTTP])
def test_all_is_well(tmp_path, text):
    assert set(found(tmp_path, text)) == {"configuration-read"}


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("default_backend app", "default_backend ap", "default_backend ap"),
        (PAGES, f"{PAGES}    use_backend blog if {{ path /blog }}\n", "use_backend blog if { path /blog }"),
        ("use-fcgi-app app", "use-fcgi-app other", "use-fcgi-app other"),
        ("frontend www", "frontend www from usual", "frontend www from usual"),
        (PAGES, f"{PAGES}    http-request deny if bad\n", "http-request deny if bad"),
        (PAGES, f"{PAGES}    http-request deny if {{path /}}\n", "http-request deny if {path /}"),
        ("    docroot", "    set-param HTTPS on if secure\n    docroot", "set-param HTTPS on if secure"),
    ],
)
def test_names_that_are_not_there(tmp_path, old, new, line):
    assert found(tmp_path, changed(FASTCGI, (old, new)))["name-absent"] == line


@pytest.mark.parametrize("line", ["use_backend %[req.hdr(host)]", 'default_backend "${BACKEND}"'])
def test_names_that_are_known_when_it_runs(tmp_path, line):
    text = changed(FASTCGI, ("default_backend app", line))
    assert set(found(tmp_path, text)) == {"configuration-read"}


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ("use_backend blog\nuse_backend app if { path /x }", 1),
        ("use_backend blog if { path_beg / }\nuse_backend app if { path /app } or { path_beg /app/ }", 1),
        ("acl all path_beg /\nuse_backend blog if all\nuse_backend app if { path_beg /app/ } { method GET }", 2),
        ("use_backend blog if { path_beg /app/ } or { method PUT }\nuse_backend app if { path_beg /app/x/ }", 1),
        ("use_backend app if { path_beg /app/ }\nuse_backend blog if { path_beg / }", None),
        ("use_backend blog if { path_beg / } { method GET }\nuse_backend app if { path_beg /app/ }", None),
        ("use_backend blog if !{ path_beg / }\nuse_backend app if { path_beg /app/ }", None),
        ("use_backend blog unless { path_beg / }\nuse_backend app if { path_beg /app/ }", None),
        ("use_backend blog if { path_beg / }\nuse_backend app if { method GET }", None),
        ("use_backend app if { path_beg / }\nuse_backend blog if { path_beg /app/ } or { method GET }", None),
    ],
)
def test_the_first_that_fits(tmp_path, lines, wrong):
    text = changed(FASTCGI, (PAGES, f"{lines}\n{PAGES}")) + "backend blog\n    server one 127.0.0.1:1\n"
    assert found(tmp_path, text).get("pass-order") == (None if wrong is None else lines.splitlines()[wrong])


def test_a_mount_point(tmp_path):
    for condition, wide in (("{ path_beg /app }", True), ("{ path_beg /app/ }", False), ("{ path_beg /app } a", False)):
        text = changed(
            FASTCGI, (PAGES, f"    acl a method GET\n    use_backend app if {condition}\n"), ("^()", "^(/app)")
        )
        assert ("mount-wide" in found(tmp_path, text)) is wide


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (PAGES, "", "frontend www"),
        (PAGES, "    http-request deny if { path /x }\n", "frontend www"),
        ("    bind :80\n", "", "frontend www"),
        ("fcgi-app app\n", "backend other\n    server one 127.0.0.1:1\nfcgi-app app\n", "backend other"),
        ("    server one 127.0.0.1:9000 proto fcgi\n", "", "backend app"),
    ],
)
def test_nothing_leads_there(tmp_path, old, new, line):
    assert found(tmp_path, changed(FASTCGI, (old, new)))["route-absent"] == line


@pytest.mark.parametrize(
    "text",
    [
        "frontend a\n    bind :80\n    http-request redirect scheme https\n",
        "frontend a\n    bind :80\n    redirect scheme https\n",
        "frontend a :80\n    stats enable\n",
        "listen a\n    bind :80\n    server one 127.0.0.1:1\n",
        "frontend a\n    bind :80\n    default_backend b\nbackend b\n    http-request deny\n",
    ],
)
def test_what_needs_no_server(tmp_path, text):
    assert set(found(tmp_path, f"defaults\n    mode http\n    option forwardfor\n{text}")) == {"configuration-read"}


@pytest.mark.parametrize(
    ("bind", "remedy"),
    [
        ("bind *:443", "bind *:443 ssl crt /etc/haproxy/site.pem"),
        ("bind :443 crt /a.pem", "bind :443 ssl crt /a.pem"),
        ("bind :443 ssl crt /a.pem", None),
        ("bind :443 accept-proxy", None),
        ("bind :8443", None),
    ],
)
def test_https_without_a_certificate(tmp_path, bind, remedy):
    found_there = findings(tmp_path / "a.cfg", changed(FASTCGI, ("bind :80", bind)))
    assert [one.remedy for one in found_there if one.code == "tls-absent"] == ([] if remedy is None else [remedy])
    assert found(tmp_path, changed(FASTCGI, ("bind :80", bind), ("mode http", "mode tcp"))).get("tls-absent") is None


def test_modes_that_do_not_fit(tmp_path):
    text = changed(HTTP, ("\nbackend app\n", "\nbackend app\n    mode tcp\n"))
    assert found(tmp_path, text) == {"config-syntax": "default_backend app"}
    assert "config-syntax" not in found(tmp_path, changed(text, ("www\n", "www\n    mode tcp\n")))

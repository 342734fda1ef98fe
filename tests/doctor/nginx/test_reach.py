"""Locations that no request of a client passes. Behind nginx itself: tests/live/sitefaults.py."""

from __future__ import annotations

import pytest

from tests.doctor.asked import codes


def of(tmp_path, inside, location="/", beside=""):
    return codes(tmp_path / "a", f"server {{ {beside}\nlocation {location} {{\n{inside}\nfastcgi_pass x:1; }} }}")


@pytest.mark.parametrize("line", ["try_files $uri =404;", "try_files $uri $uri/ =404;"])
@pytest.mark.parametrize("location", ["/", "/app/", "~ ^/app", "= /app"])
def test_only_files_are_handed_on(tmp_path, line, location):
    assert of(tmp_path, line, location)["try-files-404"] == 3


@pytest.mark.parametrize(
    ("line", "location"),
    [
        ("try_files $uri @app;", "/"),
        ("try_files /maintenance.html =404;", "/"),
        ("try_files $uri =404;", r"~ \\.php$"),
        ("try_files $uri =404;", r"~ \\.(?:cgi|pl)$"),
        ("try_files $uri =404; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;", "/cgi-bin/"),
        ("", "/"),
    ],
)
def test_files_are_looked_for_with_reason(tmp_path, line, location):
    assert "try-files-404" not in of(tmp_path, line, location)


def test_files_of_another_location(tmp_path):
    assert "try-files-404" not in of(tmp_path, "", beside="location /static/ { try_files $uri =404; }")


def test_no_client_comes_there(tmp_path):
    assert of(tmp_path, "internal;")["location-internal"] == 3
    assert of(tmp_path, "\ninternal;", "@app")["location-internal"] == 4


@pytest.mark.parametrize(
    "beside",
    [
        "auth_request /auth;",
        "error_page 404 = /auth;",
        "location /x { try_files $uri /auth; }",
        "rewrite ^ /auth;",
        "location /x { proxy_pass http://y; }",
    ],
)
def test_something_leads_there(tmp_path, beside):
    assert "location-internal" not in of(tmp_path, "internal;", "/auth", beside)


def test_a_part_of_a_file(tmp_path):
    assert "location-internal" not in codes(tmp_path / "a", "location / { internal; fastcgi_pass x:1; }")


@pytest.mark.parametrize(
    ("first", "second", "line"),
    [
        ("listen 80; server_name a.org b.org;", "server_name c.org A.org;", 2),
        ("listen *:80;", "listen 0.0.0.0:80 reuseport;", 2),
        ("listen 80; server_name a.org;", "listen 8080; server_name a.org;", None),
        ("listen 80; server_name a.org;", "listen 127.0.0.1:80; server_name a.org;", None),
        ("server_name a.org;", "server_name b.org;", None),
    ],
)
def test_two_servers_of_one_name(tmp_path, first, second, line):
    text = f"server {{ {first} }}\nserver {{ {second} }}\nupstream x {{ server a:1; server a:1; }}\n"
    assert codes(tmp_path / "a", text).get("server-twice") == line

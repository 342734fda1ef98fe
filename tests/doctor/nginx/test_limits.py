"""Limits, buffers, kept connections and aliases of nginx."""

from __future__ import annotations

import pytest

from tests.doctor.asked import codes


def of(tmp_path, text):
    return codes(tmp_path / "a", text)


def test_a_limit_of_the_server_or_of_http_counts(tmp_path):
    assert of(tmp_path, "server {\nlocation / { scgi_pass x:1; } }")["body-limit"] == 1
    for text in (
        "client_max_body_size 9m; server { location / { scgi_pass x:1; } }",
        "server { client_max_body_size 0; location / { scgi_pass x:1; } }",
        "server { location / { scgi_pass x:1; internal; } }",
    ):
        assert "body-limit" not in of(tmp_path, text)
    assert of(tmp_path, "server {\n location / {\n client_max_body_size 9k; scgi_pass x:1; } }")["body-limit"] == 3


def test_settings_of_the_main_file_count(tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "nginx.conf").write_text("http { client_max_body_size 9m; include conf.d/*.conf; }")
    assert "body-limit" not in codes(tmp_path / "conf.d" / "a.conf", "server { location / { scgi_pass x:1; } }")
    found = codes(tmp_path / "conf.d" / "a.off", "server { location / { scgi_pass x:1; } }")
    assert found.keys() >= {"config-disabled", "body-limit"}


@pytest.mark.parametrize(
    ("upstream", "inside", "code"),
    [
        ("keepalive 2;", "fastcgi_pass app;", "keepalive-unused"),
        ("keepalive 2;", "fastcgi_pass app; fastcgi_keep_conn off;", "keepalive-unused"),
        ("keepalive 2;", "scgi_pass app;", "keepalive-unused"),
        ("keepalive 2;", "proxy_pass http://app; proxy_http_version 1.1;", "keepalive-unused"),
        ("keepalive 2; keepalive_timeout 75s;", "fastcgi_pass app; fastcgi_keep_conn on;", "keepalive-longer"),
        ("keepalive 2;", "fastcgi_pass app; fastcgi_keep_conn on;", None),
        ("", "fastcgi_pass app;", None),
    ],
)
def test_kept_connections(tmp_path, upstream, inside, code):
    text = f"upstream app {{ server a:1; {upstream} }}\nserver {{ location / {{ {inside} }} }}"
    found = {name for name in of(tmp_path, text) if name.startswith("keepalive")}
    assert found == ({code} if code else set())


@pytest.mark.parametrize(
    ("location", "alias", "code"),
    [
        ("/static", "/srv/static/", "alias-traversal"),
        ("^~ /static", "/srv/static/", "alias-traversal"),
        ("/static/", "/srv/static", "alias-slash"),
        ("/static/", "/srv/static/", None),
        ("/static", "/srv/static", None),
        ("= /static", "/srv/static/", None),
        ("~ ^/static", "/srv/static/", None),
    ],
)
def test_aliases(tmp_path, location, alias, code):
    found = of(tmp_path, f"server {{ listen 80; location {location} {{ alias {alias}; }} }}")
    assert set(found) == ({code} if code else {"configuration-read"})


def test_timeouts_and_buffers(tmp_path):
    found = of(tmp_path, "location /a/ {\nuwsgi_pass x:1;\nuwsgi_read_timeout 900ms;\nuwsgi_request_buffering off;\n}")
    assert (found["timeout-short"], found["body-unmeasured"], found["stream-buffered"]) == (3, 4, 2)
    assert "stream-buffered" not in of(tmp_path, "location /a/ { uwsgi_pass x:1; uwsgi_buffering off; }")


def test_mount_points(tmp_path):
    assert "mount-wide" in of(tmp_path, "location /app { uwsgi_pass x:1; }")
    for location in ("/", "/app/", "= /app", "~ ^/app"):
        assert "mount-wide" not in of(tmp_path, f"location {location} {{ uwsgi_pass x:1; }}")

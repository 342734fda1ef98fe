"""Where nginx hands requests on."""

from __future__ import annotations

import pytest

from gateways.doctor.nginx.places import places, seconds, size
from gateways.doctor.nginx.syntax import Reader


def only(tmp_path, text):
    path = tmp_path / "a.conf"
    path.write_text(text)
    [place] = places(Reader(str(path)).read(str(path)))
    return place


@pytest.mark.parametrize(
    ("value", "target", "path", "tls"),
    [
        ("http://app", "app", "", False),
        ("http://127.0.0.1:8000/", "127.0.0.1:8000", "/", False),
        ("https://[::1]:8000/x", "[::1]:8000", "/x", True),
        ("http://unix:/run/app.sock", "unix:/run/app.sock", "", False),
        ("http://unix:/run/app.sock:/x", "unix:/run/app.sock", "/x", False),
    ],
)
def test_the_address_of_proxy_pass(tmp_path, value, target, path, tls):
    place = only(tmp_path, f"location / {{ proxy_pass {value}; }}")
    assert (place.target, place.target_path, place.by_tls) == (target, path, tls)


def test_what_is_inherited(tmp_path):
    place = only(
        tmp_path,
        "http { client_max_body_size 1m; fastcgi_param A 1; server { client_max_body_size 2m; client_max_body_size 3m;"
        " fastcgi_param B 2; location ^~ /a { fastcgi_pass x; } } }",
    )
    assert place.setting("client_max_body_size").value == "3m"
    assert [param.value for param in place.params] == ["B"]  # those of the innermost block, and no other
    assert place.param("B") == "2"
    assert place.param("A") is None
    assert (place.path, place.regex, place.protocol) == ("/a", None, "fastcgi")
    assert place.own("read_timeout") is None


@pytest.mark.parametrize(
    ("location", "path", "regex"),
    [
        ("= /a", "/a", None),
        ("~ ^/a", None, "^/a"),
        ("~* [.]php$", None, "[.]php$"),
        ("@app", None, None),
        ("/", "/", None),
    ],
)
def test_locations(tmp_path, location, path, regex):
    place = only(tmp_path, f"location {location} {{ scgi_pass x; internal; }}")
    assert (place.path, place.regex, place.internal) == (path, regex, True)


def test_headers_have_names_in_any_letters(tmp_path):
    place = only(tmp_path, "location / { proxy_pass http://x; proxy_set_header HOST $host; }")
    assert place.header("Host") == "$host"
    assert place.header("Authorization") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("1k", 1024), ("2M", 2 << 20), ("3g", 3 << 30), ("0", 0), ("12", 12), ("x", None), ("1kk", None)],
)
def test_sizes(text, value):
    assert size(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("60", 60), ("60s", 60), ("1m", 60), ("1h30m", 5400), ("500ms", 0.5), ("1d", 86400), ("x", None), ("", None)],
)
def test_times(text, value):
    assert seconds(text) == value

"""Where Caddy hands requests on."""

from __future__ import annotations

import pytest

from gateways.doctor.caddy.places import ALL, patterns, places, seconds, size
from gateways.doctor.caddy.syntax import Reader


def of(tmp_path, text):
    path = tmp_path / "Caddyfile"
    path.write_text(f"a.org {{\n{text}\n}}\n")
    return list(places(Reader(str(path)).read(str(path))))


@pytest.mark.parametrize(
    ("text", "protocol", "upstreams"),
    [
        ("reverse_proxy unix//run/a", "http", ["unix//run/a"]),
        ("reverse_proxy /x/* a:1 b:2", "http", ["a:1", "b:2"]),
        ("reverse_proxy * a:1 {\ntransport fastcgi\n}", "fastcgi", ["a:1"]),
        ("reverse_proxy @x {\nto a:1\ntransport fastcgi {\n}\n}", "fastcgi", ["a:1"]),
        ("php_fastcgi a:1", "fastcgi", ["a:1"]),
        ("reverse_proxy a:1 {\ntransport uwsgi\n}", "uwsgi", ["a:1"]),
        ("handle {\nroute {\nreverse_proxy {\ntransport\n}\n}\n}", "http", []),
    ],
)
def test_kinds(tmp_path, text, protocol, upstreams):
    [place] = of(tmp_path, text)
    assert (place.protocol, [one.text for one in place.upstreams]) == (protocol, upstreams)


def test_the_parts_of_an_address(tmp_path):
    [place] = of(tmp_path, "reverse_proxy https://a:1/b h2c://c d")
    assert [(one.scheme, one.host, one.path) for one in place.upstreams] == [
        ("https", "a:1", "/b"),
        ("h2c", "c", ""),
        ("", "d", ""),
    ]
    assert place.by_tls
    assert [
        of(tmp_path, f"reverse_proxy a {{\ntransport http {{\n{line}\n}}\n}}")[0].by_tls
        for line in ("tls_server_name b", "versions h2c 2", "versions 1.1 2", "keepalive 1s")
    ] == [True, True, False, False]


@pytest.mark.parametrize(
    ("definition", "found"),
    [
        ("path /a /b/*", ("/a", "/b/*")),
        ("{\npath /a\n}", ("/a",)),
        ("{\npath /a\nmethod GET\n}", None),
        ("method GET", None),
        ("path_regexp ^/a/b/", ("/a/b/*",)),
        ("path_regexp (?s)^/a(/.*)?$", ("/a/*",)),
        ("path_regexp name ^/a(/|$)", ("/a/*",)),
        ("path_regexp [.]php$", None),
        ("{\n}", None),
    ],
)
def test_named_matchers(tmp_path, definition, found):
    [place] = of(tmp_path, f"@x {definition}\nhandle @x {{\nreverse_proxy a\n}}")
    assert patterns(place.blocks[1]) == found


def test_matchers(tmp_path):
    found = [
        patterns(one.directive)
        for one in of(tmp_path, "\n".join(f"reverse_proxy {m} a" for m in ("", "*", "/*", "/b", "@no")))
    ]
    assert found == [ALL, ALL, ALL, ("/b",), None]


@pytest.mark.parametrize(
    ("text", "mount", "stripped"),
    [
        ("handle /app/* {\nreverse_proxy a\n}", "/app", None),
        ("handle_path /app* {\nreverse_proxy a\n}", "/app", "handle_path"),
        ("handle_path /app/* {\nroute {\nreverse_proxy a\n}\n}", "/app", "handle_path"),
        ("handle /app/* {\nuri strip_prefix /app\nreverse_proxy a\n}", "/app", "uri"),
        ("uri /app/* strip_prefix /app\nreverse_proxy /app/* a", "/app", "uri"),
        ("uri /app/* strip_prefix /app\nreverse_proxy a", "", None),
        ("handle {\nreverse_proxy a\n}", "", None),
    ],
)
def test_mounts(tmp_path, text, mount, stripped):
    [place] = of(tmp_path, text)
    assert (place.mount, place.stripped and place.stripped.name) == (mount, stripped)


def test_headers_and_variables(tmp_path):
    text = (
        "request_header -X-A*\nrequest_header /b X-C d\nreverse_proxy a {\nheader_up +X-E f\n"
        "transport fastcgi {\nenv G h\nsplit .x\n}\n}"
    )
    [place] = of(tmp_path, text)
    assert place.takes_out("x-aut")
    assert place.header("X-E")
    assert place.takes_out("X-E") is None
    assert place.header("X-C") is None
    assert place.variable("G").args == ("G", "h")
    assert place.variable("H") is None
    assert place.option("split").value == ".x"
    [place] = of(tmp_path, "php_fastcgi a {\nenv G h\nindex off\n}")
    assert place.variable("G").args == ("G", "h")
    assert place.option("index").value == "off"


@pytest.mark.parametrize(
    ("text", "number"),
    [("10s", 10), ("1m30s", 90), ("1.5h", 5400), ("500ms", 0.5), ("off", None), ("10", None), ("", None)],
)
def test_durations(text, number):
    assert seconds(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("10", 10),
        ("1KB", 1000),
        ("10MiB", 10 << 20),
        ("1.5mb", 1500000),
        ("2 G", 2 * 10**9),
        ("many", None),
        ("", None),
    ],
)
def test_sizes(text, number):
    assert size(text) == number

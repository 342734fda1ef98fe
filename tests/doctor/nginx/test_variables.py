"""What nginx tells an application. The faults of whole configurations are in tests/live/sitefaults.py."""

from __future__ import annotations

import pytest

from tests.doctor.asked import codes

STOCK = "\n".join(
    f"fastcgi_param {name} $x;"
    for name in (
        *("QUERY_STRING", "REQUEST_METHOD", "CONTENT_TYPE", "CONTENT_LENGTH", "SCRIPT_NAME", "REQUEST_URI"),
        *("SERVER_PROTOCOL", "REMOTE_ADDR", "SERVER_PORT", "SERVER_NAME"),
    )
)


def of(tmp_path, inside, location="/", server="listen 80;"):
    return codes(
        tmp_path / "a", f"server {{ {server} client_max_body_size 9m;\nlocation {location} {{\n{inside}\n}} }}"
    )


def test_nothing_is_passed(tmp_path):
    found = of(tmp_path, "uwsgi_pass x:1;")
    assert found["variable-missing"] == 3
    assert "path-missing" not in found  # it is said already


def test_what_nginx_ships(tmp_path):
    found = of(tmp_path, f"fastcgi_pass x:1;\n{STOCK}")
    assert set(found) == {"path-info-missing", "httpoxy-header", "stream-buffered"}


def test_php_wants_other_variables(tmp_path):
    assert set(of(tmp_path, f"fastcgi_pass x:1;\n{STOCK}", r"~ \.php$")) == {"stream-buffered"}


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ("fastcgi_split_path_info ^(/app)(.*)$; fastcgi_param PATH_INFO $fastcgi_path_info;", 4),
        ("fastcgi_split_path_info ^(.+\\.php)(.*)$; fastcgi_param PATH_INFO $fastcgi_path_info;", 4),
        ("fastcgi_split_path_info ^()(/.*)$;", 4),
        ("fastcgi_param PATH_INFO $fastcgi_path_info;", 4),
        ("fastcgi_param PATH_INFO $request_uri;", 5),
        ("try_files $uri @x; fastcgi_split_path_info ^()(/.*)$; fastcgi_param PATH_INFO $fastcgi_path_info;", 4),
    ],
)
def test_paths_that_are_divided_wrongly(tmp_path, lines, line):
    assert of(tmp_path, f"\n{lines}\nfastcgi_pass x:1;\n{STOCK}")["path-split"] == line


@pytest.mark.parametrize("split", ["^()(/.*)$", "^(/app)(/.*)?$", "^(/a/b)(/.*)$"])
def test_paths_that_are_divided_well(tmp_path, split):
    lines = f'fastcgi_split_path_info {split}; fastcgi_param PATH_INFO $fastcgi_path_info; fastcgi_param HTTP_PROXY "";'
    assert "path-split" not in of(tmp_path, f"fastcgi_pass x:1;\n{lines}\n{STOCK}")


def test_the_same_value_twice_is_no_harm(tmp_path):
    assert "variable-twice" not in of(tmp_path, f"fastcgi_pass x:1;\n{STOCK}\n{STOCK}")
    found = of(tmp_path, f'fastcgi_pass x:1;\n{STOCK}\nfastcgi_param SCRIPT_NAME "";')
    assert found["variable-twice"] == 14


def test_tls(tmp_path):
    for line, passes in (("fastcgi_pass x:1;", STOCK), ("proxy_pass http://x;", "proxy_set_header Host $host;")):
        assert of(tmp_path, f"{line}\n{passes}", server="listen 443 ssl;")["https-unseen"] == 3
        assert "https-unseen" not in of(tmp_path, f"{line}\n{passes}")
    assert "https-unseen" not in of(
        tmp_path, f"fastcgi_pass x:1; fastcgi_param HTTPS $https;{STOCK}", server="listen 443 ssl;"
    )


def test_a_body_that_is_left_out(tmp_path):
    off = "fastcgi_pass x:1;\nfastcgi_pass_request_body off;\n"
    assert of(tmp_path, off + STOCK)["body-dropped"] == 4
    assert "body-dropped" not in of(tmp_path, f'{off}{STOCK}\nfastcgi_param CONTENT_LENGTH "";')


def test_headers_for_http(tmp_path):
    assert of(tmp_path, "proxy_pass http://x/;").keys() >= {"host-lost", "url-changed"}
    found = of(tmp_path, 'proxy_pass http://x; proxy_set_header Host $host; proxy_set_header Authorization "";')
    assert set(found) == {"authorization-lost", "stream-buffered"}

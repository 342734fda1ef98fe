"""The file for nginx."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateways.deploy.nginx import write
from gateways.deploy.registry import describe
from gateways.errors import ConfigError
from tests.deploy.breakout import check_that_values_stay_values, text


def test_the_example_of_the_issue() -> None:
    (file,) = write(
        describe("nginx", "fastcgi", ["unix:/run/app.sock"], mount="/app", static=(("/static", "/srv/static"),))
    )
    assert file.path == "nginx/fastcgi-mounted.conf"
    assert 'location ~ "(?s)^(?<example_mount>/app)(?<example_path>/.*)?$" {' in file.text
    assert "location ^~ /static/ {\n        alias /srv/static/;" in file.text


def test_the_longest_name() -> None:
    """PCRE takes no group whose name has more than 32 characters."""
    (file,) = write(describe("nginx", mount="/app", name="n" * 32))
    groups = re.findall(r"\(\?<(\w+)>", file.text)
    assert [len(group) for group in groups] == [32, 31]
    assert all(f"${group};" in file.text for group in groups)


def test_a_dollar_has_no_quotes() -> None:
    with pytest.raises(ConfigError, match="sign of a variable"):
        write(describe("nginx", static=(("/static", "/srv/$x"),)))


FIELDS = ("mount", "root", "static", "private")


@pytest.mark.parametrize("transport", ["fastcgi", "http"])
def test_values_stay_values(transport: str) -> None:
    check_that_values_stay_values("nginx", transport, FIELDS)


def test_no_variable_comes_from_a_value() -> None:
    for values in ({"root": "/srv/$host"}, {"private": (("/private", "/srv/${host}"),)}):
        with pytest.raises(ConfigError, match="sign of a variable"):
            text("nginx", **values)
    assert '"(?s)^(?<example_mount>/\\$host)' in text("nginx", mount="/$host")


def test_kept_connections_wait_for_less_than_the_gateway() -> None:
    assert "keepalive_timeout 60s" in text("nginx")
    assert "fastcgi_keep_conn on;" in text("nginx")


def test_the_authorizer_is_told_of_the_mount_point() -> None:
    written = text("nginx", mount="/app", authorizer="unix:/run/auth.sock")
    assert "set $example_mount_asked $example_mount;" in written
    assert "fastcgi_param  PATH_INFO          $example_path_asked;" in written
    with pytest.raises(ConfigError, match="give --fastcgi"):
        text("nginx", "http", authorizer="unix:/run/auth.sock")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"upload_limit": 0}, "client_max_body_size 0;"),
        ({"upload_limit": 1 << 30}, "client_max_body_size 1g;"),
        ({"timeout": 1.5}, "fastcgi_read_timeout 1500ms;"),
        ({"unbuffered": True}, "\n        fastcgi_buffering off;"),
        ({"tls": ("/c.pem", "/k.pem")}, "ssl_certificate_key /k.pem;"),
        ({"tls": ("/c.pem", "/k.pem")}, "SSL_CLIENT_VERIFY"),
        ({"name": "my-app"}, "$my_app_port"),
        ({"server_name": "*.example.com"}, "server_name *.example.com;"),
    ],
)
def test_what_a_flag_writes(values: dict[str, Any], said: str) -> None:
    assert said in text("nginx", **values)

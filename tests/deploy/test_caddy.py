"""The Caddyfile."""

from __future__ import annotations

from typing import Any

import pytest

from gateways.errors import ConfigError
from tests.deploy.breakout import check_that_values_stay_values, text


@pytest.mark.parametrize("transport", ["fastcgi", "http"])
def test_values_stay_values(transport: str) -> None:
    check_that_values_stay_values("caddy", transport, ("mount", "root", "static", "private"))


@pytest.mark.parametrize(
    ("transport", "values", "said"),
    [
        ("fastcgi", {"mount": "/a{path}"}, '@example path_regexp "(?s)^/a[{]path[}](/.*)?$"'),
        ("fastcgi", {"mount": "/app"}, "--script-name /app"),
        ("fastcgi", {"upload_limit": 5}, "max_size 5\n"),
        ("fastcgi", {"timeout": 1.5}, "read_timeout 1500ms"),
        ("http", {"timeout": 30.0}, "read_timeout 30s"),
        ("http", {}, "header_up -Proxy"),
        ("fastcgi", {"tls": ("/c", "/k")}, "\ttls /c /k\n"),
        ("fastcgi", {"static": (("/\xfc", "/srv/u"),)}, 'uri strip_prefix "/%C3%BC"'),
    ],
)
def test_what_a_flag_writes(transport: str, values: dict[str, Any], said: str) -> None:
    assert said in text("caddy", transport, **values)


@pytest.mark.parametrize(
    "pair", [("/{path}", "/srv/private"), ("/a*b", "/srv/private"), ("/a", "/srv/{path}")], ids=lambda pair: pair[0]
)
def test_placeholders_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match="caddy cannot have"):
        text("caddy", private=(pair,))


def test_files_above_the_application_come_after_it() -> None:
    written = text("caddy", mount="/a/b", static=(("/a", "/srv/a"), ("/a/b/c", "/srv/c")))
    places = [written.index(line) for line in ('"^/a/b/c/"', "handle @example {", '"^/a/"', "# Other content")]
    assert places == sorted(places)


def test_no_limit_for_uploads() -> None:
    assert "max_size" not in text("caddy", upload_limit=0)


def test_several_machines() -> None:
    written = text("caddy", "http", ("10.0.0.1:80", "10.0.0.2:80"))
    assert "reverse_proxy 10.0.0.1:80 10.0.0.2:80 {" in written
    assert "lb_policy least_conn" in written

"""The files for HAProxy."""

from __future__ import annotations

from typing import Any

import pytest

from gateways.errors import ConfigError
from tests.deploy.breakout import check_that_values_stay_values, text


@pytest.mark.parametrize("transport", ["fastcgi", "http"])
def test_values_stay_values(transport: str) -> None:
    check_that_values_stay_values("haproxy", transport, ("mount", "root"), "'")


@pytest.mark.parametrize(
    ("transport", "values", "said"),
    [
        ("fastcgi", {"mount": "/app"}, "path-info '^(/app)(/.*)?$'"),
        ("http", {"mount": "/app"}, "{ path,url_dec -m beg '/app/' }"),
        ("fastcgi", {"upload_limit": 5}, "{ req.body_size gt 5 }"),
        ("fastcgi", {"timeout": 1.5}, "timeout server 1500ms "),
        ("fastcgi", {"multiplex": 4}, "option max-reqs 4\n"),
        ("fastcgi", {"multiplex": 4}, "--fcgi-multiplex 4\n"),
        ("fastcgi", {"ping": "/ping"}, "http-check send meth GET uri /ping ver HTTP/1.1 hdr Host example.org"),
        ("fastcgi", {"tls": ("/c", "/c.key")}, "bind :443 ssl crt /c\n"),
        ("fastcgi", {"tls": ("/c", "/c")}, "set-param SSL_PROTOCOL "),
        ("http", {}, "http-request set-header X-Forwarded-For %[src]"),
    ],
)
def test_what_a_flag_writes(transport: str, values: dict[str, Any], said: str) -> None:
    assert said in text("haproxy", transport, **values)


@pytest.mark.parametrize(
    ("transport", "addresses", "values", "said"),
    [
        ("http", (), {"multiplex": 4}, "give --fastcgi"),
        ("fastcgi", ("unix:/run/app.sock",), {}, "give host:port"),
        ("fastcgi", (), {"mount": "/a'b"}, "it ends a text"),
        ("fastcgi", (), {"tls": ("/c", "/k")}, "/c.key"),
        ("scgi", (), {}, "cannot speak SCGI"),
    ],
)
def test_refused(transport: str, addresses: tuple[str, ...], values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        text("haproxy", transport, addresses, **values)


def test_many_machines() -> None:
    written = text("haproxy", "fastcgi", tuple(f"10.0.0.{number}:9000" for number in range(1, 9)))
    assert "    server six 10.0.0.6:9000\n    server app7 10.0.0.7:9000\n" in written
    assert "option httpchk" not in written

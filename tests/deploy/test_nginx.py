"""The file for nginx."""

from __future__ import annotations

import pytest

from gateways.deploy.nginx import write
from gateways.deploy.registry import describe
from gateways.errors import ConfigError


def test_the_example_of_the_issue() -> None:
    (file,) = write(
        describe("nginx", "fastcgi", ["unix:/run/app.sock"], mount="/app", static=(("/static", "/srv/static"),))
    )
    assert file.path == "nginx/fastcgi-mounted.conf"
    assert 'location ~ "(?s)^(?<example_mount>/app)(?<example_path>/.*)?$" {' in file.text
    assert "location ^~ /static/ {\n        alias /srv/static/;" in file.text


def test_a_dollar_has_no_quotes() -> None:
    with pytest.raises(ConfigError, match="sign of a variable"):
        write(describe("nginx", static=(("/static", "/srv/$x"),)))

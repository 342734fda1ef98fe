"""The file for h2o."""

from __future__ import annotations

from typing import Any

import pytest

from gateways.errors import ConfigError
from tests.deploy.breakout import check_that_values_stay_values, text


def test_values_stay_values() -> None:
    check_that_values_stay_values("h2o", "fastcgi", ("mount", "root", "static"))


@pytest.mark.parametrize(
    ("addresses", "values", "said"),
    [
        (("unix:/run/app.sock",), {}, "          port: /run/app.sock\n          type: unix\n"),
        (("[::1]:9000",), {}, '          host: "::1"\n          port: 9000\n          type: tcp\n'),
        ((), {"mount": "/app"}, '      "/app":\n        fastcgi.connect:'),
        ((), {"mount": "/app"}, '      "/":\n        file.dir: "/srv/example/public"'),
        ((), {"upload_limit": 0}, f"limit-request-body: {1 << 50}\n"),
        ((), {"timeout": 1.5}, "fastcgi.timeout.io: 1500\n"),
        ((), {"tls": ("/c", "/k")}, "    key-file: /k\n"),
        ((), {"tls": ("/c", "/k")}, '        url: "https://example.org/"'),
    ],
)
def test_what_a_flag_writes(addresses: tuple[str, ...], values: dict[str, Any], said: str) -> None:
    assert said in text("h2o", "", addresses, **values)


def test_many_names_have_no_place_to_be_sent_to() -> None:
    with pytest.raises(ConfigError, match="give one name"):
        text("h2o", server_name="*.example.com", tls=("/c", "/k"))
    assert '  "*.example.com":\n' in text("h2o", server_name="*.example.com")


def test_the_longest_path_is_first() -> None:
    written = text("h2o", static=(("/s", "/srv/s"), ("/s/more", "/srv/more")))
    assert written.index('"/s/more/"') < written.index('"/s/"')

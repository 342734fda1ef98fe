"""What each server can do: the usual description, and refusals that say what to do."""

from __future__ import annotations

from typing import Any

import pytest

from gateways.deploy.registry import SERVERS, describe, generate
from gateways.errors import ConfigError


@pytest.mark.parametrize("server", SERVERS)
def test_every_server_has_a_usual_configuration(server: str) -> None:
    deployment = describe(server)
    files = generate(deployment)
    assert files
    for file in files:
        assert file.text.endswith("\n")
        assert f"  {deployment.command()}\n" in file.text


def test_an_address_has_its_host() -> None:
    assert describe("nginx", "fastcgi", [":9000", "unix:///run/a.sock"]).addresses == (
        "127.0.0.1:9000",
        "unix:/run/a.sock",
    )


def test_what_is_none_was_not_given() -> None:
    deployment = describe("nginx", tls=None, upload_limit=0)
    assert (deployment.has("tls"), deployment.has("upload_limit")) == (False, True)
    assert generate(deployment)


@pytest.mark.parametrize(
    ("server", "values", "said"),
    [
        ("ngnix", {}, "did you mean nginx?"),
        ("nginx", {"transport": "ajp"}, "it cannot speak AJP13: give --fastcgi"),
        ("nginx", {"transport": "spawn"}, "it cannot start an application"),
        ("nginx", {"multiplex": 8}, "--multiplex with nginx: "),
        ("nginx", {"variant": "other"}, "--variant other with nginx: "),
    ],
)
def test_what_is_not_possible(server: str, values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        generate(describe(server, **values))
    assert said in str(caught.value)


#: For each flag a value that is not the usual one; where a server needs more to make use of it, that as well.
OTHER: dict[str, Any] = {
    "app": "other:app",
    "name": "other",
    "mount": "/other",
    "server_name": "other.example",
    "root": "/srv/other",
    "static": (("/other", "/srv/other"),),
    "private": (("/other", "/srv/other"),),
    "upload_limit": 12345,
    "timeout": 77.0,
    "unbuffered": True,
    "tls": ("/other.pem", "/other.pem.key"),
    "authorizer": "unix:/run/other.sock",
    "multiplex": 77,
    "ping": "/other",
    "user": "other",
    "group": "other",
    "workers": 77,
    "script": "/srv/other.fcgi",
    "python": "/opt/other/python",
    "image": "other:1",
}
#: Servers that pass on every response piece by piece anyway, those where nothing has a name, and one that tells the
#: document root by FastCGI only.
EXEMPT = {
    "unbuffered": ("lighttpd", "caddy", "haproxy", "h2o", "apache"),
    "name": ("caddy", "h2o", "htaccess"),
    "root": ("haproxy",),
}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("field", OTHER)
def test_a_flag_does_something_or_is_refused(server: str, field: str) -> None:
    def written(transport: str, **values: Any) -> list[str]:
        try:
            files = generate(describe(server, transport, **values))
        except ConfigError:
            return []
        return [line for file in files for line in file.text.splitlines() if "gateways conf" not in line]

    more = {"mount": "/app"} if field == "root" else {}
    without = set()
    for transport in SERVERS[server].transports:
        usual = written(transport, **more)
        assert usual
        if usual == written(transport, **more, **{field: OTHER[field]}):
            without.add(transport)
    assert not without or server in EXEMPT.get(field, ())


@pytest.mark.parametrize(("field", "value"), [("timeout", 60.0), ("upload_limit", 100 << 20)])
def test_the_usual_value_is_one_that_is_given(field: str, value: float) -> None:
    """It is refused where it means nothing, and in the command that writes the same files."""
    assert f" --{field.replace('_', '-')} " in describe("nginx", **{field: value}).command()
    if field == "timeout":
        with pytest.raises(ConfigError, match="give it to the web server"):
            generate(describe("systemd", timeout=value))
    else:
        assert "--max-body-size 100M" in generate(describe("systemd", upload_limit=value))[1].text


@pytest.mark.parametrize(
    ("server", "transport", "addresses", "field"),
    [
        ("nginx", "fastcgi", ["127.0.0.1:1"], "workers"),
        ("nginx", "fastcgi", ["127.0.0.1:1"], "group"),
        ("lighttpd", "cgi", [], "workers"),
        ("lighttpd", "spawn", [], "group"),
        ("lighttpd", "scgi", ["127.0.0.1:1"], "python"),
    ],
)
def test_what_means_nothing_in_this_way(server: str, transport: str, addresses: list[str], field: str) -> None:
    with pytest.raises(ConfigError, match=f"--{field} with {server}: "):
        generate(describe(server, transport, addresses, **{field: OTHER[field]}))

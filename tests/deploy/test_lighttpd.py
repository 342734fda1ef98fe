"""The file for lighttpd."""

from __future__ import annotations

from typing import Any

import pytest

from gateways.errors import ConfigError
from tests.deploy.breakout import check_that_values_stay_values, text


@pytest.mark.parametrize("transport", ["fastcgi", "spawn", "cgi", "http"])
def test_values_stay_values(transport: str) -> None:
    """The command of a script takes plain paths only, so that the root gets its own where there is one."""
    script = {"script": "/srv/app.fcgi"} if transport == "spawn" else {}
    check_that_values_stay_values("lighttpd", transport, ("mount", "root", "static", "private"), **script)


@pytest.mark.parametrize(
    ("transport", "values", "said"),
    [
        ("fastcgi", {"mount": "/app"}, '$HTTP["url"] !~ "^/app[^/]" {'),
        ("fastcgi", {"mount": "/a.b"}, '$HTTP["url"] =~ "^/a[.]b" {'),
        ("fastcgi", {"upload_limit": 1025}, "server.max-request-size = 2 "),
        ("fastcgi", {"timeout": 0.5 + 1}, '"read-timeout" => 2,'),
        ("fastcgi", {"tls": ("/c", "/k")}, 'ssl.privkey = "/k"'),
        ("fastcgi", {"private": (("/p", "/srv/p"),)}, '"x-sendfile-docroot" => ( "/srv/p/" ),'),
        ("cgi", {"private": (("/p", "/srv/p"),)}, 'cgi.x-sendfile-docroot = ( "/srv/p/" )'),
        ("cgi", {"script": "/srv/x.cgi"}, 'alias.url   = ( "/" => "/srv/x.cgi/" )'),
        ("spawn", {"workers": 7}, '"max-procs" => 7,'),
        ("spawn", {"python": "/opt/python"}, "#!/opt/python"),
        ("spawn", {"app": "shop:app"}, 'run("shop:app")'),
        ("cgi", {"app": "shop:app"}, 'run_with_cgi("shop:app")'),
        ("fastcgi", {"server_name": "*.example.com"}, '$HTTP["host"] =~ "[.]example[.]com(:[0-9]+)?$" {'),
        ("uwsgi", {}, 'scgi.protocol = "uwsgi"'),
    ],
)
def test_what_a_flag_writes(transport: str, values: dict[str, Any], said: str) -> None:
    assert said in text("lighttpd", transport, **values)


@pytest.mark.parametrize(
    ("transport", "values", "said"),
    [
        ("scgi", {"authorizer": "unix:/a"}, "give --fastcgi"),
        ("spawn", {"authorizer": "unix:/a"}, "give --fastcgi"),
        ("fastcgi", {"script": "/srv/x.cgi"}, "starts no scripts"),
        ("cgi", {"variant": "directory", "mount": "/app"}, "leave out --mount"),
        ("cgi", {"variant": "directory", "app": "shop:app"}, "leave out --app"),
        ("fastcgi", {"variant": "directory"}, "give --cgi"),
        ("spawn", {"root": "/srv/a b"}, "' ' cannot be in .* splits it at spaces"),
        ("spawn", {"root": "/srv/größe"}, "'ö' cannot be in"),
        ("spawn", {"root": "/srv/a(b)"}, "'[(]' cannot be in"),
        ("ajp", {"ajp_secret": "x"}, "apache has one"),
    ],
)
def test_refused(transport: str, values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        text("lighttpd", transport, **values)


def test_several_machines() -> None:
    written = text("lighttpd", "scgi", ("10.0.0.1:4000", "[::1]:4000"))
    assert '"host" => "10.0.0.1",' in written
    assert '"host" => "::1",' in written
    assert 'scgi.balance = "least-connection"' in written

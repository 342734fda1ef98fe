"""Which file of Apache a description is for, and that no value of it gets out of its word."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from gateways.deploy.registry import describe, generate
from gateways.errors import ConfigError
from tests.deploy import hostile
from tests.deploy.apachewords import directives

KINDS: list[tuple[str, str, list[str], dict[str, Any]]] = [
    ("cgi", "cgi", [], {}),
    ("fcgid", "spawn", [], {}),
    ("fcgid-authorizer", "spawn", [], {"authorizer": "/srv/auth.fcgi", "mount": "/app"}),
    ("proxy_fcgi", "fastcgi", ["unix:/run/a.sock"], {}),
    ("proxy_fcgi-sethandler", "fastcgi", ["127.0.0.1:9000"], {"variant": "sethandler"}),
    ("authnz_fcgi", "fastcgi", ["unix:/run/a.sock"], {"authorizer": "127.0.0.1:9001"}),
    ("proxy_balancer", "fastcgi", ["10.0.0.1:9000", "10.0.0.2:9000"], {}),
    ("proxy_scgi", "scgi", ["unix:/run/a.sock"], {}),
    ("proxy_uwsgi", "uwsgi", ["[::1]:3031"], {}),
    ("proxy_ajp", "ajp", ["127.0.0.1:8009"], {"ajp_secret": "it's a secret"}),
    ("proxy_http", "http", ["unix:/run/a.sock"], {}),
]


@pytest.mark.parametrize(("name", "transport", "addresses", "values"), KINDS, ids=[kind[0] for kind in KINDS])
def test_the_file(name: str, transport: str, addresses: list[str], values: dict[str, Any]) -> None:
    [file] = generate(describe("apache", transport, addresses, **values))
    assert file.path == f"apache/{name}.conf"
    assert f"\n#   gateways conf apache --{transport}" in file.text
    lines = directives(file.text)
    opened = [line[0] for line in lines if f"<{line[0]} " in file.text]
    closed = [line[0][1:] for line in lines if line[0].startswith("/") and len(line) == 1]
    assert sorted(opened) == sorted(closed)


@given(mount=hostile.mounts, directory=hostile.directories)
def test_no_value_gets_out_of_its_word(mount: str, directory: str) -> None:
    usual = ["/mount", "/srv/directory"]
    for _, transport, addresses, values in KINDS:
        texts = []
        for where, place in (usual, (mount, directory)):
            given_ = {**values, "mount": where, "root": place, "static": (("/static", f"{place}/static"),)}
            try:
                [file] = generate(describe("apache", transport, addresses, **given_))
            except ConfigError:
                assert where == mount
                break
            texts.append(file.text)
        else:
            # The same directives with as many words: only the values differ. (Longer paths come first.)
            first, second = (directives(text.replace("LocationMatch", "Location")) for text in texts)
            assert sorted((line[0], len(line)) for line in first) == sorted((line[0], len(line)) for line in second)
            if "variant" not in values:
                assert [line for line in second if line[0] in ("ProxyPass", "ScriptAlias") and line[1] == mount]


@pytest.mark.parametrize(
    ("transport", "addresses", "values", "said"),
    [
        ("fastcgi", ["127.0.0.1:1"], {"mount": "/${HOME}"}, "begins a variable"),
        ("fastcgi", ["127.0.0.1:1"], {"static": (("/s", "/srv/${x}"),)}, "begins a variable"),
        ("fastcgi", ["127.0.0.1:1"], {"static": (("/s", "/srv/[x]"),)}, "is a pattern"),
        ("cgi", [], {"root": "/srv/*"}, "is a pattern"),
        ("fastcgi", ["127.0.0.1:1"], {"mount": "/a", "static": (("/a", "/srv"),)}, "is mounted there"),
        ("fastcgi", ["127.0.0.1:1"], {"script": "/srv/app.fcgi"}, "starts no scripts"),
        ("scgi", ["127.0.0.1:1"], {"ajp_secret": "x"}, "only AJP13"),
        ("scgi", ["127.0.0.1:1"], {"authorizer": "127.0.0.1:2"}, "--fastcgi or --spawn only"),
        ("fastcgi", ["h:1", "h:2"], {"authorizer": "127.0.0.1:2"}, "several machines"),
        ("scgi", ["127.0.0.1:1"], {"variant": "sethandler"}, "one address with --fastcgi"),
        ("fastcgi", ["127.0.0.1:1"], {"authorizer": "unix:/run/x"}, "knows no Unix sockets"),
        ("spawn", [], {"authorizer": "/srv/auth.fcgi"}, "up to ten times"),
        ("spawn", [], {"authorizer": "127.0.0.1:2", "mount": "/app"}, "it is a script"),
        ("fastcgi", ["127.0.0.1:1"], {"image": "x"}, "runs no images"),
        ("fastcgi", ["127.0.0.1:1"], {"python": "/bin/python"}, "starts no Python"),
        ("fastcgi", ["127.0.0.1:1"], {"workers": 7}, "give the number to gateways serve"),
        ("spawn", [], {"group": "caddy"}, "it uses no Unix socket"),
    ],
)
def test_what_cannot_be(transport: str, addresses: list[str], values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        generate(describe("apache", transport, addresses, **values))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)

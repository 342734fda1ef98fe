"""The description of a deployment: what is refused, and the command line that gives it again."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateways.commands import conf
from gateways.deploy.description import Deployment
from gateways.deploy.registry import describe
from gateways.errors import ConfigError


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"mount": "app"}, "has to start with a slash"),
        ({"mount": "/a//b"}, "without empty parts"),
        ({"mount": "/a/../b"}, "without empty parts"),
        ({"mount": "/a%20b"}, "write the path decoded"),
        ({"mount": "/a\nb"}, "cannot be printed"),
        ({"mount": '/a"b'}, "means something in every configuration"),
        ({"mount": "/a\\b"}, "means something in every configuration"),
        ({"server_name": "b\xfccher.example"}, "xn--bcher-kva.example"),
        ({"server_name": "example.org:80"}, "without a port"),
        ({"server_name": "a;b"}, "one host name"),
        ({"name": "a b"}, "a letter first"),
        ({"static": (("/x", "relative"),)}, "has to start with a slash"),
        ({"static": (("/x", "/"),)}, "the whole machine"),
        ({"static": (("", "/srv"),)}, "below the root"),
        ({"static": (("/x", "/a"),), "private": (("/x", "/b"),)}, "given twice"),
        ({"addresses": ("fd:0",)}, "can only be listened on"),
        ({"addresses": ("@app",)}, "abstract"),
        ({"addresses": ("[fe80::1%eth0]:9000",)}, "with a zone"),
        ({"addresses": ("unix:app.sock",)}, "the whole path"),
        ({"addresses": ("unix:/run/a;b.sock",)}, "can be used in this path"),
        ({"addresses": ("unix:/run/a b.sock",)}, "can be used in this path"),
        ({"tls": ("/a;b", "/k")}, "can be used in this path"),
        ({"user": "root;"}, "name of an account"),
        ({"app": ""}, "it is empty"),
        ({"app": "--debug"}, "would be a flag"),
        ({"image": "a b"}, "the name of a container image"),
        ({"authorizer": "/srv/a b"}, "can be used in this path"),
        ({"authorizer": "/srv/auth", "addresses": ("127.0.0.1:1",)}, "is not an address"),
        ({"app": "a\n:b"}, "cannot be printed"),
        ({"ping": "ping"}, "has to start with a slash"),
        ({"transport": "gopher"}, "no transport"),
        ({"transport": "cgi", "addresses": ("127.0.0.1:1",)}, "a script has no address"),
    ],
)
def test_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Deployment("nginx", **values)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


WORDS = st.text("abc \xfc'+&$(;{", min_size=1, max_size=8).map(lambda text: f"/{text}x")
PAIRS = st.lists(st.tuples(WORDS, WORDS), max_size=2, unique_by=lambda pair: pair[0]).map(tuple)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "app": st.sampled_from(["shop:app", "a b", "shop:make('x')"]),
            "mount": WORDS,
            "root": WORDS,
            "static": PAIRS,
            "upload_limit": st.integers(0, 1 << 40),
            "timeout": st.sampled_from([1.0, 1.5, 60.0, 86400.0, 33.333333333]),
            "unbuffered": st.booleans(),
            "tls": st.just(("/c.pem", "/k.pem")),
            "multiplex": st.integers(2, 1000),
            "workers": st.integers(1, 1000),
            "server_name": st.sampled_from(["localhost", "*.example.com", "127.0.0.1"]),
        },
    ),
    st.sampled_from([("cgi", ()), ("spawn", ()), ("fastcgi", ("unix:/run/a.sock",)), ("http", ("[::1]:1", "a:2"))]),
)
def test_the_command_describes_the_same(values: dict[str, Any], way: tuple[str, tuple[str, ...]]) -> None:
    try:
        deployment = describe("lighttpd", *way, **values)
    except ConfigError as error:
        assume("mounted there" not in str(error) and "is in it" not in str(error))
        raise
    parser = argparse.ArgumentParser()
    conf.add_arguments(parser)
    assert conf.describe_arguments(parser.parse_args(shlex.split(deployment.command())[2:])) == deployment

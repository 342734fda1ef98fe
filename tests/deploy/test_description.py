"""The description of a deployment: what is refused, and the command line that gives it again."""

from __future__ import annotations

from typing import Any

import pytest

from gateways.deploy.description import Deployment
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
        ({"addresses": ("unix:app.sock",)}, "the whole path"),
        ({"addresses": ("unix:/run/a;b.sock",)}, "can be used in this path"),
        ({"addresses": ("unix:/run/a b.sock",)}, "can be used in this path"),
        ({"tls": ("/a;b", "/k")}, "can be used in this path"),
        ({"user": "root;"}, "name of an account"),
        ({"app": ""}, "it is empty"),
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

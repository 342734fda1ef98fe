"""The manifests, for other descriptions than that of conf/kubernetes (tests/live/test_kubernetes.py)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings

from gateways.deploy.registry import describe, generate
from gateways.errors import ConfigError
from tests.deploy import hostile
from tests.support import requirements


def manifests(transport: str = "", *addresses: str, **values: object) -> dict[str, Any]:
    """What each file says; of nginx's its text."""
    yaml = requirements.require_module("yaml")
    files = generate(describe("kubernetes", transport, addresses, **values))
    return {
        file.path.partition("/")[2]: yaml.safe_load(file.text) if file.path.endswith("yaml") else file.text
        for file in files
    }


def app_of(found: dict[str, Any]) -> Any:
    return found["deployment.yaml"]["spec"]["template"]["spec"]["initContainers"][0]


def test_names_image_and_socket() -> None:
    found = manifests("scgi", "unix:/run/shop/a.sock", name="shop", image="localhost:5000/shop@sha256:0", ping="/up")
    kinds = ("deployment.yaml", "service.yaml", "poddisruptionbudget.yaml")
    assert [found[kind]["metadata"]["name"] for kind in kinds] == ["shop"] * 3
    app = app_of(found)
    assert app["image"] == "localhost:5000/shop@sha256:0"
    assert app["volumeMounts"][0]["mountPath"] == "/run/shop"
    assert app["command"].count("--ping") == 1
    assert app["startupProbe"]["exec"]["command"][2:4] == ["--scgi", "unix:/run/shop/a.sock"]
    assert "scgi_pass shop_app;" in found["nginx.conf"]
    assert found["kustomization.yaml"]["configMapGenerator"][0]["name"] == "shop-nginx"


def test_a_name_that_is_no_text_in_yaml() -> None:
    found = manifests(name="yes")
    assert found["deployment.yaml"]["spec"]["selector"] == found["poddisruptionbudget.yaml"]["spec"]["selector"]
    assert found["service.yaml"]["spec"]["selector"] == {"app": "yes"}
    assert found["kustomization.yaml"]["configMapGenerator"][0]["name"] == "yes-nginx"


def test_the_ping_is_below_the_mount() -> None:
    found = manifests(mount="/a b")
    nginx = found["deployment.yaml"]["spec"]["template"]["spec"]["containers"][0]
    assert nginx["readinessProbe"]["httpGet"]["path"] == "/a%20b/ping"
    assert app_of(found)["startupProbe"]["exec"]["command"][-1] == "/ping"


def expanded(text: str) -> str:
    """What Kubernetes makes of a word, read from its beginning on: $$ is a dollar, and $(NAME) a variable."""
    return re.sub(r"\$(\$|\([^)]*\))", lambda found: "$" if found[1] == "$" else "VARIABLE", text)


@settings(max_examples=30)  # the parser is slow
@given(app=hostile.apps, mount=hostile.mounts)
@example(app="a$", mount="/m$$(HOME)")
@example(app="a$$", mount="/m$(HOME)")
def test_no_value_gets_out_of_its_word(app: str, mount: str) -> None:
    words = [expanded(word) for word in app_of(manifests(app=app, mount=mount))["command"]]
    assert words[:5] == ["gateways", "serve", app, "--workers", "4"]
    assert words[words.index("--script-name") + 1] == mount


@pytest.mark.parametrize(
    ("transport", "addresses", "values", "said"),
    [
        ("fastcgi", [], {"name": "My_shop"}, "small letters, digits and - only"),
        ("fastcgi", ["127.0.0.1:9000"], {}, "share a directory"),
        ("fastcgi", ["unix:/run/a.sock"], {}, "one of its own"),
        ("fastcgi", [], {"static": (("/s", "/srv/s"),)}, "no files of yours"),
        ("http", [], {"tls": ("/c", "/k")}, "has the certificate"),
        ("fastcgi", [], {"image": "a b"}, "the name of a container image"),
    ],
)
def test_what_cannot_be(transport: str, addresses: list[str], values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        manifests(transport, *addresses, **values)
    assert said in str(caught.value)

"""What Kubernetes and containers have in common."""

from __future__ import annotations

import pytest
from hypothesis import given

from gateways.deploy import behind_nginx
from gateways.deploy.registry import describe, generate
from tests.deploy import hostile
from tests.support import requirements


def test_nginx_is_configured_as_ever() -> None:
    deployment = describe("kubernetes", mount="/app", ping="/up", image="x", workers=9)
    text = behind_nginx.configuration(deployment, "WHERE")
    [usual] = generate(describe("nginx", mount="/app"))
    assert text.partition("\n\n")[2] == usual.text.partition("\n\n")[2]
    assert deployment.command() in text
    assert "\n# WHERE\n\n" in text


@pytest.mark.parametrize("text", ["yes", "1", "null", "1:2", "~", "a: b", "a #b", "- a", "'", "\u00fc", "a:b", "/a"])
def test_yaml_reads_a_text(text: str) -> None:
    assert requirements.require_module("yaml").safe_load(behind_nginx.text(text)) == text


@given(text=hostile.apps)
def test_yaml_reads_any_text(text: str) -> None:
    assert requirements.require_module("yaml").safe_load(f"[x, {behind_nginx.text(text)}]") == ["x", text]

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

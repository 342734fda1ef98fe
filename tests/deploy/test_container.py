"""Dockerfile and composition."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given

from gateways.deploy.container import volume
from gateways.deploy.registry import describe, generate
from gateways.errors import ConfigError
from tests.deploy import hostile
from tests.support import requirements


def files(transport: str = "", *addresses: str, **values: object) -> dict[str, str]:
    return {file.path: file.text for file in generate(describe("container", transport, addresses, **values))}


def commands(text: str) -> list[Any]:
    return [json.loads(found) for found in re.findall(r"CMD (\[.*\])$", text.replace("\\\n", ""), re.MULTILINE)]


def test_the_image_serves_and_asks() -> None:
    found = files("http", "unix:/run/x/a.sock", ping="/up", root="/opt/app", user="joe", name="Shop")
    served, asked = commands(found["container/Dockerfile"])
    assert served.count("--ping") == 1
    assert asked[2:] == ["--http", "unix:/run/x/a.sock", "--timeout", "4s", "/up"]
    assert "WORKDIR /opt/app\n" in found["container/Dockerfile"]
    assert "install -d -o joe /run/x\n" in found["container/Dockerfile"]
    compose = requirements.require_module("yaml").safe_load(found["container/compose.yaml"])
    assert compose["services"]["app"]["volumes"] == ["run:/run/x"]
    assert "unix:/run/x/a.sock" in found["container/nginx.conf"]


def test_a_venv_of_the_machine_is_not_copied_over_that_of_the_image() -> None:
    """The tutorial makes one in the directory of the application: ``COPY .`` brings it along."""
    text = files(root="/srv/shop")["container/Dockerfile"]
    [venv] = re.findall(r"^RUN python -m venv (.+)$", text, re.MULTILINE)
    assert "COPY . /srv/shop\n" in text
    assert not venv.startswith("/srv/shop/")
    assert f'ENV PATH="{venv}/bin:$PATH"\n' in text


@given(app=hostile.apps, mount=hostile.mounts)
def test_no_value_gets_out_of_its_word(app: str, mount: str) -> None:
    text = files(app=app, mount=mount)["container/Dockerfile"]
    assert text.count("\n") == files(mount="/x")["container/Dockerfile"].count("\n")
    served, _ = commands(text)
    assert served[:3] == ["gateways", "serve", app]
    assert served[served.index("--script-name") + 1] == mount


@given(path=hostile.directories)
def test_a_directory_is_mounted_at_its_place(path: str) -> None:
    [entry] = requirements.require_module("yaml").safe_load(volume(path, path))
    assert "$" not in entry["source"].replace("$$", "")
    assert entry["target"].replace("$$", "$") == path


def test_files_are_there_for_nginx() -> None:
    found = files(static=(("/s", "/srv/s"),))
    compose = requirements.require_module("yaml").safe_load(found["container/compose.yaml"])
    assert compose["services"]["web"]["volumes"][-1]["target"] == "/srv/s"
    assert "alias /srv/s/;" in found["container/nginx.conf"]


def test_what_cannot_be() -> None:
    with pytest.raises(ConfigError, match="instructions are split there"):
        files(root="/srv/a b")
    with pytest.raises(ConfigError, match="share a directory"):
        files("fastcgi", ":9000")

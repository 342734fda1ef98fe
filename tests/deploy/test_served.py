"""The command line of gateways serve for a deployment."""

from __future__ import annotations

import argparse

import pytest

from gateways.commands import serve
from gateways.deploy import served
from gateways.deploy.registry import describe
from gateways.errors import ConfigError


def test_gateways_knows_all_of_it() -> None:
    values = {"mount": "/m", "ping": "/up", "upload_limit": 0, "workers": 9}
    for transport, more in (("ajp", {"ajp_secret": "s"}), ("http", {"tls": ("/c", "/k")})):
        deployment = describe("systemd", transport, **values, **more)
        parser = argparse.ArgumentParser()
        serve.add_arguments(parser)
        given = parser.parse_args(served.arguments(deployment, deployment.addresses[0], "--no-access-log"))
        assert (given.script_name, given.ping, given.workers, given.max_body_size) == ("/m", "/up", "9", "0")


def test_nobody_who_said_nothing_gets_a_limit() -> None:
    assert "--max-body-size" not in served.arguments(describe("systemd"), "fd:0")


def test_the_program_is_beside_python() -> None:
    assert served.program(describe("systemd")) == "/srv/example/venv/bin/gateways"
    with pytest.raises(ConfigError, match="give --python"):
        served.program(describe("systemd", root="/srv/a;b"))

"""gateways.toml, read by what reads it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings

from gateways.config import load_plan
from gateways.deploy.registry import describe, generate
from tests.deploy import hostile


def pool(transport: str = "", *addresses: str, **values: object) -> Any:
    [file] = generate(describe("toml", transport, addresses, **values))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "x.toml")
        path.write_text(file.text, encoding="utf-8")
        [found] = load_plan(str(path), None, {}, {}).pools
    return found


def test_what_is_asked_for() -> None:
    values = {
        "ping": "/up",
        "upload_limit": 5 << 20,
        "tls": ("/c", "/k"),
        "user": "joe",
        "group": "caddy",
        "mount": "/m",
    }
    settings = pool("http", "10.0.0.1:8000", "unix:/run/x.sock", name="shop", workers=7, **values).settings
    assert [str(address) for address in settings.http] == ["10.0.0.1:8000", "unix:/run/x.sock"]
    assert (settings.workers, settings.user, settings.socket_group) == (7, "joe", "caddy")
    assert (settings.ping, settings.warmup, settings.max_body_size) == ("/up", ("/up",), 5 << 20)
    assert (settings.certfile, settings.keyfile, settings.script_name) == ("/c", "/k", "/m")


def test_the_secret_of_ajp() -> None:
    assert pool("ajp", "127.0.0.1:8009", ajp_secret="it's").settings.ajp_secret == "it's"


@settings(max_examples=30)  # the parser is slow
@given(app=hostile.apps, root=hostile.directories)
def test_no_value_gets_out_of_its_word(app: str, root: str) -> None:
    found = pool(app=app, root=root)
    assert found.application == app
    assert found.settings.chdir == root

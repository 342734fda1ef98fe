"""An application below /app behind Caddy, HAProxy and h2o: their files of conf/, changed as the how-tos say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.deployments import DEPLOYMENTS, running
from tests.live.sandbox import PROJECT, Sandbox, changed
from tests.live.site import Site

pytestmark = pytest.mark.live

#: What to change in the file, each with what the how-to has of it, word for word.
RECIPES = {
    "caddy": (
        {"\thandle {\n": "\t@app path_regexp ^/app(/.*)?$\n\thandle @app {\n"},
        ("@app path_regexp ^/app(/.*)?$", "handle @app"),
    ),
    "haproxy": (
        {
            "    default_backend example_app": "    use_backend example_app if { path /app } or { path_beg /app/ }",
            "    path-info ^()(/.*)$": "    path-info ^(/app)(/.*)?$",
        },
        ("use_backend example_app if { path /app } or { path_beg /app/ }", "^(/app)(/.*)?$"),
    ),
    "h2o": ({'      "/":\n': '      "/app":\n'}, ('"/app"', '"/"')),
}


@pytest.fixture(scope="module", params=RECIPES)
def mounted(
    request: pytest.FixtureRequest, machine: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    [usual] = [deployment for deployment in DEPLOYMENTS if deployment.name == f"{request.param}-fastcgi"]
    conf: Path = PROJECT / "conf" / usual.conf
    target = tmp_path_factory.mktemp("mounted") / conf.name
    target.write_text(changed(conf.read_text(), RECIPES[request.param][0]))
    arguments = ("--script-name", "/app")
    with running(
        replace(usual, name=f"{usual.name}-mounted", conf=str(target), mount="/app", arguments=arguments), machine
    ) as site:
        yield site


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe_is_the_one_of_the_how_to(name: str) -> None:
    page = (PROJECT / f"docs/howto/{name}.md").read_text()
    assert all(f"`{text}`" in page for text in (*RECIPES[name][1], "--script-name /app"))


@pytest.mark.parametrize("path", ["", "/", "/x", "/x/app/y", "/%C3%A9", "/a%20b"])
def test_what_is_below_is_divided(mounted: Site, path: str) -> None:
    environ = mounted.raw_dump("GET", path)["environ"]
    text = path.replace("%20", " ").replace("%C3%A9", "\xc3\xa9")
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app", text)


@pytest.mark.parametrize("target", ["/APP/x", "/apple", "/", "/x/app"])
def test_what_is_not_below_does_not_reach_the_application(mounted: Site, target: str) -> None:
    status, body = mounted.raw("GET", target, {"X-Application": "probe"})
    assert b"SCRIPT_NAME" not in body
    assert (status, body) == (200, b"") or status in (404, 503)

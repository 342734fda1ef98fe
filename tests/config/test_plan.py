"""The plan of a start: places and their order, pools, paths, and every refusal with its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateways.config import Plan, load_plan
from gateways.errors import ConfigError


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(text: str, application: str | None = None, *, environ: dict[str, str] | None = None, **flags: object) -> Plan:
    Path("gateways.toml").write_text(text)
    return load_plan("gateways.toml", application, flags, environ or {})


def refusal(text: str, application: str | None = None, **places: object) -> str:
    with pytest.raises(ConfigError) as caught:
        plan(text, application, **places)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


TWO = """\
[gateways]
threads = 2
control = "run/control"

[pool.shop]
application = "shop.wsgi"
fastcgi = ["unix:shop.sock", ":0"]
workers = 8

[pool.blog]
application = "blog:create()"
scgi = "@blog"
workers = 1
threads = 4
chdir = "blog"
python_path = "lib"
"""


def test_two_pools(directory: Path) -> None:
    result = plan(TWO)
    assert result.file == f"{directory}/gateways.toml"
    assert result.managed
    shop, blog = result.pools
    assert (shop.name, shop.application, shop.settings.workers, shop.settings.threads) == ("shop", "shop.wsgi", 8, 2)
    assert (blog.name, blog.application, blog.settings.workers, blog.settings.threads) == (
        "blog",
        "blog:create()",
        1,
        4,
    )
    assert shop.settings.fastcgi == (f"unix:{directory}/shop.sock", ":0")
    assert (shop.settings.chdir, blog.settings.chdir) == (str(directory), f"{directory}/blog")
    assert blog.settings.python_path == (f"{directory}/blog/lib",)
    control = f"{directory}/run/control"
    assert {result.master.control, shop.settings.control, blog.settings.control} == {control}


def test_without_a_file_there_is_one_pool(directory: Path) -> None:
    result = load_plan(
        None, "app", {"fastcgi": [":1"], "error_log": "log"}, {"GATEWAYS_THREADS": "2", "GATEWAYS_X": "1"}
    )
    assert result.file is None
    assert not result.managed
    (pool,) = result.pools
    assert (pool.name, pool.application, pool.settings.chdir) == ("app", "app", None)
    assert (pool.settings.threads, pool.settings.fastcgi, pool.settings.error_log) == (2, (":1",), f"{directory}/log")
    assert pool.settings.ignored_variables == result.master.ignored_variables == ("GATEWAYS_X",)


def test_the_file_gives_way_to_variables_and_those_to_flags() -> None:
    environ = {"GATEWAYS_THREADS": "6", "GATEWAYS_MAX_REQUESTS": "7"}
    result = plan(TWO, environ=environ, max_requests="9")
    assert [pool.settings.threads for pool in result.pools] == [6, 6]
    assert [pool.settings.max_requests for pool in result.pools] == [9, 9]


def test_the_working_directory_may_be_gone(directory: Path) -> None:
    inner = directory / "inner"
    inner.mkdir()
    os.chdir(inner)
    inner.rmdir()
    (pool,) = load_plan(None, "app", {"error_log": "log"}, {}).pools
    assert pool.settings.error_log == "log"

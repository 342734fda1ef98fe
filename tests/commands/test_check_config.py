"""gateways check-config: a summary, or all that is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateways.cli import main
from tests.support import source

Capture = pytest.CaptureFixture[str]

GOOD = f"""\
[gateways]
user = "{os.geteuid()}"
control = "control"
threads = 8

[pool.shop]
application = "shop"
fastcgi = ["unix:shop.sock", ":0"]
workers = 8
env = {{ PASSWORD = "secret" }}
max_memory = "300M"

[pool.blog]
application = "blog:app"
scgi = "@blog"
workers = 2
access_log = "off"
"""


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAYS_USER", raising=False)
    (tmp_path / "gateways.toml").write_text(GOOD)
    return tmp_path


def check(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    code = main(["check-config", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_summary_of_what_is_not_at_its_default(capsys: Capture, directory: Path) -> None:
    code, out, err = check(capsys)
    assert (code, err) == (0, "")
    assert (
        out
        == f"""\
gateways.toml: ok
  control = {directory}/control
pool shop: shop
  fastcgi = unix:{directory}/shop.sock :0
  env = PASSWORD=...
  chdir = {directory}
  workers = 8
  max_memory = 300M
  user = {os.geteuid()}
pool blog: blog:app
  scgi = @blog
  chdir = {directory}
  access_log = none
  workers = 2
  user = {os.geteuid()}
"""
    )


def test_everything_that_is_wrong(capsys: Capture, directory: Path) -> None:
    (directory / "x.toml").write_text(GOOD.replace("threads = 8", "threads = 0").replace("max_memory", "reload-on-rss"))
    code, out, err = check(capsys, "x.toml")
    assert (code, out) == (2, "")
    assert err == (
        "gateways: error: x.toml, line 11: [pool.shop] reload-on-rss is uWSGI's name; here it is max_memory\n"
        "gateways: error: x.toml, line 4: [gateways] threads: 0 cannot be used, give a whole number from 1 to 10000\n"
    )


def test_what_the_machine_tells_has_its_line_too(capsys: Capture, directory: Path) -> None:
    (directory / "x.toml").write_text(GOOD + f'user = "no-such-one"\nchdir = "{directory}/absent"\n')
    code, out, err = check(capsys, "x.toml")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "gateways: error: x.toml, line 18: [pool.blog] user: there is no user 'no-such-one' on this machine; "
        "see: getent passwd",
        f"gateways: error: x.toml, line 19: [pool.blog] chdir: there is no directory '{directory}/absent'",
    ]


def test_a_default_that_does_not_fit_this_machine_names_its_pool(
    capsys: Capture, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (directory / "x.toml").write_text("[pool.x]\napplication = 'a'\n")
    code, _, err = check(capsys, "x.toml")
    assert code == 0
    assert (
        err == "gateways: notice: pool x: user: root does not serve without it; here that matters if root starts it\n"
    )


def test_a_file_that_is_no_toml(capsys: Capture, directory: Path) -> None:
    (directory / "x.toml").write_text("[gateways]\npm = dynamic\n")
    code, out, err = check(capsys, "x.toml")
    assert (code, out) == (2, "")
    assert err == 'gateways: error: x.toml, line 2: Invalid value; text stands in quotes: pm = "dynamic"\n'


def test_no_file(capsys: Capture, directory: Path) -> None:
    (directory / "gateways.toml").unlink()
    code, out, err = check(capsys)
    assert (code, out) == (2, "")
    assert err == (
        "gateways: error: no configuration file: give FILE; there is no gateways.toml in the working directory\n"
    )


def test_the_file_of_the_variable(capsys: Capture, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "gateways.toml").rename(directory / "x.toml")
    monkeypatch.setenv("GATEWAYS_CONFIG", "x.toml")
    code, out, _ = check(capsys)
    assert code == 0
    assert out.startswith("x.toml: ok\n")


def test_the_variables_count(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAYS_BACKLOG", "0")
    code, _, err = check(capsys, "gateways.toml")
    assert code == 2
    assert err.startswith("gateways: error: environment variable GATEWAYS_BACKLOG: '0' cannot be used, give a whole")


def test_loading(capsys: Capture, directory: Path) -> None:
    code, out, err = check(capsys, "gateways.toml", "--load")
    assert (code, out) == (3, "")
    first, second = err.splitlines()
    assert first.startswith("gateways: error: pool shop: application 'shop': there is no module 'shop'")
    assert second.startswith("gateways: error: pool blog: application 'blog:app': there is no module 'blog'")
    for name in ("shop", "blog"):
        (directory / f"{name}.py").write_text("def app(environ, start_response): return []")
    code, out, err = check(capsys, "gateways.toml", "--load")
    assert (code, err) == (0, "")
    assert out.startswith("gateways.toml: ok\n")


def test_the_manual_of_the_file_shows_messages_that_exist(capsys: Capture, directory: Path) -> None:
    page = (source.CHECKOUT / "docs" / "reference" / "configuration-file.md").read_text("utf-8")
    shown = [line for line in page.splitlines() if line.startswith("gateways: error: ")]
    lines = ["[gateways]"] * 15
    for line in shown:
        number, key = int(line.partition("line ")[2].partition(":")[0]), line.partition("] ")[2].split()[0].rstrip(":")
        lines[number - 1] = f"{key} = 'many'"
    lines[0] = "[pool.shop]"
    text = "\n".join(line if line != "[gateways]" else "" for line in lines)
    (directory / "gateways.toml").write_text(text)
    _, _, err = check(capsys, "gateways.toml")
    assert len(shown) == 3
    for line in shown:
        assert line in err.splitlines()

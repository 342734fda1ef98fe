"""The debug page in a real browser, over CGI and over FastCGI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.deployments import DEPLOYMENTS, running
from tests.live.sandbox import PROJECT, Sandbox, changed
from tests.live.site import Site
from tests.support.browser import Browser, browsing

pytestmark = [pytest.mark.live, pytest.mark.alike, pytest.mark.timeout(180)]

[CGI] = [deployment for deployment in DEPLOYMENTS if deployment.name == "apache-cgid"]
[FASTCGI] = [deployment for deployment in DEPLOYMENTS if deployment.name == "nginx-fastcgi"]
ATTACK = "%3Cscript%3Edocument.title='taken'%3C/script%3E%3Cimg%20src=x%3E"


@pytest.fixture(scope="module", params=["cgi", "fastcgi"])
def debugged(
    request: pytest.FixtureRequest, machine: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    if request.param == "fastcgi":
        deployment = replace(FASTCGI, name="nginx-debug", arguments=("--debug",))
    else:
        conf = tmp_path_factory.mktemp("debug") / "cgi.conf"
        # app.fcgi calls run(), which obeys variables, and is a CGI script too.
        mark = "    ScriptAlias /app /srv/example/cgi-bin/app.cgi\n"
        changes = {mark: f"{mark.replace('.cgi', '.fcgi')}    SetEnv GATEWAYS_DEBUG yes\n"}
        conf.write_text(changed((PROJECT / "conf" / CGI.conf).read_text(), changes))
        deployment = replace(CGI, name="apache-debug", conf=str(conf))
    with running(deployment, machine) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as running_browser:
        yield running_browser


@pytest.fixture
def page(browser: Browser, debugged: Site) -> Browser:
    browser.complaints.clear()
    browser.open(debugged.url(f"/do/error?{ATTACK}"))
    return browser


def test_a_developer_sees_what_has_failed(page: Browser, tmp_path: Path) -> None:
    assert page.text("h1").startswith("RuntimeError: probe fails early: ")
    assert "raise RuntimeError(" in page.text("details[open] .at")
    assert "probe.py, line " in page.text("details[open] summary")
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(197, 48, 48)", (
        "its style is let in"
    )
    for scheme in ("light", "dark"):
        page.prefer(scheme)
        page.screenshot(Path(os.environ.get("SCREENSHOTS", tmp_path)) / f"debug-{scheme}.png")
    page.prefer("light")


def test_other_calls_open_at_a_click(page: Browser) -> None:
    closed = "document.querySelectorAll('details:not([open])').length"
    assert page.evaluate(closed) >= 1
    page.evaluate("document.querySelector('details:not([open]) summary').click()")
    page.until("document.querySelectorAll('details[open]').length === 2")


def test_nothing_of_the_request_runs(page: Browser) -> None:
    assert "%3Cscript%3E" in page.text()
    assert page.evaluate("document.scripts.length + document.images.length") == 0
    assert page.evaluate("document.title") != "taken"
    # The browser itself notes that the answer was a 500.
    assert [text for text in page.complaints if "status of 500" not in text and "favicon" not in text] == []


def test_no_wider_than_the_window(page: Browser) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_headers_are_valid(debugged: Site) -> None:
    response = debugged.request("GET", "/do/error", headers={"Accept": "text/html"})
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.text.startswith("<!DOCTYPE html>")
    assert response.text.endswith("</html>\n")


def test_an_application_that_cannot_be_loaded_shows_where(machine: Sandbox, browser: Browser, tmp_path: Path) -> None:
    [usual] = [deployment for deployment in DEPLOYMENTS if deployment.name == "apache-fcgid"]
    script = machine.scripts / "broken.fcgi"
    script.write_text(f"#!{machine.python}\nfrom gateways import run\nrun('broken:application')\n")
    script.chmod(0o755)
    (machine.scripts / "broken.py").write_text("1 / 0\n")
    mark = "    FcgidInitialEnv LANG C.UTF-8\n"
    changes = {"app.fcgi/": "broken.fcgi/", mark: f"{mark}    FcgidInitialEnv GATEWAYS_DEBUG yes\n"}
    conf = tmp_path / "fcgid.conf"
    conf.write_text(changed((PROJECT / "conf" / usual.conf).read_text(), changes))
    with running(replace(usual, name="fcgid-debug", conf=str(conf)), machine) as site:
        browser.open(site.url("/"))
        assert "ZeroDivisionError" in browser.text("h1")
        assert browser.text(".at").endswith("1 / 0")

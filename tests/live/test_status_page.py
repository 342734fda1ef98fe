"""The status page in a real browser, before a real master: what a person sees of it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import Browser, browsing
from tests.support.fronting import Fronted, fronting
from tests.support.managing import Managed, managing

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(180)]

FLAGS = ("--workers", "2", "--threads", "2", "--status", "/-/status")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as running:
        yield running


@pytest.fixture(scope="module")
def managed() -> Iterator[Managed]:
    with managing(*FLAGS) as running:
        yield running


@pytest.fixture(scope="module")
def front(managed: Managed) -> Iterator[Fronted]:
    with fronting(f"unix:{managed.directory}/socket") as running:
        yield running


@pytest.fixture
def page(browser: Browser, front: Fronted) -> Browser:
    browser.complaints.clear()
    browser.open(f"{front.url}/-/status?html")
    return browser


def figure(page: Browser, name: str) -> int:
    return int(page.until(f"document.querySelector('section [data-figure=\"{name}\"]').textContent"))


def test_it_is_kept_fresh(page: Browser, managed: Managed, front: Fronted) -> None:
    before = figure(page, "accepted conn")
    for _ in range(20):
        managed.ask()
    page.until(f"document.querySelector('[data-figure=\"accepted conn\"]').textContent >= {before + 20}")
    page.until("document.body.dataset.refreshed >= 2")
    assert page.evaluate("document.querySelectorAll('tbody tr').length") == 2
    assert page.complaints == []
    assert page.evaluate("document.getElementById('trouble').hidden")


def test_a_request_in_hand_is_seen_while_it_lasts(browser: Browser) -> None:
    with managing(*FLAGS) as managed, fronting(f"unix:{managed.directory}/socket") as front:
        browser.complaints.clear()
        browser.open(f"{front.url}/-/status?html")
        with managed.send("/sleep/600?a=<b>&c"):
            browser.until("document.querySelector('tbody').innerText.includes('GET /sleep/600?a=<b>&c')")
            browser.until("document.querySelector('tr[data-state=Running] .duration').textContent.endsWith('s')")
            assert browser.complaints == []
            assert managed.stop(signal.SIGQUIT) == 1


def test_the_chart_is_drawn(page: Browser, managed: Managed) -> None:
    page.until("document.querySelector('polyline.rate').points.length >= 3")
    for _ in range(30):
        managed.ask()
    page.until("Number(document.querySelector('.rate .top').textContent) >= 1")
    shape = page.evaluate(
        "(() => { const box = document.querySelector('polyline.rate').getBoundingClientRect();"
        " return [box.width, box.height]; })()"
    )
    assert min(shape) > 1, "it has no extent"
    assert page.evaluate("getComputedStyle(document.querySelector('polyline.rate')).stroke") != "none"


def test_server_and_script_draw_the_same(page: Browser) -> None:
    """Whoever has no scripts sees what the others see."""
    drawn = page.evaluate("document.querySelector('section').innerHTML")
    page.evaluate("window.before = Number(document.body.dataset.refreshed || 0), 0")
    page.until("Number(document.body.dataset.refreshed) > window.before")
    redrawn = page.evaluate("document.querySelector('section').innerHTML")

    def shape(html: str) -> str:
        """All but what changes from one second to the next."""
        return re.sub(r'points="[^"]*"|>[^<]*<|title="[^"]*"|data-state="\w*"| hidden=""', "", html)

    assert shape(drawn) == shape(redrawn)


def test_workers_come_and_go(page: Browser, managed: Managed) -> None:
    numbers = "[...document.querySelectorAll('tbody tr')].map((row) => row.dataset.worker).join()"
    before, generation = page.evaluate(numbers), figure(page, "generation")
    managed.signal(signal.SIGHUP)
    page.until(f"document.querySelectorAll('tbody tr').length === 2 && {numbers} !== '{before}'")
    page.until(f"document.querySelector('[data-figure=\"generation\"]').textContent === '{generation + 1}'")


def test_a_reload_that_failed_is_told(page: Browser, managed: Managed) -> None:
    managed.at_boot("fail")
    managed.signal(signal.SIGHUP)
    page.until("!document.querySelector('section .alert').hidden")
    page.until("document.querySelector('section .alert').textContent.startsWith('The last reload failed')")
    managed.at_boot("")
    managed.signal(signal.SIGHUP)
    page.until("document.querySelector('section .alert').hidden")


def test_pause(page: Browser) -> None:
    page.until("document.body.dataset.refreshed >= 1")
    page.evaluate("document.getElementById('refresh').click()")
    assert page.text("#refresh") == "Go on"
    page.evaluate("document.getElementById('refresh').click()")
    page.evaluate("window.before = Number(document.body.dataset.refreshed), 0")
    page.until("Number(document.body.dataset.refreshed) > window.before")


def test_light_and_dark(page: Browser, tmp_path: Path) -> None:
    colours = []
    for scheme in ("light", "dark"):
        page.prefer(scheme)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.screenshot(tmp_path / f"{scheme}.png")
        assert (tmp_path / f"{scheme}.png").read_bytes().startswith(b"\x89PNG")
    page.prefer("light")
    assert colours[0] != colours[1]


def test_without_scripts_it_shows_all_and_refreshes(browser: Browser, managed: Managed, front: Fronted) -> None:
    browser.complaints.clear()
    browser.allow_scripts(False)
    try:
        browser.open(f"{front.url}/-/status?html")
        before = figure(browser, "accepted conn")
        browser.until("document.querySelectorAll('tbody tr').length === 2")
        browser.until("getComputedStyle(document.getElementById('refresh')).display === 'none'")
        browser.until(f"Number(document.querySelector('[data-figure=\"accepted conn\"]').textContent) > {before}")
    finally:
        browser.allow_scripts(True)
    assert browser.complaints == []


def test_a_master_that_is_gone_is_told(browser: Browser) -> None:
    with managing(*FLAGS) as managed, fronting(f"unix:{managed.directory}/socket") as front:
        browser.open(f"{front.url}/-/status?html")
        browser.until("document.body.dataset.refreshed >= 1")
        managed.stop()
        browser.until("!document.getElementById('trouble').hidden")
        assert browser.text("#trouble").startswith("No news since ")

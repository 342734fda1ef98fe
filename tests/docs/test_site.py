"""The site is built without a warning, needs nobody else, and can be read, searched and used on a phone."""

from __future__ import annotations

import functools
import http.server
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import gateways
import gateways.client
import gateways.front
from tests.docs.blocks import DOCS, PAGES, name_of
from tests.support import requirements
from tests.support.browser import Browser, browsing
from tests.support.source import CHECKOUT

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(240)]


def is_current(site: Path) -> bool:
    """Say whether ``./dev docs`` has built a site without a warning, since the last change of what it is made from."""
    whole = site / ".whole"
    sources = [*CHECKOUT.glob("*.md"), *(CHECKOUT / "gateways").rglob("*.py")]
    for directory in ("docs", "conf", "cgi-bin"):
        sources += [path for path in (CHECKOUT / directory).rglob("*") if "__pycache__" not in path.parts]
    return whole.exists() and all(path.stat().st_mtime < whole.stat().st_mtime for path in sources)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, with warnings as errors, as ``./dev docs`` builds it; in CI it has just done so."""
    if is_current(CHECKOUT / "build/site"):
        return CHECKOUT / "build/site"
    for name in ("sphinx", "myst_parser", "furo"):
        requirements.require_module(name, "docs")
    site, cache = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("cache")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-E", "-q", "-W", "--keep-going", "-b", "html", "-c", DOCS / "_site",
         "-d", cache, DOCS, site],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return site


class Addresses(HTMLParser):
    """What a page links to, and what it loads by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and "href" in given:
            self.loads.append(given["href"])
        elif "src" in given:
            self.loads.append(given["src"])


@pytest.fixture(scope="module")
def addresses(built: Path) -> dict[Path, Addresses]:
    return {path: Addresses(path.read_text(encoding="utf-8")) for path in built.rglob("*.html")}


def test_every_page_is_there(built: Path) -> None:
    for path in PAGES:
        if path.is_relative_to(DOCS):
            assert (built / name_of(path)).with_suffix(".html").is_file()
    assert (built / "files/conf/nginx/fastcgi.conf.html").is_file()
    assert "reload without a lost request" in (built / "index.html").read_text()


def test_nothing_is_loaded_from_elsewhere(built: Path, addresses: dict[Path, Addresses]) -> None:
    for path, page in addresses.items():
        for target in page.loads:
            assert not re.match(r"(https?:)?//", target), (path, target)
            assert target.startswith("data:") or (path.parent / unquote(urlsplit(target).path)).exists(), (path, target)
    for path in built.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//|@import", path.read_text()), path


def test_links_within_the_site_lead_somewhere(addresses: dict[Path, Addresses]) -> None:
    """Also those that are not Sphinx's: to the files of conf/, and between them."""
    wrong = []
    for path, page in addresses.items():
        for link in page.links:
            target = urlsplit(link)
            if target.scheme:
                assert target.scheme in ("https", "http", "mailto"), (path, link)
                continue
            other = (path.parent / unquote(target.path)).resolve() if target.path else path
            if other not in addresses:
                wrong.append((path.name, link) if not other.is_file() else None)
            elif target.fragment and unquote(target.fragment) not in addresses[other].ids:
                wrong.append((path.name, link))
    assert [entry for entry in wrong if entry] == []


def test_public_names_are_described(built: Path, addresses: dict[Path, Addresses]) -> None:
    described = addresses[built / "reference/api.html"].ids
    listed = (DOCS / "reference/api.md").read_text(encoding="utf-8")
    for module in (gateways, gateways.client, gateways.front):
        for name in module.__all__:
            if not name.startswith("__"):
                assert f"{module.__name__}.{name}" in described
                assert f"`{module.__name__}.{name}`" in listed


def test_a_broken_link_is_an_error(built: Path, tmp_path: Path) -> None:
    """What -W rests on: Sphinx with our settings notices."""
    source = tmp_path / "docs"
    source.mkdir()
    (source / "index.md").write_text("# Title\n\n[a](#nowhere) [b](nowhere.md) [c](../tests/nowhere.py)\n")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-b", "html", "-c", DOCS / "_site", source, tmp_path / "site"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lost = re.findall(r"WARNING: .*target not found: '(.*?)'", done.stderr)
    assert lost == ["nowhere", "/nowhere.md", "../tests/nowhere.py"], done.stderr


@pytest.fixture(scope="module")
def url(built: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(built))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as running:
        yield running


@pytest.mark.parametrize(
    "page", ["index", "tutorial", "howto/nginx", "reference/matrix", "reference/settings", "reference/api"]
)
def test_a_page_fits_on_a_phone(browser: Browser, url: str, page: str) -> None:
    browser.complaints.clear()
    browser.resize(390, 844)
    try:
        browser.open(f"{url}/{page}.html")
        assert browser.evaluate("document.documentElement.scrollWidth") <= 390
        assert browser.evaluate("getComputedStyle(document.querySelector('article h1')).display") == "block"
    finally:
        browser.resize(1280, 900)
    assert browser.complaints == []


@pytest.mark.parametrize("where", ["served", "from the disk"])
def test_search(browser: Browser, url: str, built: Path, where: str) -> None:
    browser.complaints.clear()
    browser.open(f"{url if where == 'served' else built.as_uri()}/search.html?q=restart_file")
    browser.until("document.querySelectorAll('ul.search li a').length >= 3")
    assert "Settings" in browser.text("ul.search")
    browser.until("document.querySelector('.search-summary')?.textContent.includes('found')")
    assert browser.complaints == []


def test_dev_docs_and_the_test_are_one() -> None:
    """The options of ./dev docs are those above."""
    dev = (CHECKOUT / "dev").read_text()
    assert "-m sphinx -E -q -W --keep-going -b html -c docs/_site" in dev

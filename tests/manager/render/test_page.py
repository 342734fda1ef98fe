"""The page as the server draws it. What a browser makes of it: tests/live/test_status_page.py."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from gateways.manager.render.page import render, script, style
from gateways.manager.snapshot import Overview
from tests.support.figures import BUSY, OVERVIEW, with_pool

VOID = {"meta", "link", "polygon", "polyline"}


class Reader(HTMLParser):
    """Checks that elements are nested, and keeps attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_pools_figures_and_workers() -> None:
    text = render(OVERVIEW)
    reader = Reader(text)
    assert ("data-pool", "shop") in reader.attributes
    assert ("data-pool", 'b"l\\o<g>') in reader.attributes
    assert [value for name, value in reader.attributes if name == "data-worker"] == ["7", "8"]
    assert '<dd data-figure="accepted conn">100234</dd>' in text
    assert '<td data-figure="last request memory">50.0 MiB</td>' in text
    for shown in ("POST /basket?a=1&b=<2>", "192.0.2.7", "2 / 8", "1.2 s", "8m 20s"):
        assert shown in reader.texts
    assert reader.tags.count("polyline") == 4


@pytest.mark.parametrize("field", ["method", "uri", "address", "state"])
def test_nothing_of_a_request_is_markup(field: str) -> None:
    worker = replace(BUSY, **{field: "<script>alert(1)</script>\"'&"})
    text = render(with_pool(workers=[worker], application="<b>", reload_state="failed", reload_failure="<i>"))
    assert Reader(text).tags.count("script") == 1
    assert "<b>" not in text.replace('<b class="', "")
    assert "<i>" not in text


def test_a_failed_reload_is_told() -> None:
    def alert(overview: Overview) -> str:
        found = re.search(r'<p class="alert"( hidden)?>(.*?)</p>\n<dl>', render(overview))
        assert found
        assert bool(found[1]) is not bool(found[2])
        return found[2]

    assert alert(OVERVIEW) == ""
    assert "No module named &#x27;shop&#x27;" in alert(
        with_pool(reload_state="failed", reload_failure="No module named 'shop'")
    )
    assert alert(with_pool(reload_state="booting")) == "New workers are starting."


def test_without_scripts_it_refreshes_itself() -> None:
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in render(OVERVIEW)


def test_nothing_comes_from_elsewhere_and_nothing_is_inline() -> None:
    """The policy of a web server may forbid both."""
    text = render(OVERVIEW) + script().decode() + style().decode()
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text.replace("// ", ""))
    assert not re.search(r"<style|\son\w+=|\sstyle=|javascript:|<script(?! src)", text)
    assert not re.search(r"\beval\b|innerHTML|insertAdjacentHTML|document\.write", text)


def test_no_pools() -> None:
    Reader(render(Overview()))


def test_every_element_that_the_script_looks_for_is_there() -> None:
    text = render(OVERVIEW)
    for wanted in re.findall(r'getElementById\("(\w+)"\)', script().decode()):
        assert f'id="{wanted}"' in text
    for wanted in ("polygon", 'polyline class="rate"', 'polyline class="hand"', 'class="last"', 'class="top"', "tbody"):
        assert f"<{wanted}" in text or wanted in text

"""JSON with php-fpm's names."""

from __future__ import annotations

import json

from gateways.manager.render.document import render
from tests.support.figures import OVERVIEW, SHOP


def test_one_pool() -> None:
    figures = json.loads(render(OVERVIEW, SHOP, False, False, False))
    assert (figures["pool"], figures["accepted conn"], figures["start since"]) == ("shop", 100_234, 600)
    assert figures.keys().isdisjoint({"processes", "pools", "history"})


def test_full_and_the_past() -> None:
    figures = json.loads(render(OVERVIEW, SHOP, True, False, True))
    assert [worker["pid"] for worker in figures["processes"]] == [4711, 4712]
    assert figures["processes"][0]["request uri"] == "/basket?a=1&b=<2>"
    assert figures["history"] == SHOP.history


def test_all_pools() -> None:
    figures = json.loads(render(OVERVIEW, SHOP, True, True, False))
    assert figures["pool"] == "shop"
    assert [(pool["pool"], len(pool["processes"])) for pool in figures["pools"]] == [("shop", 2), ('b"l\\o<g>', 0)]
    assert list(json.loads(render(OVERVIEW, None, False, True, False))) == ["pools"]


def test_a_browser_finds_no_html_in_it() -> None:
    text = render(OVERVIEW, SHOP, True, True, True)
    assert set(text) & set("<>&") == set()
    assert text.isascii()
    assert text.endswith("}\n")

"""Text as php-fpm has it."""

from __future__ import annotations

import re

from gateways.manager.render.plain import render
from tests.support.figures import BLOG, OVERVIEW, SHOP


def test_a_figure_a_line() -> None:
    lines = render(OVERVIEW, [SHOP], False).splitlines()
    assert lines[0] == "pool:                 shop"
    assert re.fullmatch(r"start time:           \d\d/Oct/2026:\d\d:\d\d:\d\d [+-]\d{4}", lines[2])
    assert lines[3] == "start since:          600"
    assert lines[4] == "accepted conn:        100234"
    assert lines[11] == "max active processes: 12"
    assert all(line[20:22] in (": ", "  ") or line[19:21] == ": " or line[:20].rstrip()[-1:] == ":" for line in lines)
    assert not any("request" in line and "POST" in line for line in lines)


def test_full_adds_a_block_for_each_worker() -> None:
    blocks = render(OVERVIEW, [SHOP], True).split("\n************************\n")
    assert len(blocks) == 3
    assert blocks[1].splitlines()[:11:2] == [
        "pid:                  4711",
        blocks[1].splitlines()[2],
        "requests:             1234",
        "request method:       POST",
        "content length:       42",
        "script:               /srv/app.py",
    ]
    assert "request URI:          /basket?a=1&b=<2>\n" in blocks[1]
    assert "request URI:          -\n" in blocks[2]


def test_pools_are_separated_by_an_empty_line() -> None:
    shop, blog = render(OVERVIEW, [SHOP, BLOG], False).split("\n\n")
    assert (shop.startswith("pool: "), blog.startswith("pool: ")) == (True, True)

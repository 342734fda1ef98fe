"""The table of ``gateways status``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateways.manager.render.terminal import render
from gateways.manager.snapshot import Overview
from tests.support.figures import BLOG, OVERVIEW, SHOP, with_pool

WIDE = """\
gateways 1.2.3, master 4700, up 10m 00s, 1 upgrade

shop: shop.wsgi:application on fastcgi unix:/run/shop.sock, scgi 127.0.0.1:4000
  2 workers of 16 (dynamic), 1 idle, 1 active, at most 12, 3 waiting, at most 99, 100234 requests,
  78/s, 50.0 MiB, generation 3, 5 slow, 2 lost, 7 killed, 6 died, 1 failed to start,
  4 times all busy
  WORKER   PID  GEN  STATE        UP  REQUESTS  IN HAND   TIME    MEMORY  REQUEST
       7  4711    3  running  8m 20s      1234    2 / 8  1.2 s  50.0 MiB  POST /basket?a=1&b=<2>
       8  4712    3  idle       10 s         0    0 / 8      -         -  -

blog:  on nothing
  0 workers of 4 (ondemand), 0 idle, 0 active, at most 0, 0 waiting, at most 0, 0 requests, 0.0/s,
  0 B, generation 1
"""


def test_a_wide_terminal() -> None:
    assert render(replace(OVERVIEW, pools=[SHOP, replace(BLOG, name="blog")]), 100) == WIDE


@pytest.mark.parametrize("width", [0, 40, 59, 60, 79, 80, 120, 1000])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = render(OVERVIEW, width).splitlines()
    assert max(len(line) for line in lines) <= max(40, width)
    assert any("4711" in line for line in lines) is (width >= 60)
    assert any("running" in line and "1234" in line for line in lines)


def test_a_reload_that_failed_or_goes_on() -> None:
    text = render(with_pool(reload_state="failed", reload_failure="No module named 'shop'"), 100)
    assert "  the last reload failed, the old workers serve on:\n  No module named 'shop'\n" in text
    text = render(with_pool(reload_state="booting", reload_since=3.0, reload_why="SIGHUP"), 100)
    assert "  new workers have been starting for 3.0 s: SIGHUP\n" in text


def test_nothing_to_show() -> None:
    assert render(Overview(version="1", pid=5, since=1.0), 80) == "gateways 1, master 5, up 1.0 s\n"

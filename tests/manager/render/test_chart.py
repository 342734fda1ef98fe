"""The lines of the chart."""

from __future__ import annotations

from gateways.manager.render.chart import HEIGHT, STEP, WIDTH, area, in_hand, rates, series
from gateways.manager.render.page import script
from tests.support.figures import SHOP


def test_requests_of_each_second() -> None:
    assert rates(SHOP.history) == [10, 100, 124]
    assert in_hand(SHOP.history) == [2, 3, 2]
    assert rates([[0, 10], [0, 5], [0, 7]]) == [0, 2]  # counters never go back; if they did, it is no request
    assert (rates([]), rates([[1, 1]]), in_hand([[1, 1]])) == ([], [], [])


def test_the_newest_is_at_the_right_and_the_highest_at_the_top() -> None:
    assert series([0, 5, 20]) == ("596,100 598,75 600,0", 20, 20)
    assert series([3, 1]) == ("598,0 600,66.7", 1, 3)


def test_nothing_happens() -> None:
    assert series([0, 0]) == ("598,100 600,100", 0, 0)
    assert series([]) == ("", 0, 0)


def test_what_does_not_fit_is_left_out() -> None:
    drawn = series(list(range(1000)))
    assert drawn.points.startswith("0,")
    assert len(drawn.points.split()) == WIDTH // STEP + 1
    assert (drawn.last, drawn.top) == (999, 999)


def test_the_area_reaches_the_ground() -> None:
    assert area(series([5, 10])) == "598,100 598,50 600,0 600,100"
    assert area(series([])) == ""


def test_the_page_draws_to_the_same_scale() -> None:
    assert f"WIDTH = {WIDTH}, HEIGHT = {HEIGHT}, STEP = {STEP};".encode() in script()

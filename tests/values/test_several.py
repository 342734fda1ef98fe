"""Pairs and lists: values from two places, and the one at fault of several."""

from __future__ import annotations

import pytest

from gateways.values import (
    Address,
    BadItem,
    EnvironPair,
    Many,
    Number,
    Pair,
)

NUMBER = Number(1, 100)


def test_of_several_values_the_one_at_fault_is_told() -> None:
    with pytest.raises(BadItem) as caught:
        Many(NUMBER).read(["1", "zero", "2"])
    assert caught.value.item == "zero"


def test_pairs_come_together_and_everything_else_is_replaced() -> None:
    pairs = Many(Pair())
    assert pairs.over((("A", "1"), ("B", "1")), (("B", "2"), ("C", "2"))) == (("A", "1"), ("B", "2"), ("C", "2"))
    assert Many(EnvironPair()).over((("A", "1"),), ()) == (("A", "1"),)
    assert Many(Address()).over((":1",), (":2",)) == (":2",)
    assert Number(0, 9).over(1, 2) == 2


def test_a_pair_is_shown_as_it_is_given() -> None:
    assert Many(Pair()).show((("A", "1"), ("B", ""))) == "A=1 B="

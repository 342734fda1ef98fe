"""Nodes of a configuration of h2o."""

from __future__ import annotations

from gateways.doctor.h2o.nodes import Entry, Node, merged


def entry(key, text="", known=True):
    return Entry(key, Node("a:1", True, text, known=known), "a:1", True)


def test_the_last_of_a_key_counts():
    node = Node("a:1", True, entries=[entry("listen", "80"), entry("user"), entry("listen", "443")])
    assert [one.node.text for one in node.all("listen")] == ["80", "443"]
    assert node.scalar("listen") == "443"
    assert node.scalar("hosts") == ""
    assert Node("a:1", True, "x").get("x") is None


def test_a_list_and_what_stands_for_one():
    one, two = Node("a:1", True, "1"), Node("a:2", True, "2")
    assert Node("a:1", True, items=[one, two]).each() == [one, two]
    assert one.each() == [one]


def test_what_a_mapping_has_itself_counts_more():
    others = [
        Node("a:1", True, entries=[entry("a", "1"), entry("b", "1")]),
        Node("a:1", True, entries=[entry("b", "2")]),
    ]
    assert [(one.key, one.node.text) for one in merged([entry("a", "0")], others)] == [("a", "0"), ("b", "1")]


def test_what_is_not_known():
    assert Node("a:1", True, "x").is_known()
    assert not Node("a:1", True, "x", known=False).is_known()
    assert not Node("a:1", True, entries=[entry("port", known=False)]).is_known()
    assert not Node("a:1", True, items=[Node("a:1", True, known=False)]).is_known()


def test_numbers():
    for text, number in (("80", 80), ("100M", 100), (" 7", 7), ("x", None), ("", None)):
        assert entry("a", text).number() == number
    assert entry("a", "80", known=False).number() is None

"""What followers of a ticket hear, and when."""

from __future__ import annotations

from gateways.manager.tickets import Ticket, done, refused


def test_a_follower_hears_each_line_and_the_end_once():
    heard: list[object] = []
    ticket = Ticket()
    ticket.follow(heard.append)
    ticket.tell("booting", "2 of 4 workers are ready")
    ticket.end()
    ticket.end("too late")
    ticket.tell("booting", "too late")
    assert heard == [{"state": "booting", "text": "2 of 4 workers are ready"}, {"done": True, "failure": ""}]


def test_who_comes_later_hears_how_things_are():
    ticket, early, late, last = Ticket(), [], [], []
    ticket.follow(early.append)
    ticket.tell("booting", "one")
    ticket.tell("booting", "two")
    ticket.follow(late.append)
    ticket.end("no module named app")
    ticket.follow(last.append)
    assert [line.get("text") for line in early] == ["one", "two", None]
    assert [line.get("text") for line in late] == ["two", None]
    assert last == [ticket.outcome] == [done("no module named app")]


def test_it_ends_with_the_last_of_its_pools():
    ticket = Ticket(["shop", "blog"])
    ticket.pool_ended("blog", "cannot be loaded")
    assert ticket.outcome is None
    ticket.pool_ended("shop")
    assert ticket.outcome == done("pool blog: cannot be loaded")


def test_the_only_pool_needs_no_name():
    ticket = Ticket([""])
    ticket.pool_ended("", "cannot be loaded")
    assert ticket.outcome == done("cannot be loaded")


def test_the_end_of_all_is_the_end():
    ticket = Ticket(["shop", "blog"])
    ticket.end("stopped meanwhile")
    ticket.pool_ended("shop")
    assert ticket.outcome == done("stopped meanwhile")


def test_who_leaves_hears_nothing_more_and_the_others_do():
    class Leaver:
        def __init__(self) -> None:
            self.heard: list[object] = []

        def hear(self, line: object) -> None:
            self.heard.append(line)
            ticket.leave(self.hear)

    ticket, leaver, others = Ticket(), Leaver(), []
    ticket.follow(leaver.hear)
    ticket.follow(others.append)
    ticket.tell("booting", "one")
    ticket.tell("booting", "two")
    ticket.leave(leaver.hear)  # twice does no harm
    assert len(leaver.heard) == 1
    assert len(others) == 2


def test_a_refusal_is_a_last_line_too():
    assert refused("no") == {"done": True, "failure": "no", "refused": True}

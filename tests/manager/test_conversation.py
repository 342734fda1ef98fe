"""One connection of the control socket, driven by hand over a socket pair."""

from __future__ import annotations

import json
import select
import socket

import pytest

from gateways.manager.conversation import ASK_TIMEOUT, HEARTBEAT, MAX_UNSENT, STALL_TIMEOUT, Conversation
from gateways.manager.questions import MAX_QUESTION
from gateways.manager.tickets import Ticket, done
from tests.manager.answering import Clock
from tests.support.serving import PATIENCE


class Pair:
    """A conversation and its peer."""

    def __init__(self) -> None:
        self.clock = Clock()
        ours, self.peer = socket.socketpair()
        self.peer.settimeout(PATIENCE)
        self.conversation = Conversation(ours, self.clock)

    def ask(self, data=b'{"ask": "ping"}\n'):
        self.peer.sendall(data)
        return self.conversation.on_events(select.POLLIN)

    def heard(self):
        """All lines that have arrived."""
        self.peer.setblocking(False)
        data = b""
        try:
            while block := self.peer.recv(65536):
                data += block
        except BlockingIOError:
            pass
        return [json.loads(line) for line in data.splitlines()]


@pytest.fixture
def pair():
    pair = Pair()
    yield pair
    pair.conversation.close()
    pair.peer.close()


def test_a_question_is_returned_once_and_its_answer_is_the_end(pair):
    assert pair.conversation.interest == select.POLLIN
    assert pair.ask() == b'{"ask": "ping"}'
    assert pair.conversation.interest == 0
    pair.conversation.tell(done())
    assert pair.conversation.over
    assert pair.heard() == [done()]


def test_a_question_may_come_byte_by_byte(pair):
    for byte in b'{"ask": "ping"}':
        assert pair.ask(bytes([byte])) is None
    assert pair.ask(b"\n") == b'{"ask": "ping"}'


def test_what_comes_after_the_question_is_not_read(pair):
    assert pair.ask(b"one\ntwo\n") == b"one"
    assert pair.conversation.on_events(select.POLLIN) is None
    assert not pair.conversation.over


def test_the_end_of_the_input_ends_the_question_and_not_the_answer(pair):
    pair.peer.sendall(b'{"ask": "ping"}')
    pair.peer.shutdown(socket.SHUT_WR)
    assert pair.conversation.on_events(select.POLLIN) is None
    assert pair.conversation.on_events(select.POLLIN) == b'{"ask": "ping"}'
    pair.conversation.tell({"state": "booting"})
    pair.conversation.tell(done())
    assert pair.heard() == [{"state": "booting"}, done()]


def test_nothing_at_all_is_no_question(pair):
    pair.peer.shutdown(socket.SHUT_WR)
    assert pair.conversation.on_events(select.POLLIN) is None
    assert pair.conversation.over


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_question_without_end_is_refused(pair, end):
    assert pair.ask(b"x" * MAX_QUESTION + end) is None
    assert pair.conversation.over
    assert pair.heard()[0]["failure"] == f"a question is one line of less than {MAX_QUESTION} bytes"


def test_the_longest_question(pair):
    assert pair.ask(b"x" * (MAX_QUESTION - 1) + b"\n") == b"x" * (MAX_QUESTION - 1)


def test_who_does_not_ask_is_cut_off(pair):
    assert pair.conversation.deadline == pair.clock.now + ASK_TIMEOUT
    pair.conversation.on_deadline(pair.conversation.deadline)
    assert pair.conversation.over


def test_a_reset_connection_is_over(pair):
    pair.conversation.sock.sendall(b"x")  # left unread, so that closing resets
    pair.peer.close()
    assert pair.conversation.on_events(select.POLLIN | select.POLLHUP) is None
    assert pair.conversation.over


def test_who_hangs_up_before_the_answer(pair):
    pair.ask()
    pair.peer.close()
    pair.conversation.tell(done())
    assert pair.conversation.over


def fill(pair: Pair) -> None:
    """Send until something is left over."""
    while not pair.conversation.over and pair.conversation.interest != select.POLLOUT:
        pair.conversation.tell({"text": "x" * 10000})


def test_a_reader_that_is_slow_gets_it_all(pair):
    pair.ask()
    fill(pair)
    pair.conversation.tell(done())
    data = b""
    while not pair.conversation.over:
        data += pair.peer.recv(1 << 20)
        pair.clock.now += STALL_TIMEOUT - 1
        pair.conversation.on_events(select.POLLOUT)
        assert pair.conversation.deadline == pair.clock.now + STALL_TIMEOUT
    pair.conversation.close()
    while block := pair.peer.recv(1 << 20):
        data += block
    *texts, last = [json.loads(line) for line in data.splitlines()]
    assert texts == [{"text": "x" * 10000}] * len(texts)
    assert last == done()


def test_a_reader_that_stalls_is_cut_off(pair):
    pair.ask()
    pair.conversation.follow(Ticket())
    fill(pair)
    pair.conversation.on_deadline(pair.conversation.deadline)
    assert pair.conversation.over


def test_what_waits_to_be_sent_has_a_limit(pair):
    pair.ask()
    pair.conversation.tell({"text": "x" * (2 * MAX_UNSENT)})
    assert pair.conversation.over


def test_a_follower_hears_that_the_master_lives(pair):
    ticket = Ticket()
    pair.ask()
    pair.conversation.follow(ticket)
    assert pair.conversation.following
    for _ in range(3):
        assert pair.conversation.deadline == pair.clock.now + HEARTBEAT
        pair.clock.now += HEARTBEAT
        pair.conversation.on_deadline(pair.clock.now)
    ticket.tell("booting", "soon")
    ticket.end("never")
    assert pair.conversation.over
    assert not pair.conversation.following
    assert pair.heard() == [{"state": "alive"}] * 3 + [{"state": "booting", "text": "soon"}, done("never")]


def test_a_ticket_that_has_ended_is_answered_at_once(pair):
    ticket = Ticket()
    ticket.end("no")
    pair.ask()
    pair.conversation.follow(ticket)
    assert pair.conversation.over
    assert pair.heard() == [done("no")]


def test_a_closed_follower_is_forgotten(pair):
    ticket = Ticket()
    pair.ask()
    pair.conversation.follow(ticket)
    pair.conversation.close()
    assert ticket._followers == []

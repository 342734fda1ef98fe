"""Lines that are questions, and lines that are none."""

from __future__ import annotations

import json

import pytest

from gateways.errors import ConfigError
from gateways.manager.questions import QUESTIONS, answer, read
from gateways.manager.tickets import done
from tests.manager.answering import Master


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_can_be_asked(name):
    question = {"ask": name, "by": 1} if name == "resize" else {"ask": name}
    master = Master()
    found = answer(master, read(json.dumps(question).encode()))
    if name in ("reload", "upgrade", "outcome", "stop"):
        assert found is master.ticket
    else:
        assert found == (done(status=master.figures) if name == "status" else done())


def test_what_is_given_along_reaches_the_master():
    master = Master()
    answer(master, read(b'{"ask": "reload", "pool": "shop"}'))
    answer(master, read(b'{"ask": "resize", "pool": "shop", "by": -2}'))
    assert master.asked == [("reload", "shop"), ("resize", "shop", -2)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "a question is one line of JSON"),
        (b"status", "a question is one line of JSON"),
        (b'{"ask": "status"', "a question is one line of JSON"),
        (b'{"ask": "\xff"}', "a question is one line of JSON"),
        (b"[" * 4000, "a question is one line of JSON"),
        (b"9" * 4090, "a question is"),
        (b'["status"]', 'an object with the key "ask"'),
        (b'{"say": "status"}', 'an object with the key "ask"'),
        (b'{"ask": 7}', 'an object with the key "ask"'),
        (b'{"ask": "relaod"}', "unknown question 'relaod'; did you mean reload?"),
        (b'{"ask": "x\\u001b[2J"}', r"unknown question 'x\x1b[2J'; there are ping, status"),
        (b'{"ask": "status", "pool": "shop"}', "status does not know 'pool'"),
    ],
)
def test_what_is_no_question(line, reason):
    with pytest.raises(ConfigError) as caught:
        read(line)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ({"ask": "reload", "pool": 7}, "pool is not a text"),
        ({"ask": "reload", "pool": "shpo"}, "there is no pool 'shpo'"),
        ({"ask": "resize"}, "by is not a whole number"),
        ({"ask": "resize", "by": True}, "by is not a whole number"),
        ({"ask": "resize", "by": 0}, "by is not a whole number"),
        ({"ask": "resize", "by": 1.5}, "by is not a whole number"),
        ({"ask": "resize", "by": 10**9}, "by is not a whole number"),
    ],
)
def test_what_the_master_is_not_asked(question, reason):
    master = Master()
    with pytest.raises(ConfigError, match=reason):
        answer(master, question)
    assert master.asked == []

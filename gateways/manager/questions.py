"""What may be asked on the control socket, and how a line of JSON becomes a call of the master."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Callable, Protocol, Union

from gateways.declared import nearest
from gateways.errors import ConfigError
from gateways.manager.tickets import Line, Ticket, done

#: The longest question, bytes, with the end of its line.
MAX_QUESTION = 4096

#: How many workers more or less can be asked for at once.
_MOST = 1024


class Answers(Protocol):
    """The master, as the control socket sees it. No method may wait.

    Each may raise ``ConfigError`` for what cannot be asked of this master: a pool that it does not have.
    """

    def status(self) -> Mapping[str, Any]:
        """Return the figures of all pools and workers, as JSON values."""

    def reload(self, pool: str | None) -> Ticket:
        """Begin a reload of one pool, or of all; one that goes on already is followed by another."""

    def upgrade(self) -> Ticket:
        """Begin to replace the master's program."""

    def outcome(self) -> Ticket:
        """Return the ticket of the reload that goes on or was the last, by whatever it was begun."""

    def stop(self) -> Ticket:
        """Begin the graceful stop. The ticket ends when no worker is left."""

    def reopen(self) -> None:
        """Open all log files anew, in the workers too."""

    def resize(self, pool: str | None, by: int) -> None:
        """Have ``by`` workers more, or less where it is negative."""


Answer = Union[Line, Ticket]
Call = Callable[[Answers, Mapping[str, Any]], Answer]


def _pool(question: Mapping[str, Any]) -> str | None:
    pool = question.get("pool")
    if pool is not None and not isinstance(pool, str):
        raise ConfigError("pool is not a text")
    return pool


def _by(question: Mapping[str, Any]) -> int:
    by = question.get("by")
    if not isinstance(by, int) or isinstance(by, bool) or not 0 < abs(by) <= _MOST:
        raise ConfigError(f"by is not a whole number from -{_MOST} to {_MOST} other than 0")
    return by


def _reopen(answers: Answers, question: Mapping[str, Any]) -> Answer:
    answers.reopen()
    return done()


def _resize(answers: Answers, question: Mapping[str, Any]) -> Answer:
    answers.resize(_pool(question), _by(question))
    return done()


#: Question: the call that answers it, and the keys it knows beside ``ask``.
QUESTIONS: dict[str, tuple[Call, frozenset[str]]] = {
    "ping": (lambda answers, question: done(), frozenset()),
    "status": (lambda answers, question: done(status=answers.status()), frozenset()),
    "reload": (lambda answers, question: answers.reload(_pool(question)), frozenset({"pool"})),
    "upgrade": (lambda answers, question: answers.upgrade(), frozenset()),
    "outcome": (lambda answers, question: answers.outcome(), frozenset()),
    "stop": (lambda answers, question: answers.stop(), frozenset()),
    "reopen": (_reopen, frozenset()),
    "resize": (_resize, frozenset({"pool", "by"})),
}

#: Those that change nothing, and are not worth a line in the log.
HARMLESS = frozenset({"ping", "status", "outcome"})


def read(line: bytes) -> Mapping[str, Any]:
    """Return the question of a line. Raises ``ConfigError`` when it is none."""
    try:
        question = json.loads(line)
    except (ValueError, RecursionError):
        raise ConfigError('a question is one line of JSON, such as {"ask": "status"}') from None
    if not isinstance(question, dict) or not isinstance(question.get("ask"), str):
        raise ConfigError('a question is an object with the key "ask", such as {"ask": "status"}')
    name = question["ask"]
    if name not in QUESTIONS:
        slip = nearest(name, QUESTIONS)
        raise ConfigError(f"unknown question {name!r}; " + (f"did you mean {slip}?" if slip else _choice()))
    unknown = question.keys() - QUESTIONS[name][1] - {"ask"}
    if unknown:
        raise ConfigError(f"{name} does not know {sorted(unknown)[0]!r}")
    return question


def answer(answers: Answers, question: Mapping[str, Any]) -> Answer:
    """Ask the master. Raises ``ConfigError`` for what cannot be asked of it."""
    return QUESTIONS[question["ask"]][0](answers, question)


def _choice() -> str:
    return f"there are {', '.join(QUESTIONS)}"

"""Run the cases of a protocol against a backend, one after another, and see after each whether it still serves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from gateways.conform.case import DIFFERS, FAIL, LEAVE, PASS, Await, Case, Fair, Trial
from gateways.conform.fair import REQUESTS
from gateways.conform.peer import Reader, play
from gateways.conform.readers import read_ajp, read_fastcgi, read_http, read_stream
from gateways.conform.seen import Seen
from gateways.declared import variable_of
from gateways.errors import ConfigError, ConnectError, GatewayError

if TYPE_CHECKING:
    from gateways.addresses import Address

READERS: dict[str, Reader] = {
    "fastcgi": read_fastcgi,
    "scgi": read_stream,
    "uwsgi": read_stream,
    "ajp": read_ajp,
    "http": read_http,
}
_WORST = (PASS, DIFFERS, FAIL)


class UnfitBackend(GatewayError):
    """A backend does not answer a fair request, so that nothing can be learnt from the others."""


@dataclass(frozen=True)
class Result:
    """What became of one case. ``grade`` is ``"pass"``, ``"differs"`` or ``"fail"``; ``came`` says it in words."""

    case: Case
    grade: str
    came: str


@dataclass(frozen=True)
class Backend:
    """A backend that answers fair requests: with ``usual`` statuses, and ``strict`` when its application is ours."""

    protocol: str
    address: Address
    fair: Fair
    timeout: float
    usual: frozenset[int]
    strict: bool

    def play(self, trial: Trial) -> Seen:
        """Play a trial and return what came."""
        seen = play(self.address, trial.steps, READERS[self.protocol], self.timeout)
        seen.usual = self.usual
        seen.strict = self.strict
        return seen

    def alive(self) -> str:
        """Return ``""`` when a fair request is answered as before, else what is wrong."""
        try:
            seen = _ask(self.protocol, self.address, REQUESTS[self.protocol](self.fair)[0], self.timeout)
        except ConnectError:
            return "the backend cannot be reached afterwards"
        if len(seen.answers) == 1 and seen.answers[0].status in self.usual:
            return ""
        return f"a plain request afterwards: {seen.describe()}"


def meet(protocol: str, address: Address, fair: Fair, timeout: float) -> Backend:
    """Ask a backend for a page, so that it is known what its answers look like.

    Raises ``ConnectError``, and ``UnfitBackend`` when there is no answer.
    """
    answers = []
    for data in REQUESTS[protocol](fair):
        seen = _ask(protocol, address, data, timeout)
        if len(seen.answers) != 1 or not seen.answers[0].complete:
            raise UnfitBackend(
                f"the backend at {address} does not answer a plain request ({seen.describe()}); "
                f"is it {protocol} that it speaks, and does its application have the page {fair.uri.decode('latin-1')}?"
            )
        answers.append(seen.answers[0])
    strict = all(answer.echo is not None for answer in answers)
    return Backend(protocol, address, fair, timeout, frozenset(answer.status for answer in answers), strict)


def cases_of(protocol: str, fair: Fair, numbers: Iterable[str] = ()) -> list[Case]:
    """Return the cases of a protocol, all or those with these numbers. Raises ``ConfigError`` for one that is none."""
    module = import_module(f"gateways.conform.cases_{protocol}")
    found: list[Case] = module.cases(fair)
    known = {one.number: one for one in found}
    reasons = not_run(protocol, fair)
    for number in numbers:
        if number in reasons:
            raise ConfigError(f"case {number} cannot be run: {reasons[number]}")
        if number not in known:
            raise ConfigError(f"there is no case {number!r} for {protocol}{_hint(number, protocol, fair)}")
    return [known[number] for number in numbers] or found


def _hint(number: str, protocol: str, fair: Fair) -> str:
    """Return what to ask for instead of a case that is none of the protocol's."""
    for other in READERS:
        module = import_module(f"gateways.conform.cases_{other}")
        if number in module.NOT_RUN or any(number == one.number for one in module.cases(fair)):
            return f"; it is one of --{other}"
    return f"; gateways conform --{protocol} ADDR --list prints them"


def not_run(protocol: str, fair: Fair) -> dict[str, str]:
    """Return the numbers that nobody can check from outside within seconds, or not without a secret, and why."""
    reasons: dict[str, str] = import_module(f"gateways.conform.cases_{protocol}").NOT_RUN
    if protocol == "ajp" and fair.secret is None:
        return {"A14": f"it is about the backend's secret: set {variable_of('ajp_secret')}", **reasons}
    return reasons


def run_cases(backend: Backend, cases: Iterable[Case]) -> Iterator[Result]:
    """Run ``cases`` and give each result as it is known. Ends early when the backend does not serve any more."""
    for case in cases:
        result, dead = _run(backend, case)
        yield result
        if dead and backend.alive():  # it has had the time of another request to recover
            return


def _run(backend: Backend, case: Case) -> tuple[Result, str]:
    grades, texts, dead = [], [], ""
    for trial in case.trials:
        try:
            seen = backend.play(trial)
            grade = trial.judge(seen)
            text = ", ".join([seen.describe(), *(seen.remarks if grade != PASS else ())])
            dead = backend.alive()
        except ConnectError:
            grade, text, dead = FAIL, "", "the backend cannot be reached"
        if dead:
            grade, text = FAIL, "; ".join(part for part in (text, dead) if part)
        grades.append(grade)
        texts.append(f"{trial.label}: {text}" if trial.label else text)
        if dead:
            break
    came = texts[0] if len(set(texts)) == 1 else "; ".join(texts)
    return Result(case, max(grades, key=_WORST.index), came), dead


def _ask(protocol: str, address: Address, data: bytes, timeout: float) -> Seen:
    return play(address, (data, Await(), LEAVE), READERS[protocol], timeout)

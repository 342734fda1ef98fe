"""What an outcome means."""

from __future__ import annotations

import os

import pytest

from gateways.doctor.accounts import account_of
from gateways.doctor.findings import Finding
from gateways.doctor.outcomes import Trial, explain
from gateways.doctor.starting import Outcome

GOOD = b"Content-Type: text/plain\r\nStatus: 200 OK\r\n\r\nfine"
TRACE = b'Traceback (most recent call last):\n  File "/srv/app", line 3, in <module>\nKeyError: 1\n'


def found(outcome: Outcome, fastcgi: bool = False, data: bytes = b"run(app)\n") -> Finding:
    trial = Trial("/srv/app", data, fastcgi, account_of(os.geteuid()), "/usr/bin/python3")
    [finding] = explain(trial, outcome)
    return finding


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [
        (Outcome(0, GOOD), "script-answers", "answers 200 by CGI"),
        (Outcome(0, GOOD.replace(b"200", b"404")), "run-status", "404"),
        (Outcome(0, GOOD.replace(b"200", b"500"), b"reason\n"), "run-failed", '"reason"'),
        (Outcome(0, GOOD.replace(b"200", b"500"), TRACE), "application-exception", "KeyError: 1"),
        (Outcome(0, b"noise\n" + GOOD), "stdout-noise", '"noise"'),
        (Outcome(0, b"<h1>Hello</h1>\n"), "run-no-headers", "<h1>Hello</h1>"),
        (Outcome(0, b"DEBUG: x\nnoise\n" + GOOD), "stdout-noise", '"DEBUG: x"'),
        (Outcome(0, b"Content-Type: text/html\n"), "run-no-headers", '"Content-Type: text/html" is the last'),
        (Outcome(0, b"Content-Type: text/html\nhi\n"), "run-no-headers", '"hi" follows "Content-Type: text/html"'),
        (Outcome(0, b"Set-Cookie: a=b\r\n<p>\r\n\r\n"), "run-no-headers", '"<p>" follows "Set-Cookie: a=b"'),
        (Outcome(0, b"Content-Type: a/b\nStatus: x\n\n"), "run-no-headers", "a header cannot be used: Status must"),
        (Outcome(0, b"HTTP/1.1 200 OK\nContent-Type: text/html\n\nhi"), "run-no-headers", "a line of HTTP"),
        (Outcome(3, b"", b"why\n"), "run-silent", 'status 3 and without an answer; it says "why"'),
        (Outcome(1, b"", TRACE), "application-exception", "KeyError: 1"),
        (Outcome(0), "run-silent", "says nothing"),
        (Outcome(-9), "run-killed", "SIGKILL"),
        (Outcome(-40), "run-killed", "signal 40"),
        (Outcome(None, b"", b"waiting\n", True, seconds=5.0), "run-timeout", 'within 5 s; it says "waiting"'),
    ],
)
def test_by_cgi(outcome: Outcome, code: str, words: str) -> None:
    finding = found(outcome)
    assert finding.code == code
    assert words in finding.what


@pytest.mark.parametrize(
    ("outcome", "data", "code"),
    [
        (Outcome(None, answer=200), b"", "script-answers"),
        (Outcome(None, answer=500, log=TRACE), b"", "application-exception"),
        (Outcome(0, failure="closed"), b"run_with_cgi(app)", "script-only-cgi"),
        (Outcome(0, log=b"Status: 200 OK\n", failure="closed"), b"main()", "script-only-cgi"),
        (Outcome(1, log=TRACE, failure="closed"), b"run(app)", "application-exception"),
        (Outcome(None, failure="it sent no FastCGI"), b"run(app)", "run-no-answer"),
        (Outcome(-11, failure="closed"), b"run(app)", "run-killed"),
        (Outcome(None, timed_out=True), b"run(app)", "run-timeout"),
    ],
)
def test_by_fastcgi(outcome: Outcome, data: bytes, code: str) -> None:
    assert found(outcome, True, data).code == code


def test_an_application_that_nobody_serves() -> None:
    finding = found(Outcome(0), data=b"def app(environ, start_response): pass\n")
    assert finding.code == "script-serves-nothing"
    assert "run(app)" in finding.remedy
    assert found(Outcome(0), data=b"x = 1\n").code == "script-serves-nothing"


def test_the_line_that_prints() -> None:
    finding = found(Outcome(0, b"noise\n" + GOOD), data=b"import x\nprint('noise')\nrun(x)\n")
    assert finding.where == "/srv/app:2"


def test_where_the_empty_line_belongs() -> None:
    finding = found(
        Outcome(0, b"Content-Type: text/html\nhi\n"), data=b"print('Content-Type: text/html')\nprint('hi')\n"
    )
    assert (finding.where, finding.remedy) == ("/srv/app:1", "print() after it")
    assert "Status: 404 Not Found" in found(Outcome(0, b"HTTP/1.0 404 Not Found\n\n")).remedy


def test_a_compiled_program_has_no_interpreter() -> None:
    trial = Trial("/srv/app", b"\x7fELF\0", False, account_of(os.geteuid()), "/srv/app")
    [finding] = explain(trial, Outcome(3))
    assert finding.remedy == "see what ends it: /srv/app"

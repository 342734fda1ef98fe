from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import cgi

BROWSER = {
    **cgi.REQUEST,
    "HTTP_ACCEPT": "text/html",
    "HTTP_COOKIE": "session=very-secret",
    "DB_PASSWORD": "very-secret",
}
ENABLE = "from gateways.compat import cgitb; cgitb.enable({})"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    logs = tmp_path / "logs"
    logs.mkdir()
    return logs


def run(tmp_path: Path, *lines: str, arguments: str = "", variables: cgi.Variables = BROWSER) -> cgi.Answer:
    script = tmp_path / "old.cgi"
    script.write_text("\n".join([ENABLE.format(arguments), *lines, ""]))
    return cgi.run(script, variables)


def test_a_failure_is_answered_with_500_and_the_page(tmp_path: Path) -> None:
    answer = run(tmp_path, "print('Content-Type: text/html\\n')", "print('half')", "password = 'very-secret'", "1 / 0")
    assert answer.status == "500 Internal Server Error"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = answer.body.decode()
    assert page.startswith("<!DOCTYPE html>")
    assert "ZeroDivisionError: division by zero" in page
    assert "half" not in page.replace("print(&#x27;half&#x27;)", "")
    assert "very-secret" not in page.replace("password = &#x27;very-secret&#x27;", "")
    assert "cgitb.enable(display=False)" in page, "what to do, in the words of the script"
    assert "debug-secrets" not in page
    assert "ZeroDivisionError" in answer.log
    assert answer.code == 1


def test_a_page_that_cannot_be_made_is_text(tmp_path: Path) -> None:
    answer = run(tmp_path, "class MyExceptionGroup(Exception): pass", "raise MyExceptionGroup('no members')")
    assert answer.status == "500 Internal Server Error"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert b"MyExceptionGroup: no members" in answer.body
    assert "gateways: the debug page failed: AttributeError" in answer.log


def test_a_script_that_does_not_fail_is_not_disturbed(tmp_path: Path) -> None:
    lines = ("import sys", "print('Content-Type: text/plain\\n')", "sys.stdout.buffer.write(b'\\xff')", "print('ü')")
    answer = run(tmp_path, *lines, variables={**BROWSER, "PYTHONIOENCODING": "utf-8"})
    assert answer.output == b"Content-Type: text/plain\n\n\xff\xc3\xbc\n"
    assert (answer.log, answer.code) == ("", 0)


def test_what_was_printed_before_stays_before(tmp_path: Path) -> None:
    script = tmp_path / "old.cgi"
    script.write_text(f"print('first')\n{ENABLE.format('')}\nprint('second')\n")
    assert cgi.run(script, BROWSER).output == b"first\nsecond\n"


def test_an_exit_is_no_failure(tmp_path: Path) -> None:
    answer = run(tmp_path, "print('Content-Type: text/plain\\n')", "raise SystemExit(3)")
    assert (answer.output, answer.code) == (b"Content-Type: text/plain\n\n", 3)


@pytest.mark.parametrize(
    "begin", ["print('Content-Type: text/html\\n', flush=True)", "print('x' * (1 << 20), end='yz')"]
)
def test_a_page_that_has_begun_gets_its_end(tmp_path: Path, begin: str) -> None:
    answer = run(tmp_path, begin, "raise ValueError('<b>')")
    assert b"Status:" not in answer.output
    assert answer.output.endswith(b"ValueError: &lt;b&gt;\n</pre>\n")


def test_programs_get_text(tmp_path: Path) -> None:
    for answer in (run(tmp_path, "1 / 0", variables=cgi.REQUEST), run(tmp_path, "1 / 0", arguments="format='text'")):
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert b"ZeroDivisionError" in answer.body


def test_without_display_the_page_says_nothing(tmp_path: Path) -> None:
    answer = run(tmp_path, "1 / 0", arguments="display=0")
    assert answer.status == "500 Internal Server Error"
    assert b"Zero" not in answer.output
    assert "ZeroDivisionError" in answer.log


def test_head_has_no_body(tmp_path: Path) -> None:
    answer = run(tmp_path, "1 / 0", variables={**BROWSER, "REQUEST_METHOD": "HEAD"})
    assert (answer.status, answer.body) == ("500 Internal Server Error", b"")


def test_a_report_is_kept(tmp_path: Path, directory: Path) -> None:
    run(tmp_path, "1 / 0", arguments=f"display=0, logdir={str(directory)!r}")
    [report] = directory.iterdir()
    assert "ZeroDivisionError" in report.read_text()
    assert report.stat().st_mode & 0o777 == 0o600


def test_a_report_that_cannot_be_kept_costs_no_answer(tmp_path: Path, directory: Path) -> None:
    answer = run(tmp_path, "1 / 0", arguments=f"logdir={os.fspath(directory / 'none')!r}")
    assert answer.status == "500 Internal Server Error"
    assert "the report cannot be written: No such file or directory" in answer.log


def test_a_script_may_catch_it_itself(tmp_path: Path) -> None:
    answer = run(tmp_path, "try:", "    1 / 0", "except ZeroDivisionError:", "    cgitb.handler()")
    assert answer.status == "500 Internal Server Error"
    assert answer.code == 0
    script = tmp_path / "alone.cgi"
    script.write_text(
        "from gateways.compat import cgitb\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    cgitb.handler()\n"
    )
    assert cgi.run(script, BROWSER).status == "500 Internal Server Error"


def test_no_exception_is_no_failure(tmp_path: Path) -> None:
    assert run(tmp_path, "cgitb.handler()", "print('fine')").output == b"fine\n"


def test_it_may_be_enabled_twice(tmp_path: Path) -> None:
    answer = run(tmp_path, "print('half')", "cgitb.enable(display=0)", "1 / 0")
    assert answer.status == "500 Internal Server Error"
    assert b"half" not in answer.output
    assert b"Zero" not in answer.output


def test_a_child_process_writes_behind_what_was_printed(tmp_path: Path) -> None:
    lines = ("import subprocess, sys", "print('first')", "subprocess.call(['echo', 'second'], stdout=sys.stdout)")
    assert run(tmp_path, *lines).output == b"first\nsecond\n"


def test_what_a_client_sent_is_escaped_in_the_log(tmp_path: Path) -> None:
    assert "\\x1b[2J" in run(tmp_path, "raise ValueError('\\x1b[2J')").log

"""Scripts that are started as a web server does it, and what comes of them."""

from __future__ import annotations

import fcntl
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gateways.doctor import starting
from gateways.doctor.accounts import Account, account_of
from gateways.doctor.starting import Outcome, Surroundings, identity, run_cgi, run_fastcgi
from tests.support.serving import PATIENCE, until
from tests.support.source import CHECKOUT

US = account_of(os.geteuid())
PLAIN = Surroundings()
SERVE = f"""
import sys
sys.path.insert(0, {str(CHECKOUT)!r})
from gateways import run
def application(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [environ["SCRIPT_NAME"].encode()]
run(application)
"""


def write(directory: Path, text: str, interpreter: str = sys.executable) -> str:
    path = directory / "app"
    path.write_text(f"#!{interpreter}\n{text}")
    path.chmod(0o755)
    return str(path)


def test_cgi(tmp_path: Path) -> None:
    outcome = run_cgi(write(tmp_path, SERVE), US, PLAIN, PATIENCE)
    assert outcome.output.startswith(b"Content-Type: text/plain\r\n")
    assert b"Status: 404 Not Found" in outcome.output
    assert outcome.output.endswith(b"/app")
    assert (outcome.status, outcome.timed_out) == (0, False)


def test_fastcgi(tmp_path: Path) -> None:
    outcome = run_fastcgi(write(tmp_path, SERVE), US, PLAIN, PATIENCE)
    assert (outcome.answer, outcome.failure, outcome.timed_out) == (404, "", False)


STREAM = """    start_response("200 OK", [("Content-Type", "text/event-stream")])
    import itertools
    return (b"data: x\\n\\n" for _ in itertools.count())
"""
DRIP = """    start_response("200 OK", [("Content-Type", "text/plain")])
    import itertools, time
    return (time.sleep(0.01) or b"x" for _ in itertools.count())
"""


@pytest.mark.parametrize(("body", "timeout"), [(STREAM, PATIENCE), (DRIP, 2)])
def test_a_page_without_an_end(tmp_path: Path, body: str, timeout: float) -> None:
    """It has begun, and that is what one wants to know; two seconds may be too few for a start, but not for an end."""
    text = SERVE.partition("    start")[0] + body + "run(application)\n"
    outcome = run_fastcgi(write(tmp_path, text), US, PLAIN, timeout)
    assert outcome.answer == 200 or (timeout == 2 and outcome.timed_out)


def test_the_environment_is_that_of_a_web_server(tmp_path: Path) -> None:
    path = write(tmp_path, "import os\nprint(sorted(os.environ), os.getcwd(), os.environ['GATEWAY_INTERFACE'])")
    outcome = run_cgi(path, US, Surroundings({"FROM_HTACCESS": "1"}), PATIENCE)
    assert b"'FROM_HTACCESS'" in outcome.output
    assert b"'HOME'" not in outcome.output
    assert os.fsencode(tmp_path) in outcome.output
    assert outcome.output.endswith(b"CGI/1.1\n")


def test_limits(tmp_path: Path) -> None:
    around = Surroundings({}, {resource.RLIMIT_AS: 300 << 20})
    outcome = run_cgi(write(tmp_path, "bytearray(400 << 20)"), US, around, PATIENCE)
    assert b"MemoryError" in outcome.log


def test_limits_above_those_that_hold_for_us(tmp_path: Path) -> None:
    """Only root may raise them, and the account of a web server is another one."""
    name, hard = resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    text = f"import resource\nprint(resource.getrlimit({name}))"
    outcome = run_cgi(write(tmp_path, text), US, Surroundings({}, {name: hard + 1}), PATIENCE)
    assert outcome.output == f"{(hard, hard)}\n".encode()


@pytest.mark.parametrize("run", [run_cgi, run_fastcgi])
def test_the_headers_are_those_of_a_browser(tmp_path: Path, run: object) -> None:
    """What an application takes for granted, and rightly so."""
    names = ("HTTP_HOST", "HTTP_USER_AGENT", "HTTP_ACCEPT", "HTTP_COOKIE")
    text = SERVE.replace("    start", f"    [environ[name] for name in {names}]\n    start")
    outcome: Outcome = run(write(tmp_path, text), US, PLAIN, PATIENCE)  # type: ignore[operator]
    assert outcome.answer == 404 or b"Status: 404" in outcome.output, outcome.log


@pytest.mark.parametrize("run", [run_cgi, run_fastcgi])
def test_an_end_before_the_answer(tmp_path: Path, run: object) -> None:
    path = write(tmp_path, "echo why >&2; exit 3", "/bin/sh")
    outcome: Outcome = run(path, US, PLAIN, PATIENCE)  # type: ignore[operator]
    assert (outcome.status, outcome.log, outcome.answer) == (3, b"why\n", 0)


@pytest.mark.parametrize("run", [run_cgi, run_fastcgi])
def test_a_signal(tmp_path: Path, run: object) -> None:
    outcome: Outcome = run(write(tmp_path, "kill -9 $$", "/bin/sh"), US, PLAIN, PATIENCE)  # type: ignore[operator]
    assert outcome.status == -9


@pytest.mark.parametrize("run", [run_cgi, run_fastcgi])
def test_one_that_waits_for_ever(tmp_path: Path, run: object) -> None:
    path = write(tmp_path, "sleep 1000 & wait", "/bin/sh")
    outcome: Outcome = run(path, US, PLAIN, 0.5)  # type: ignore[operator]
    assert outcome.timed_out
    assert outcome.status is None
    assert outcome.seconds == 0.5, "as it was asked for, without the time for what it still said"


@pytest.mark.parametrize(
    ("run", "cls", "method"), [(run_cgi, subprocess.Popen, "wait"), (run_fastcgi, starting._Asking, "is_alive")]
)
def test_ctrl_c_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: object, cls: type, method: str) -> None:
    lock = tmp_path / "lock"
    text = f"import fcntl, time\nfile = open({str(lock)!r}, 'w')\nfcntl.flock(file, fcntl.LOCK_EX)\n"
    path = write(tmp_path, f"{text}file.write('x')\nfile.flush()\ntime.sleep(3600)\n")

    def interrupted(*_: object) -> None:
        until(lambda: lock.exists() and lock.read_text() == "x")
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(cls, method, interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(path, US, PLAIN, PATIENCE)  # type: ignore[operator]
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever had it is gone


def test_one_that_never_ends_its_output(tmp_path: Path) -> None:
    outcome = run_cgi(write(tmp_path, "exec yes", "/bin/sh"), US, PLAIN, 0.5)
    assert outcome.timed_out
    assert len(outcome.output) <= 2 * 65536


def test_what_cannot_be_started(tmp_path: Path) -> None:
    path = write(tmp_path, "", f"{tmp_path}/none")
    with pytest.raises(OSError, match="No such file"):
        run_cgi(path, US, PLAIN, PATIENCE)
    with pytest.raises(OSError, match="No such file"):
        run_fastcgi(path, US, PLAIN, PATIENCE)


def test_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Account("other", 54321, 54322, frozenset([3, 2]))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert identity(other) == {"user": 54321, "group": 54322, "extra_groups": [2, 3]}
    assert identity(Account("root", 0, 0, frozenset())) == {}
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert identity(other) == {}

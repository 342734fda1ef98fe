"""An application that is loaded for trial: in another process, as a worker would load it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from gateways.server.trial import try_loading
from gateways.settings import Settings
from tests.support.processes import NOBODY
from tests.support.serving import PATIENCE

GOOD = "def application(environ, start_response): return []\n"


@pytest.fixture
def directory(socket_dir: Path) -> Path:
    """Every user may enter it."""
    return socket_dir


def attempt(directory: Path, text: str, application: str = "app", **keywords: Any) -> str:
    (directory / "app.py").write_text(text)
    settings = {"chdir": str(directory), "user": str(os.geteuid()), "boot_timeout": PATIENCE, **keywords}
    return try_loading(application, Settings(**settings))


def test_an_application_that_can_be_loaded(directory: Path) -> None:
    assert attempt(directory, GOOD) == ""
    assert attempt(directory, GOOD, "app:application") == ""
    assert attempt(directory, GOOD, f"{directory}/app.py") == ""


def test_this_process_does_not_load_it(directory: Path) -> None:
    attempt(directory, f"open({str(directory / 'loaded')!r}, 'w').close()\n{GOOD}")
    assert (directory / "loaded").exists()
    assert "app" not in sys.modules


def test_it_is_loaded_with_the_settings_of_its_pool(directory: Path) -> None:
    (directory / "lib").mkdir()
    (directory / "lib" / "beside.py").touch()
    text = f"import os, beside\nassert os.environ['A'] == 'b'\nassert os.getcwd() == {str(directory)!r}\n{GOOD}"
    assert attempt(directory, text, env={"A": "b"}, python_path="lib") == ""
    assert "beside" in attempt(directory, text, env={"A": "b"})
    assert "KeyError" in attempt(directory, text, python_path="lib")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_it_is_loaded_as_the_user_of_its_pool(directory: Path) -> None:
    text = f"import os\nassert (os.geteuid(), os.getgroups()) == ({NOBODY}, [{NOBODY}]), os.getgroups()\n{GOOD}"
    keywords = {"user": str(NOBODY), "group": str(NOBODY)}
    assert attempt(directory, text, **keywords) == ""
    assert "AssertionError" in attempt(directory, text)


@pytest.mark.parametrize(
    ("text", "application", "reason"),
    [
        ("\n1/0\n", "app", "app.py, line 2: ZeroDivisionError: division by zero"),
        ("import absent_module\n", "app", "No module named 'absent_module'"),
        ("", "app", "it has no 'application' or 'app'"),
        (GOOD, "ap", "did you mean 'app'?"),
        (GOOD, "app:1", "cannot be understood: give module:attribute"),
        ("raise SystemExit(5)", "app", "SystemExit: 5"),
        ("import os; os._exit(5)", "app", "loading it ended the process with status 5"),
        ("import os; os._exit(0)", "app", "loading it ended the process with status 0"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "app", "loading it ended with signal 9"),
    ],
)
def test_the_reason_is_one_line(directory: Path, text: str, application: str, reason: str) -> None:
    message = attempt(directory, text, application)
    assert reason in message
    assert message.isprintable()


def test_a_setting_that_keeps_the_worker_from_starting(directory: Path) -> None:
    assert "/absent" in attempt(directory, GOOD, chdir=str(directory / "absent"))


def test_it_does_not_wait_for_ever(directory: Path) -> None:
    message = attempt(directory, f"import time\ntime.sleep({5 * PATIENCE})\n", boot_timeout=0.1)
    assert message == "it was not loaded after 0.1 s (boot_timeout)"


def test_what_it_starts_does_not_hold_the_trial_up(directory: Path) -> None:
    text = f"""
import os, threading, time
threading.Thread(target=time.sleep, args=[{5 * PATIENCE}]).start()
{GOOD}
"""
    assert attempt(directory, text) == ""


def test_another_package_of_that_name_in_the_directory(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "gateways").mkdir()
    (directory / "gateways" / "__init__.py").write_text("1/0")
    (directory / "json.py").write_text("1/0")
    monkeypatch.chdir(directory)
    assert attempt(directory, GOOD) == ""


def test_what_it_prints_is_no_answer(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert attempt(directory, f"print('loaded')\n{GOOD}") == ""
    out, err = capfd.readouterr()
    assert (out, err) == ("", "loaded\n")

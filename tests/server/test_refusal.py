"""gateways.server.refusal: what is answered for a script that has failed, and when it is tried again."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from gateways.errors import BootError
from gateways.server import refusal as module
from gateways.server.changes import Files
from gateways.server.refusal import Refusal, answer_for
from gateways.server.spawned import Start


@pytest.fixture(autouse=True)
def _nothing_else_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LoadedFiles", lambda: lambda: Files(()))


def failure(script: Path) -> BaseException:
    """Run a script, and return what it raises."""
    try:
        exec(compile(script.read_text(), str(script), "exec"), {})
    except BaseException as error:
        return error
    raise AssertionError("it has not failed")


def never(*args: Any) -> Any:
    raise AssertionError("a response was begun")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    script = tmp_path / "app.fcgi"
    script.write_text("import os\n1 / 0\n")
    os.utime(script, (1, 1))
    return script


def test_a_request_gets_the_reason_and_has_the_script_tried_again(script: Path) -> None:
    refusal = Refusal(str(script), failure(script))
    assert [refusal.look() for _ in range(3)] == ["", "", ""]
    with pytest.raises(BootError, match=r"app\.fcgi failed: ZeroDivisionError: division by zero") as caught:
        refusal({}, never)
    assert isinstance(caught.value.__context__, ZeroDivisionError), "the debug page shows where"
    assert caught.value.__cause__ is None, "the log has had it"
    assert refusal.look() == "a request was refused, and the script is tried again"


def test_a_setting_that_cannot_be_used_is_the_reason(script: Path) -> None:
    """run() says it on standard error, and ends the script."""
    script.write_text("from gateways import run\nrun('app', bogus=1)\n")
    reason = Refusal(str(script), failure(script)).reason
    assert "bogus" in reason
    assert "exit status" not in reason


@pytest.mark.parametrize("error", ["raised", "syntax", "none"])
def test_a_change_of_the_script_has_it_tried_again(script: Path, error: str) -> None:
    if error == "syntax":
        script.write_text("1 +")
        os.utime(script, (1, 1))
    refusal = Refusal(str(script), None if error == "none" else failure(script))
    assert refusal.look() == ""
    os.utime(script, (2, 2))
    assert [refusal.look() for _ in range(3)] == ["", f"{script} has changed", ""]


def test_a_change_of_what_the_script_has_failed_in_has_it_tried_again(script: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("1 +\n")
    os.utime(broken, (1, 1))
    script.write_text(f"compile({broken.read_text()!r}, {str(broken)!r}, 'exec')")
    os.utime(script, (1, 1))
    refusal = Refusal(str(script), failure(script))
    os.utime(broken, (2, 2))
    assert [refusal.look() for _ in range(3)] == ["", f"{broken} has changed", ""]


def test_a_script_that_has_served_is_not_answered_for(monkeypatch: pytest.MonkeyPatch, script: Path) -> None:
    monkeypatch.setattr(module, "detect", lambda environ: Start("terminal", "", (), "it is taken"))
    begun = time.monotonic()
    answer_for(str(script), None)
    answer_for(str(script), failure(script))
    assert time.monotonic() - begun < 20

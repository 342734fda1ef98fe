"""gateways.server.rerun: a script that is run again, and that may fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateways.server.origin import RERUN
from tests.support.spawning import spawning

FACTS = (
    "import os, sys; print(sys.argv, sys.path[0], __name__, __file__, sys.modules['__main__'].__dict__ is globals())"
)


@pytest.mark.parametrize("flags", [[], ["-E"], ["-I"]])
def test_a_script_finds_what_python_would_give_it(tmp_path: Path, flags: list[str]) -> None:
    real = tmp_path / "real" / "app.fcgi"
    real.parent.mkdir()
    real.write_text(FACTS)
    script = tmp_path / "link.fcgi"
    script.symlink_to(real)

    def run(*command: str) -> str:
        return subprocess.run([sys.executable, *flags, *command], capture_output=True, text=True, check=True).stdout

    assert run(RERUN, str(script), "a", "") == run(str(script), "a", "")


def test_a_failure_without_a_socket_is_a_failure(tmp_path: Path) -> None:
    script = tmp_path / "app.fcgi"
    for text, status in (("1 / 0", 1), ("import sys; sys.exit(7)", 7), ("", 0)):
        script.write_text(text)
        command = [sys.executable, RERUN, str(script)]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert result.returncode == status
        assert ("ZeroDivisionError" in result.stderr) == (status == 1)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("1 +", "SyntaxError: invalid syntax"),
        ("import app", "ZeroDivisionError: division by zero"),
        ("sys.exit('not today')", "it has ended with exit status not today"),
        ("run('app', threads=0)", "keyword threads: 0 cannot be used"),
        ("run = lambda *args, **kwargs: None", "it has ended without a call of run() or serve()"),
    ],
)
def test_a_failure_is_answered_with_500_until_it_is_mended(socket_dir: Path, code: str, reason: str) -> None:
    with spawning(socket_dir) as spawned:
        good = spawned.script.read_text()
        bad = good.replace("run('app'", f"{code}\nrun('app'")
        assert bad != good
        if code == "import app":
            spawned.write(spawned.module, "1 / 0\n")
        spawned.write(spawned.script, bad)
        spawned.until_log("requests are answered with 500 until it can be run")
        assert f"app.fcgi failed: {reason}" in spawned.log
        assert "could not be loaded" in spawned.ask()
        spawned.write(spawned.script, good)
        spawned.install("second")
        spawned.until_version("second")
        assert spawned.ask("/pid") == str(spawned.process.pid)
        assert spawned.end() == 0


def test_it_is_tried_again_after_a_request(socket_dir: Path) -> None:
    """What it failed of need not be a file: a database, for example."""
    with spawning(socket_dir, code="if os.path.exists('down'): raise OSError('the database is down')") as spawned:
        (socket_dir / "down").touch()
        (socket_dir / "restart.txt").touch()
        spawned.until_log("OSError: the database is down; requests are answered with 500")
        (socket_dir / "down").unlink()
        spawned.until_version("one")

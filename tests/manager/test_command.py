"""A process that starts itself anew, as it was started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateways.config.here import working_directory
from gateways.manager.command import Command
from tests.support.serving import PATIENCE

#: Executes itself once, from another directory, with a pipe and a variable more.
SCRIPT = """
import os, sys
from gateways.manager.command import Command
said = os.environ.get("SAID", "")
print(os.getpid(), sys.argv[1:], os.getcwd(), sys.flags.optimize, said, flush=True)
if said:
    os.fstat(int(said))
    sys.exit()
command = Command.of_this_process()
out, into = os.pipe()
os.chdir("/")
command.execute({**os.environ, "SAID": str(into)}, [into])
"""


def test_it_is_the_same_process_and_the_same_command(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PWD": ""}
    command = [sys.executable, "-O", "script.py", "one", "two words"]
    result = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert result.stderr == ""
    first, second = result.stdout.splitlines()
    assert second.startswith(first.strip())
    assert first.split(" ", 1)[1].strip() == f"['one', 'two words'] {os.path.realpath(tmp_path)} 1"


def test_a_module_is_started_as_a_module(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text(SCRIPT)
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "package", "one"]
    result = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 2


def test_a_program_that_is_gone_leaves_everything_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    command = Command([b"/nosuch/python", b"-m", b"gateways"], working_directory())
    assert str(command) == "/nosuch/python -m gateways"
    monkeypatch.chdir("/")
    fd = os.open(os.devnull, os.O_RDONLY)
    try:
        with pytest.raises(FileNotFoundError):
            command.execute(os.environ, [fd])
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)
    assert os.getcwd() == "/"

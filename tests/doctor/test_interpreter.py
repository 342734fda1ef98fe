"""What the interpreter of a script says of itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateways.doctor import interpreter
from gateways.doctor.accounts import account_of
from gateways.doctor.findings import Finding
from gateways.doctor.interpreter import ask, examine_interpreter, suggest
from gateways.doctor.shebang import Interpreter
from tests.support.serving import PATIENCE
from tests.support.source import CHECKOUT

US = account_of(os.geteuid())
GOOD = b"from gateways import run\nrun('app')\n"


def examine(path: Path, data: bytes, program: str = sys.executable) -> list[Finding]:
    path.write_bytes(data)
    return list(examine_interpreter(str(path), data, Interpreter(program, (), program), US, "/suggested", PATIENCE))


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script with gateways beside it, as it is uploaded where there is no ssh."""
    (tmp_path / "gateways").symlink_to(CHECKOUT / "gateways")
    return tmp_path / "app.cgi"


def stand_in(directory: Path, text: str) -> str:
    program = directory / "python3"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return str(program)


def test_nothing_is_wrong(script: Path) -> None:
    assert examine(script, GOOD) == []


def test_gateways_is_missing(script: Path) -> None:
    (script.parent / "gateways").unlink()
    program = stand_in(script.parent, f'exec {sys.executable} -I -S "$@"')
    [finding] = examine(script, GOOD, program)
    assert finding.code == "gateways-absent"
    assert examine(script, b"print()\n", program) == []


def test_gateways_is_nowhere(script: Path) -> None:
    program = stand_in(
        script.parent, """echo '{"version": [3, 11, 1], "prefix": "/", "gateways": null, "wrong": null}'"""
    )
    script.write_bytes(GOOD)
    [finding] = examine_interpreter(str(script), GOOD, Interpreter(program, (), program), US, program, PATIENCE)
    assert finding.remedy.startswith("python3 -m venv ")


def test_the_source_cannot_be_read(script: Path) -> None:
    [finding] = examine(script, b"one = 1\ntwo = (\n")
    assert finding.code == "syntax-error"
    assert finding.where == f"{script}:2"


@pytest.mark.parametrize("data", [b"# gr\xf6\xdfer\n", b"x = 'gr\xf6\xdfer'\n", b"# coding: nothing\n"])
def test_the_source_is_not_utf8(script: Path, data: bytes) -> None:
    [finding] = examine(script, data)
    assert finding.code == "source-encoding"
    if b"coding" not in data:
        script.write_bytes(b"#!/x\n" + data)
        subprocess.run(["sh", "-c", finding.remedy], check=True)
        assert examine(script, script.read_bytes()) == []


def test_an_old_python(script: Path) -> None:
    answer = '{"version": [3, 8, 1], "prefix": "/", "gateways": "x", "wrong": null}'
    [finding] = examine(script, GOOD, stand_in(script.parent, f"echo '{answer}'"))
    assert (finding.code, finding.remedy) == ("python-too-old", f"sed -i '1c #!/suggested' {script}")


def test_a_python_that_does_not_run(script: Path) -> None:
    program = stand_in(script.parent, "echo 'Fatal Python error: x' >&2; exit 1")
    [finding] = examine(script, GOOD, program)
    assert finding.code == "interpreter-fails"
    assert '"Fatal Python error: x"' in finding.what


def test_an_environment_whose_python_is_gone(tmp_path: Path, script: Path) -> None:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "pyvenv.cfg").write_text("home = /nowhere/bin\nversion = 3.11\n")
    program = stand_in(tmp_path / "venv" / "bin", "exit 1")
    [finding] = examine(script, GOOD, program)
    assert (finding.code, finding.remedy) == ("venv-moved", f"python3 -m venv --clear {tmp_path}/venv")


@pytest.mark.parametrize(
    ("data", "codes"),
    [(b"from gateways import run\n", ["interpreter-not-python"]), (b"import os\n", ["interpreter-not-python"])],
)
def test_python_for_a_shell(script: Path, data: bytes, codes: list[str]) -> None:
    assert [finding.code for finding in examine(script, data, "/bin/sh")] == codes


def test_a_shell_script_is_none(script: Path) -> None:
    assert examine(script, b"export A=1\nexec ./app\n", "/bin/sh") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo nonsense", "nonsense"),
        ("echo '[]'", "[]"),
        ("echo '{}'", "{}"),
        ("kill -9 $$", ""),
        ("exec sleep 100", "0.2 s"),
    ],
)
def test_an_answer_that_is_none(script: Path, text: str, said: str) -> None:
    program = Interpreter(stand_in(script.parent, text))
    answer, words = ask(program, str(script), US, 0.2 if "sleep" in text else PATIENCE)
    assert answer is None
    assert said in words


def test_a_program_that_cannot_be_started(script: Path) -> None:
    assert ask(Interpreter(f"{script}.none"), str(script), US, PATIENCE) == (None, "No such file or directory")


def test_the_environment_beside_the_script_is_suggested(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script.write_bytes(GOOD)
    directory = script.parent / "venv" / "bin"
    directory.mkdir(parents=True)
    answer = '{"version": [3, 9, 1], "prefix": "/", "gateways": "x", "wrong": null}'
    stand_in(directory, f"echo '{answer}'").replace("python3", "")
    (directory / "python3").rename(directory / "python")
    assert suggest(str(script), US) == str(directory / "python")


def test_our_own_python_is_suggested(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script.write_bytes(GOOD)
    monkeypatch.setattr(interpreter, "_NEAR", 0)
    monkeypatch.setenv("HOME", str(script.parent))
    assert suggest(str(script), US) == sys.executable


def test_a_script_whose_process_stays(script: Path) -> None:
    """Python is what is beside gateways-cgi; where nothing is, it cannot work."""
    program = script.parent / "gateways-cgi"
    program.touch()
    [finding] = examine(script, GOOD, str(program))
    assert finding.code == "interpreter-not-python"
    (script.parent / "python3").symlink_to(sys.executable)
    assert examine(script, GOOD, str(program)) == []

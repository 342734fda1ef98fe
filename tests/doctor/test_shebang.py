"""First lines, as the kernel reads them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateways.doctor.shebang import LIMIT, OLD_LIMIT, Interpreter, examine_shebang, replace_line

PYTHON = os.path.realpath(sys.executable)
BODY = b"print('fine')\n"


def codes(path: Path, data: bytes, limit: int = 0) -> list[str]:
    return [finding.code for finding in examine_shebang(str(path), data, PYTHON, limit).findings]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"print()\n", "shebang-missing"),
        (b"", "shebang-missing"),
        (b"\n#!/bin/sh\n", "shebang-not-first"),
        (b"#!\n", "shebang-empty"),
        (b"#!   \n", "shebang-empty"),
        (b"#!python3\n", "shebang-relative"),
        (b"#!~/venv/bin/python\n", "shebang-tilde"),
        (b"#!/usr/bin/env python3 -u\n", "shebang-arguments"),
        (b"#!/bin/sh -e -u\n", "shebang-arguments"),
        (b"#!/nowhere/python\n", "interpreter-absent"),
        (b"#!/dev/null/python\n", "interpreter-absent"),
        (b"#!/tmp\n", "interpreter-directory"),
        (b"#!/etc/passwd\n", "interpreter-not-executable"),
        (b'#!/usr/bin/env -S python3 "x\n', "shebang-arguments"),
        (b"#!/usr/bin/env python3.99\n", "interpreter-not-on-path"),
        (b"#!/usr/bin/env -S python3.99 -u\n", "interpreter-not-on-path"),
        (b"#!/usr/bin/env -S -u HOME python3.99\n", "interpreter-not-on-path"),
    ],
)
def test_one_thing_is_wrong(tmp_path: Path, data: bytes, code: str) -> None:
    assert codes(tmp_path / "app.cgi", data) == [code]


def test_two_things_are_wrong(tmp_path: Path) -> None:
    assert codes(tmp_path / "app.cgi", b"\xef\xbb\xbf#!/bin/sh\r\n") == ["shebang-bom", "shebang-crlf"]


def test_a_carriage_return_is_not_taken_for_a_part_of_the_name(tmp_path: Path) -> None:
    assert codes(tmp_path / "app.cgi", b"#!/bin/sh\r\n") == ["shebang-crlf"]


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to("/nowhere/python3")
    found = examine_shebang("app.cgi", f"#!{tmp_path}/python\n".encode(), PYTHON)
    assert [finding.code for finding in found.findings] == ["venv-dangling"]
    assert "/nowhere/python3" in found.findings[0].what


@pytest.mark.parametrize(
    ("data", "interpreter"),
    [
        (b"#!/bin/sh\n", Interpreter("/bin/sh", (), "/bin/sh")),
        (b"#! /bin/sh -e\n", Interpreter("/bin/sh", ("-e",), "/bin/sh")),
        (b"#!/bin/sh", Interpreter("/bin/sh", (), "/bin/sh")),
        (b"#!/usr/bin/env sh\n", Interpreter("/usr/bin/sh", (), "sh")),
        (b"#!/usr/bin/env -S -u HOME sh -e\n", Interpreter("/usr/bin/sh", ("-e",), "sh")),
        (b"#!/usr/bin/perl -w -T\n", Interpreter("/usr/bin/perl", ("-w -T",), "/usr/bin/perl")),
        (b"\x7fELF\x02\x01\x01\0", Interpreter("app.cgi", (), "app.cgi")),
        (b"#!/usr/bin/env -S sh -e\n", Interpreter("/usr/bin/sh", ("-e",), "sh")),
        (b"#!/bin/sh\n'''exec' '/opt/py thon' \"$0\"\n' '''\n", Interpreter("/opt/py thon", (), "/opt/py thon")),
    ],
)
def test_what_the_kernel_starts(data: bytes, interpreter: Interpreter) -> None:
    found = examine_shebang("app.cgi", data, PYTHON)
    assert found.findings == []
    assert found.interpreter is not None
    assert os.path.realpath(found.interpreter.program) == os.path.realpath(interpreter.program)
    assert found.interpreter.arguments == interpreter.arguments
    assert found.interpreter.name == interpreter.name


@pytest.mark.parametrize("name", ["python", "python3", "python3.11", "pypy3"])
def test_a_python_is_known_by_its_name(name: str) -> None:
    assert Interpreter(f"/usr/bin/{name}").is_python
    assert not Interpreter("/usr/bin/perl").is_python


def long_link(directory: Path, length: int) -> str:
    """Return a path of an interpreter that has so many bytes."""
    while length - len(str(directory)) > 100:
        directory /= "d" * min(90, length - len(str(directory)) - 20)
        directory.mkdir()
    path = f"{directory}/{'p' * (length - len(str(directory)) - 1)}"
    os.symlink("/bin/sh", path)
    return path


@pytest.mark.parametrize("length", [LIMIT - 2, LIMIT - 1])
def test_the_limit_is_that_of_the_kernel(tmp_path: Path, length: int) -> None:
    """One byte more or less decides, for the kernel that runs here and for us."""
    script = tmp_path / "app.cgi"
    script.write_text(f"#!{long_link(tmp_path, length)}\necho fine\n")
    script.chmod(0o755)
    try:
        started = subprocess.run([script], capture_output=True, check=False).returncode == 0
    except OSError:
        started = False
    assert (codes(script, script.read_bytes()) == []) == started


def test_the_limit_of_old_kernels(tmp_path: Path) -> None:
    line = f"#!{long_link(tmp_path, 130)}\n".encode()
    assert codes(tmp_path, line, LIMIT) == []
    assert codes(tmp_path, line, OLD_LIMIT) == ["shebang-too-long"]


@pytest.mark.parametrize("limit", [LIMIT, 1])
def test_a_remedy_makes_a_script_that_runs(tmp_path: Path, limit: int) -> None:
    """By the kernel, and by /bin/sh where the path were too long."""
    script = tmp_path / "app it's.cgi"
    script.write_bytes(b"#!/nowhere\nimport sys\nprint('fine', sys.argv[1:])\n")
    script.chmod(0o755)
    # Typed into a shell with a history, which takes an exclamation mark in double quotes for a command of before.
    typed = f"set -o history -o histexpand\n{replace_line(str(script), PYTHON, limit=limit)}\n"
    subprocess.run(["bash", "--norc", "-s"], input=typed, env={"HISTFILE": ""}, text=True, check=True)
    result = subprocess.run([script, "one", "two words"], capture_output=True, text=True, check=False)
    assert result.stdout == "fine ['one', 'two words']\n", (script.read_text(), result.stderr)
    found = examine_shebang(str(script), script.read_bytes(), PYTHON)
    assert found.interpreter is not None
    assert found.interpreter.program == PYTHON


@pytest.mark.parametrize("first", ["#!/nowhere\n", "", "#!/nowhere/my venv/bin/python\n"])
def test_a_remedy_for_an_interpreter_with_a_space(tmp_path: Path, first: str) -> None:
    """The kernel would end the path at the space: no first line can have it."""
    python = tmp_path / "my venv" / "python3"
    python.parent.mkdir()
    python.symlink_to(PYTHON)
    script = tmp_path / "app.cgi"
    script.write_text(f"{first}print('fine')\n")
    script.chmod(0o755)
    [finding] = examine_shebang(str(script), script.read_bytes(), str(python)).findings
    subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert subprocess.run([script], capture_output=True, text=True, check=False).stdout == "fine\n"
    assert examine_shebang(str(script), script.read_bytes(), str(python)).findings == []


def test_the_interpreter_with_a_space_that_the_line_means(tmp_path: Path) -> None:
    python = tmp_path / "my python"
    python.symlink_to(PYTHON)
    [finding] = examine_shebang("app.cgi", f"#!{python}\n".encode(), "/suggested").findings
    assert finding.code == "interpreter-absent"
    assert "at its space" in finding.what
    assert finding.remedy == replace_line("app.cgi", str(python))


@pytest.mark.parametrize("name", ["my $HOME `venv`", 'a "b" $$'])
def test_a_remedy_is_text_to_the_shell(tmp_path: Path, name: str) -> None:
    python = tmp_path / name / "python3"
    python.parent.mkdir()
    python.symlink_to(PYTHON)
    script = tmp_path / "app.cgi"
    script.write_text("#!/nowhere\nprint('fine')\n")
    subprocess.run(["sh", "-c", replace_line(str(script), str(python))], check=True)
    assert f"'{python}'" in script.read_text()


def test_an_interpreter_that_no_line_can_start() -> None:
    assert "move it" in replace_line("/srv/app.cgi", "/srv/it's/python")


def test_sed_cannot_add_a_line_to_an_empty_file() -> None:
    [finding] = examine_shebang("/srv/my site/shop.cgi", b"", PYTHON).findings
    assert "it is empty" in finding.what
    assert "rm '/srv/my site/shop.cgi' && gateways init --cgi --name shop '/srv/my site'" in finding.remedy


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf#!/bin/sh\n", b"#!/bin/sh\r\necho\r\n", b"\n \n  #!/bin/sh\n"])
def test_a_remedy_for_the_bytes(tmp_path: Path, data: bytes) -> None:
    script = tmp_path / "app.cgi"
    script.write_bytes(data)
    [finding] = examine_shebang(str(script), data, PYTHON).findings
    subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert script.read_bytes().startswith(b"#!/bin/sh\n")

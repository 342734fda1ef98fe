"""What the project promises about itself: versions, its two commands, and documents that are true."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest

import gateways
from gateways import cli
from gateways.adapters import speedups
from tests.support import requirements
from tests.support.source import CHECKOUT, FENCE

DEV = CHECKOUT / "dev"
DOCUMENTS = sorted(
    path for path in [*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")] if path.name != "CHANGELOG.md"
)


def run(*command: object, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **kwargs)


def read(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


# Versions


def test_one_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", gateways.__version__)
    assert re.search(rf"^##+ .*\b{re.escape(gateways.__version__)}\b", read("CHANGELOG.md"), re.MULTILINE)
    result = run(sys.executable, "-m", "gateways", "--version", cwd=CHECKOUT)
    assert result.stdout == f"gateways {gateways.__version__} ({speedups.describe()})\n"


def test_the_installed_command_is_this_package():
    command = Path(sysconfig.get_path("scripts")) / "gateways"
    if not command.exists():
        requirements.missing("gateways is not installed: pip install --editable .")
    assert metadata.version("gateways") == gateways.__version__
    assert run(command, "--version").stdout == f"gateways {gateways.__version__} ({speedups.describe()})\n"


def test_supported_versions_agree():
    text = read("pyproject.toml")
    versions = re.findall(r"Python :: (3\.\d+)", text)
    assert versions == ["3.9", "3.10", "3.11", "3.12", "3.13"]
    assert f'requires-python = ">={versions[0]}"' in text
    assert f'target-version = "py{versions[0].replace(".", "")}"' in text
    assert f"${{VERSIONS:-{' '.join(versions)}}}" in read("dev")


# dev


@pytest.mark.parametrize("shell", ["sh", "dash", "busybox sh", "bash --posix"])
def test_dev_is_posix_shell(shell):
    words = shell.split()
    if shutil.which(words[0]) is None:
        return  # sh is everywhere; the others are a second opinion
    result = run(*words, "-n", DEV)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}, {"HOME": "/nonexistent"}, {"CDPATH": "/:."}])
def test_dev_helps_from_anywhere(tmp_path, environment):
    result = run(DEV, "help", cwd=tmp_path, env={"PATH": "/usr/bin:/bin", **environment})
    assert (result.returncode, result.stderr) == (0, "")
    assert re.findall(r"^\./dev (\w+)", result.stdout, re.MULTILINE) == dev_commands()


def test_dev_refuses_what_it_does_not_know():
    result = run(DEV, "tset")
    assert result.returncode == 2
    assert result.stderr.endswith("dev: unknown command: tset\n")


def dev_commands() -> list[str]:
    cases = read("dev").rpartition("case $command in")[2]
    return re.findall(r"^(\w+)(?: \|[^)]*)?\)", cases, re.MULTILINE)


def test_dev_installs_anew_when_a_source_in_c_has_changed():
    pattern = re.search(r"cat .*?(\S+) \| cksum", read("dev"))
    assert set(CHECKOUT.glob(pattern[1])) == set((CHECKOUT / "gateways").rglob("*.[ch]"))


def test_dev_says_which_python_is_missing(tmp_path):
    result = run(DEV, "test", env={"PATH": "/usr/bin:/bin", "PYTHON": str(tmp_path / "python3")})
    assert result.returncode == 1
    assert result.stderr.startswith(f"dev: {tmp_path}/python3 not found")


def test_dev_refuses_an_old_python(tmp_path):
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    result = run(DEV, "lint", env={"PATH": "/usr/bin:/bin", "PYTHON": str(old)})
    assert result.returncode == 1
    assert "older than Python 3.9" in result.stderr


def test_the_servers_of_dev_are_those_of_the_tests():
    table = re.search(r"^servers='\n(.*?)'$", read("dev"), re.DOTALL | re.MULTILINE)
    assert table
    packages = {line.split()[1] for line in table[1].splitlines()}
    assert packages >= set(requirements.PACKAGES.values())


@pytest.mark.slow
def test_demo_check(tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "TMPDIR": str(tmp_path)}
    result = run(DEV, "demo", "--check", cwd="/", env=environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert "GET /stream → 200" in result.stdout
    assert "as they should be; both programs stopped" in result.stdout
    assert list(tmp_path.iterdir()) == []


# Files


def project_files() -> list[Path]:
    """Return the files of the checkout; git may be absent, or refuse the checkout of another user."""
    found = [path for path in CHECKOUT.iterdir() if path.is_file() and path.name != ".coverage"]
    for directory in (".ci", "cgi-bin", "conf", "docs", "gateways", "tests"):
        found += (
            path for path in (CHECKOUT / directory).rglob("*") if path.is_file() and path.suffix not in (".pyc", ".so")
        )
    return found


def test_no_paths_of_a_developers_machine():
    place = re.compile(rb"/(?:work|root|home/(?!you\b|me\b|user\b|example\b)\w+)/")
    found = []
    for path in project_files():
        found += [f"{path.relative_to(CHECKOUT)}: {match[0]!r}" for match in place.finditer(path.read_bytes())]
    assert found == []


def test_scripts_are_executable():
    for path in project_files():
        if path.read_bytes().startswith(b"#!"):
            assert path.stat().st_mode & 0o111, path


def test_a_source_distribution_has_what_its_documents_name():
    rules = [line.split() for line in read("MANIFEST.in").splitlines() if line and line[0] != "#"]
    shipped = {name for command, *names in rules if command in ("graft", "include") for name in names}
    shipped |= {"gateways", "README.md", "LICENSE"}  # setuptools takes these by itself
    for path in DOCUMENTS:
        named = {(path.parent / link).resolve().relative_to(CHECKOUT).parts[0] for link in local_links(path)}
        named |= {program.removeprefix("./") for program, *_ in commands_in(path.read_text(encoding="utf-8"))}
        assert named <= shipped, path


# Documents: what they say is tested in tests/docs


def local_links(path: Path) -> list[str]:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8"))
    return [target for target in targets if not target.startswith(("https://", "http://"))]


def commands_in(text: str) -> list[list[str]]:
    """Return the words of every shell command of ours in a document: in blocks, and in `code`."""
    lines = []
    for language, block in FENCE.findall(text):
        if language in ("sh", "ini", "console"):
            lines += block.replace("\\\n", " ").splitlines()
    lines += re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    found = []
    for line in lines:
        match = re.search(r"(?:^|[=/]|sudo |\w=\S+ )((?:\./dev|gateways) [a-z].*)", line)
        if match:
            found.append(shlex.split(match[1], comments=True))
    return found


@pytest.mark.once
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_commands_exist(path):
    for program, command, *arguments in commands_in(path.read_text(encoding="utf-8")):
        known = dev_commands() if program == "./dev" else cli.COMMANDS
        assert command in known, f"{program} {command}"
        if program == "gateways":
            usage = run(sys.executable, "-m", "gateways", command, "--help", cwd=CHECKOUT).stdout
            for flag in (word.partition("=")[0] for word in arguments if word.startswith("--")):
                negated = flag.replace("--no-", "--", 1)
                assert re.search(rf"{re.escape(flag)}\b|{re.escape(negated)}\b", usage), f"gateways {command} {flag}"


def test_the_readme_names_the_two_commands():
    commands = commands_in(read("README.md"))
    assert ["./dev", "demo"] in commands
    assert ["./dev", "test"] in commands
    assert any(words[:2] == ["gateways", "serve"] for words in commands)


def test_commands_are_found_in_documents():
    text = "```sh\ngateways serve app --threads 2  # why\n```\nand `./dev test -k x`, not gateways in prose\n"
    assert commands_in(text) == [["gateways", "serve", "app", "--threads", "2"], ["./dev", "test", "-k", "x"]]

"""The command ``gateways``: overview, errors in one line with a suggestion, exit codes."""

from __future__ import annotations

import errno
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateways import __version__, cli
from gateways.adapters import speedups
from gateways.cli import COMMANDS, main
from gateways.errors import BindError, BootError, ConfigError, GatewayError
from tests.support import source
from tests.support.corpus import CORPUS
from tests.support.serving import PATIENCE

MANUAL = source.CHECKOUT / "docs" / "reference" / "command-line.md"

Capture = pytest.CaptureFixture[str]


def refusal(capsys: Capture, *arguments: str) -> str:
    """Run a command that is refused as a wrong use; return its one line."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gateways: error: ")
    assert err.count("\n") == 1
    return err[len("gateways: error: ") : -1]


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version(capsys: Capture, flag: str) -> None:
    assert main([flag]) == 0
    assert capsys.readouterr().out == f"gateways {__version__} ({speedups.describe()})\n"


@pytest.mark.parametrize("flag", ["--help", "-h", "help"])
def test_the_overview_names_every_command(capsys: Capture, flag: str) -> None:
    assert main([flag]) == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"^  {name} +{re.escape(text)}$", out, re.MULTILINE) for name, text in COMMANDS.items())


def test_without_a_command_the_overview_is_an_error(capsys: Capture) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: gateways COMMAND")


def test_every_command_has_a_module_and_every_module_a_command() -> None:
    modules = {path.stem for path in (source.PACKAGE / "commands").glob("*.py")}
    assert modules - {"__init__", "arguments"} == {name.replace("-", "_") for name in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_explains_itself(capsys: Capture, command: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: gateways {command}")
    assert f"{COMMANDS[command][1:]}." in out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_manual_has_every_flag_of_a_command_and_no_other(capsys: Capture, command: str) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    flags = set(re.findall(r"--[a-z-]+[a-z]", capsys.readouterr().out)) - {"--help"}
    text = MANUAL.read_text("utf-8")
    section = re.search(rf"^## gateways {command}$(.*?)(^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section is not None
    named = set(re.findall(r"--[a-z-]+[a-z]", section[1]))
    if command == "serve":  # its flags are the settings, which have a page of their own
        assert named <= flags
    else:
        assert named == flags


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["srve"], "unknown command 'srve'; did you mean serve? (see gateways --help)"),
        (
            ["dance"],
            f"unknown command 'dance'; there are {', '.join(COMMANDS)} (see gateways --help)",
        ),
        (["--serve"], "unknown command '--serve'; did you mean serve? (see gateways --help)"),
        (["serve"], "no application: give APP, or --config FILE; there is no gateways.toml in the working directory"),
        (
            ["serve", "app", "--thread", "4"],
            "unknown argument '--thread'; did you mean --threads? (see gateways serve --help)",
        ),
        (
            ["serve", "--thread=4"],
            "unknown argument '--thread'; did you mean --threads? (see gateways serve --help)",
        ),
        (
            ["serve", "app", "--processes=4"],
            "unknown argument '--processes': it is uWSGI's name; here it is --workers (see gateways serve --help)",
        ),
        (["serve", "app", "--colour"], "unknown argument '--colour' (see gateways serve --help)"),
        (["serve", "app", "-z"], "unknown argument '-z' (see gateways serve --help)"),
        (["serve", "app", "other"], "unknown argument 'other' (see gateways serve --help)"),
        (["serve", "app", "--threads"], "argument --threads: expected one argument (see gateways serve --help)"),
        (
            ["get", "--fastgi", ":9000", "/"],
            "unknown argument '--fastgi'; did you mean --fastcgi? (see gateways get --help)",
        ),
    ],
)
def test_a_wrong_use_is_one_line_that_says_what_was_meant(capsys: Capture, arguments: list[str], message: str) -> None:
    assert refusal(capsys, *arguments) == message


@pytest.mark.parametrize("error", [GatewayError, ConfigError, BootError, BindError])
def test_an_error_is_one_line_and_its_exit_code(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, error: type[GatewayError]
) -> None:
    def fail(argv: list[str]) -> int:
        raise error("it is so")

    monkeypatch.setattr(cli, "_run", fail)
    assert main([]) == error.exit_code
    assert capsys.readouterr().err == "gateways: error: it is so\n"


def test_ctrl_c_is_quiet(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(argv: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupt)
    assert main([]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["doctor", "--json", "{config}"], ["check-config", "{config}"], ["trace", "--read", "{captures}"]],
)
def test_a_reader_who_has_seen_enough_is_no_error(tmp_path: Path, arguments: list[str]) -> None:
    config, captures = tmp_path / "gateways.toml", tmp_path / "captures"
    config.write_text('[pool.web]\napplication = "app"\nfastcgi = "127.0.0.1:9000"\n')
    captures.write_bytes(b"1:x,0:,1:x,\n")
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "gateways", *(text.format(config=config, captures=captures) for text in arguments)]
    with open(write, "wb") as nobody:
        result = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    assert result.returncode == 1
    assert b"BrokenPipe" not in result.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")
@pytest.mark.parametrize("arguments", [["--version"], ["trace", "--read", str(CORPUS / "nginx-fastcgi/root.captures")]])
def test_a_disk_that_is_full_is_one_line(arguments: list[str]) -> None:
    """Whether it is noticed at the end, or before."""
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "gateways", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert done.stderr == "gateways: error: cannot write: No space left on device\n"


@pytest.mark.parametrize("closed", [True, False])
def test_without_a_standard_output_nothing_is_flushed(monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:
    """An application may have closed it, and a service manager given none."""
    output = io.StringIO() if closed else None
    if output is not None:
        output.close()
    monkeypatch.setattr(cli, "_run", lambda argv: 7)
    monkeypatch.setattr(sys, "stdout", output)
    assert main([]) == 7


def test_a_path_that_the_terminal_cannot_show(tmp_path: Path) -> None:
    script = tmp_path / "näh.cgi"
    script.touch()
    command = [sys.executable, "-X", "utf8", "-m", "gateways", "doctor", script]
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, env=environ, timeout=PATIENCE, check=False)
    assert rb"/n\xe4h.cgi: " in done.stdout
    assert b"Traceback" not in done.stderr


def test_an_error_of_the_system_that_is_not_about_writing_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(argv: list[str]) -> int:
        raise OSError(errno.ENOTDIR, "not there")

    monkeypatch.setattr(cli, "_run", fail)
    with pytest.raises(OSError, match="not there"):
        main([])


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "gateways", "serve", "app", "--treads", "4"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("gateways: error: unknown argument '--treads'; did you mean --threads?")
    assert "Traceback" not in result.stderr


def test_a_command_does_without_docstrings() -> None:
    command = [sys.executable, "-OO", "-m", "gateways", "serve", "--help"]
    subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)


def test_ctrl_c_while_the_application_loads(tmp_path: Path) -> None:
    loading = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "interrupted.py").write_text(loading)
    command = [sys.executable, "-m", "gateways", "serve", "interrupted", "--fastcgi", f"unix:{tmp_path}/socket"]
    environ = {**os.environ, "PYTHONPATH": str(source.CHECKOUT)}
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=tmp_path, env=environ
    )
    assert result.returncode == 130
    assert result.stderr == ""
    assert not (tmp_path / "socket").exists()

"""Every file of conf/ is used by somebody: a web server of the live tests, or the parser of its own program."""

from __future__ import annotations

import argparse
import configparser
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from gateways.commands import serve
from tests.live.deployments import DEPLOYMENTS, LIGHTTPD
from tests.live.sandbox import PROJECT
from tests.support import requirements

CONF = PROJECT / "conf"
UNITS = sorted((CONF / "systemd").iterdir())
PROGRAMS = sorted((CONF / "supervisor").iterdir())


def test_every_file_for_a_web_server_is_booted() -> None:
    files = {str(path.relative_to(CONF)) for path in CONF.rglob("*") if path.is_file()}
    others = {str(path.relative_to(CONF)) for path in (*UNITS, *PROGRAMS)}
    assert files - others == {deployment.conf for deployment in DEPLOYMENTS}


def test_lighttpd_writes_only_where_debian_lets_it() -> None:
    """The sandbox's directories stand for these two: in others, a lighttpd that was just installed could not start."""
    text = (CONF / "lighttpd/fastcgi-spawned.conf").read_text()
    assert set(re.findall(r'"(/(?:run|var)/[^"]*)/[^/"]*"', text)) == set(LIGHTTPD)
    made = requirements.require_file("/usr/lib/tmpfiles.d/lighttpd.tmpfile.conf", "lighttpd").read_text()
    for directory in LIGHTTPD:
        assert re.search(rf"^d {directory} 07\d\d www-data\b", made, re.MULTILINE)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_accepts_the_unit(path: Path, tmp_path: Path) -> None:
    program = requirements.find_program("systemd-analyze") or pytest.skip("no systemd on this machine")
    for unit in UNITS:
        # systemd looks whether the command is there.
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text.replace("/srv/example", str(tmp_path)))
    result = subprocess.run(
        [program, "verify", "--recursive-errors=no", tmp_path / path.name],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    complaints = [line for line in result.stderr.splitlines() if path.name in line]
    assert (result.returncode, complaints) == (0, [])


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_supervisor_file_is_complete(path: Path) -> None:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(path.read_text())
    (section,) = parser.sections()
    kind, _, name = section.partition(":")
    assert kind in ("program", "fcgi-program")
    assert name == "example"
    assert ("socket" in parser[section]) == (kind == "fcgi-program")
    assert int(parser[section]["stopwaitsecs"]) > 30, "shorter than graceful_timeout"


def commands() -> list[str]:
    """Every `gateways serve` line in conf/, in comments too."""
    found = []
    for path in sorted(CONF.rglob("*")):
        if path.is_file():
            for line in path.read_text().splitlines():
                found += re.findall(r"gateways (serve .*)", line)
    return found


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_command_in_a_file_is_one_that_gateways_knows(command: str) -> None:
    words = shlex.split(command)
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    parser.parse_args(words[1:])

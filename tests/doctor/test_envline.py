"""What env makes of a first line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gateways.doctor.envline import Started, find, read_env

SH = find("sh")


@pytest.mark.parametrize(
    ("argument", "started"),
    [
        ("sh", Started("sh", SH)),
        ("-S sh -e", Started("sh", SH, ("-e",))),
        ("-Ssh -e", Started("sh", SH, ("-e",))),
        ("-vS sh", Started("sh", SH)),
        ("--split-string=sh -e", Started("sh", SH, ("-e",))),
        ("-S -u HOME --unset=LANG A=1 sh 'a b'", Started("sh", SH, ("a b",))),
        ("-S sh -c PATH=/", Started("sh", SH, ("-c", "PATH=/"))),
        ("-S ${HOME}/bin/sh", Started()),
        ("-S PATH=/nowhere sh", Started("sh", "")),
        ("nowhere", Started("nowhere", "")),
        ("", Started()),
    ],
)
def test_what_is_started(argument: str, started: Started) -> None:
    assert read_env(argument) == started


@pytest.mark.parametrize(("argument", "reason"), [("sh -e", "the name of one program"), ("-S sh 'x", "quotation")])
def test_what_env_refuses(tmp_path: Path, argument: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_env(argument)
    script = tmp_path / "app.cgi"
    script.write_text(f"#!/usr/bin/env {argument}\n")
    script.chmod(0o755)
    assert subprocess.run([script], capture_output=True, check=False).returncode in (125, 127)


def test_a_program_by_its_path(tmp_path: Path) -> None:
    assert find(SH, "") == SH
    assert find(str(tmp_path / "absent")) == ""
    assert find("sh", os.path.dirname(SH)) == SH

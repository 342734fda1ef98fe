"""gateways conf: what it prints and writes, and its exit status."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gateways.cli import main

Capture = pytest.CaptureFixture[str]
ISSUE = shlex.split(
    "conf nginx --fastcgi unix:/run/app.sock --server-name example.com --mount /app --static /static=/srv/static"
)


def test_it_prints_the_file(capsys: Capture) -> None:
    assert main(ISSUE) == 0
    text = capsys.readouterr().out
    assert "server_name example.com;" in text
    assert "#   gateways conf nginx --fastcgi unix:/run/app.sock --mount /app --server-name example.com" in text


def test_it_writes_files(tmp_path: Path, capsys: Capture) -> None:
    assert main([*ISSUE, "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/nginx/fastcgi-mounted.conf\n"
    assert "location" in (tmp_path / "nginx/fastcgi-mounted.conf").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "SERVER"),
        ("iis", "there are"),
        ("nginx --fastcgi :1 --scgi :2", "in one way"),
        ("nginx --static /x", "URL=DIRECTORY"),
        ("nginx --upload-limit much", "a size from"),
        ("nginx --mont /x", "did you mean --mount?"),
    ],
)
def test_refused(arguments: str, said: str, capsys: Capture) -> None:
    assert main(["conf", *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_directory_that_cannot_be_written(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "nginx").write_text("")
    assert main([*ISSUE, "--output", str(tmp_path)]) == 1
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_an_output_that_is_full() -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "gateways", *ISSUE], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ended.returncode, ended.stderr) == (
        1,
        "gateways: error: cannot write the file: No space left on device\n",
    )

"""gateways conform: its table, its flags, its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from gateways.cli import main
from tests.conform.support import broken, nobody, ours
from tests.support.serving import PATIENCE

Capture = pytest.CaptureFixture[str]


def test_a_backend_that_passes(capsys: Capture) -> None:
    with ours("scgi") as address:
        assert main(["conform", "--scgi", address, "--timeout", "45s"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"scgi at {address}; the application is ours: all is checked\n")
    assert out.endswith("\n33 pass, 0 differ, 0 fail\n")
    assert "\x1b" not in out


def test_cases_can_be_chosen(capsys: Capture) -> None:
    with ours("fastcgi") as address:
        chosen = ["--case", "f19,F01", "--case", "F43"]
        assert main(["conform", "--fastcgi", address, *chosen, "--json", "--timeout", "45s"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [case["number"] for case in document["cases"]] == ["F19", "F01", "F43"]
    assert document["pass"] == 3


def test_a_backend_that_fails(capsys: Capture) -> None:
    with broken() as address:
        assert main(["conform", "--fastcgi", address, "--case", "F43,F17", "--quiet", "--timeout", "45s"]) == 1
    out = capsys.readouterr().out
    assert "F43  fail" in out
    assert out.count("pass") == 1, "of the cases that pass, only their number"


def test_the_list_needs_no_backend(capsys: Capture) -> None:
    assert main(["conform", "--uwsgi", nobody(), "--list"]) == 0
    out = capsys.readouterr().out
    assert "U03  modifier1 22: evaluate Python code" in out
    assert main(["conform", "--ajp", nobody(), "--list"]) == 0
    out = capsys.readouterr().out
    assert "A14  (not run) it is about the backend's secret" in out
    assert "A23  (not run)" in out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--fastcgi", ":1", "--case", "X1"], 2, "there is no case 'X1' for fastcgi"),
        (["--http", ":1", "--case", "H22"], 2, "case H22 cannot be run: "),
        (
            ["--ajp", ":1", "--case", "A14"],
            2,
            "case A14 cannot be run: it is about the backend's secret: set GATEWAYS_AJP",
        ),
        ([], 2, "--fastcgi --scgi --uwsgi --ajp --http is required"),
    ],
)
def test_what_cannot_be_done(capsys: Capture, arguments: list[str], status: int, message: str) -> None:
    assert main(["conform", *arguments]) == status
    assert message in capsys.readouterr().err


def test_nobody_is_there(capsys: Capture) -> None:
    assert main(["conform", "--fastcgi", nobody()]) == 5
    assert "nothing listens there" in capsys.readouterr().err


def test_json_says_why_nothing_could_be_run(capsys: Capture) -> None:
    address = nobody()
    assert main(["conform", "--fastcgi", address, "--json"]) == 5
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["protocol"], document["address"]) == ("fastcgi", address)
    assert "nothing listens there" in document["error"]
    assert document["error"] in err
    with ours("scgi") as address:
        assert main(["conform", "--fastcgi", address, "--json", "--timeout", "45s"]) == 1
    assert "does not answer a plain request" in json.loads(capsys.readouterr().out)["error"]


def test_a_reader_that_has_seen_enough() -> None:
    command = [sys.executable, "-m", "gateways", "conform", "--fastcgi", nobody(), "--list"]
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")

"""The command line, and a backend as a process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.bench.__main__ import RESULTS, arguments, main
from tests.bench.backends import Backend, BenchError
from tests.bench.running import Target, fill, processor_time


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--case", "helo"], "invalid choice: 'helo'"),
        (["--rounds", "0"], "must be a whole number from 1 on"),
        (["--seconds", "0.3"], "invalid"),
        (["--against", "HEAD", "--output", "x"], "writes no files"),
        (["hello"], "unrecognized arguments"),
    ],
)
def test_mistakes_are_explained(capsys, words, complaint):
    with pytest.raises(SystemExit) as error:
        arguments(words)
    assert error.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "output"),
    [([], RESULTS), (["--quick"], None), (["--case", "hello"], None), (["--against", "HEAD"], None)],
)
def test_only_a_whole_run_replaces_the_published_figures(words, output):
    assert arguments(words).output == output


def test_quick_has_fewer_and_shorter_rounds():
    usual, quick = arguments([]), arguments(["--quick"])
    assert (quick.rounds, quick.seconds) < (usual.rounds, usual.seconds)
    assert arguments(["--quick", "--rounds", "7"]).rounds == 7


def test_an_unknown_commit_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/usr/bin/{name}")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main(["--against", "no-such-commit"]) == 1
    assert capsys.readouterr().err.startswith("bench: no-such-commit is no commit")


# A backend


def test_processor_time_is_that_of_another_process():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        first = processor_time(process.pid)
        assert processor_time(process.pid) >= first
        assert processor_time(os.getpid()) != first
        process.kill()


def test_a_backend_that_ends_is_named_with_its_log(tmp_path):
    command = (sys.executable, "-c", "raise SystemExit('no such module')")
    target = Target(Backend("x", "made up", "uwsgi", command), tmp_path, 1)
    try:
        with pytest.raises(BenchError, match=r"made up \(uwsgi\) does not start:\nno such module"):
            target.wait()
    finally:
        target.stop()


def test_other_braces_stay():
    assert fill("location {socket} { {x} }", socket="/s") == "location /s { {x} }"

"""``manage.py runfcgi`` of a project, as a process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateways.client import request
from tests.support.compat import ROOT, answers
from tests.support.requirements import require_module
from tests.support.serving import PATIENCE, until

PROJECT = Path(__file__).with_name("project.py")


@pytest.fixture(autouse=True)
def with_django():
    require_module("django")


def command(*words):
    return [sys.executable, str(PROJECT), "runfcgi", *words]


def environ():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def run(*words, **variables):
    environment = {**environ(), **variables}
    return subprocess.run(
        command(*words), env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def page(protocol, address, name="Ann"):
    with request(protocol, address, target=f"/{name}", timeout=PATIENCE) as response:
        return response.read()


@pytest.mark.parametrize("words", [["method=threaded"], ["--method=prefork", "--maxspare=2", "minspare=1"]])
def test_in_the_foreground(tmp_path, words):
    address = f"unix:{tmp_path}/socket"
    started = command(f"socket={tmp_path}/socket", "daemonize=false", "umask=077", f"pidfile={tmp_path}/pid", *words)
    with open(tmp_path / "log", "wb") as log, subprocess.Popen(started, env=environ(), stderr=log) as process:
        try:
            until(lambda: answers("fastcgi", address, "/Ann") or process.poll() is not None)
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert page("fastcgi", address) == b"hello Ann GET\n"
            assert int((tmp_path / "pid").read_text()) == process.pid
            assert os.stat(tmp_path / "socket").st_mode & 0o777 == 0o700
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
    assert not (tmp_path / "pid").exists()


def test_in_the_background(tmp_path):
    words = [f"socket={tmp_path}/socket", "method=threaded", f"pidfile={tmp_path}/pid", f"errlog={tmp_path}/log"]
    subprocess.run(command(*words), env=environ(), check=True, timeout=PATIENCE)
    pid = int((tmp_path / "pid").read_text())
    try:
        assert page("fastcgi", f"unix:{tmp_path}/socket") == b"hello Ann GET\n"
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        assert os.readlink(f"/proc/{pid}/fd/2") == str(tmp_path / "log")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    until(lambda: not (tmp_path / "socket").exists() and not (tmp_path / "pid").exists())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["socket=/no/such/directory/s", "daemonize=true"], "cannot listen on unix:/no/such/directory/s"),
        (["socket=/no/such/directory/s", "daemonize=false"], "cannot listen on unix:/no/such/directory/s"),
        (["host=127.0.0.1"], "host and port belong together"),
        (["nothing=1"], "nothing is no option of runfcgi"),
        (["socket={tmp}/s", "errlog=/no/such/directory/log"], "errlog=/no/such/directory/log: No such file"),
        (["socket={tmp}/s", "outlog={tmp}"], "Is a directory"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, words, message):
    done = run(*[word.format(tmp=tmp_path) for word in words])
    assert done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())  # no dead socket


def test_an_application_that_is_not_there_is_one_line():
    done = run("daemonize=false", PROJECT_WSGI_APPLICATION="nowhere.application")
    assert done.returncode == 3
    [line] = done.stderr.strip().splitlines()
    assert "'nowhere.application' could not be loaded" in line
    assert "No module named 'nowhere'" in line


def test_with_traceback_it_is_all():
    done = run("daemonize=false", "--traceback", PROJECT_WSGI_APPLICATION="nowhere.application")
    assert "import_module" in done.stderr


@pytest.mark.parametrize("words", [["help"], ["method=threaded", "help"]])
def test_help_as_django_had_it(words):
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "maxspare" in done.stdout

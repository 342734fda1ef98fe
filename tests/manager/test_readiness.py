"""Hooks and warm-up of workers, from outside: what is called when, and a worker that must not become ready."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from gateways.manager.master import GAVE_UP
from tests.support.managing import Managed, managing
from tests.support.serving import until

PRELOAD = pytest.mark.parametrize("flags", [(), ("--preload",)], ids=["", "preload"])

HOOKS = """
import os, sys
def say(*words):
    sys.stderr.write(" ".join(["hook", str(os.getpid()), *map(str, words)]) + "\\n")
def boot(settings): say("boot", settings.threads)
def pre_fork(worker): say("pre_fork", worker.number, worker.pid)
def post_fork(worker): say("post_fork", worker.number, worker.generation, worker.pool, worker.preloaded)
def ready(worker): say("ready", worker.number, worker.pid)
def request(environ):
    return lambda status, seconds: say("after", environ["PATH_INFO"], status)
def exit(worker, reason): say("exit", worker.number, reason)
"""


@pytest.fixture
def hooks(tmp_path: Path) -> Callable[[str], str]:
    """Write the file of hooks, and return its name."""
    path = tmp_path / "its_hooks.py"

    def write(text: str) -> str:
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def calls(managed: Managed, pattern: str) -> list[str]:
    """What hooks have said, without the process id."""
    return re.findall(rf"^hook \d+ ({pattern})$", managed.log, re.MULTILINE)


@PRELOAD
def test_hooks_are_called_in_their_processes(flags: tuple[str, ...], hooks: Callable[[str], str]) -> None:
    with managing("--workers", "2", "--threads", "3", "--hooks", hooks(HOOKS), *flags) as managed:
        preloaded = bool(flags)
        until(lambda: len(calls(managed, "ready .*")) == 2)
        assert sorted(calls(managed, "post_fork .*")) == [f"post_fork {n} 1 app {preloaded}" for n in (1, 2)]
        until(lambda: {int(call.split()[2]) for call in calls(managed, "ready .*")} == set(managed.workers()))
        assert calls(managed, "boot .*") == ["boot 3"] * (1 if preloaded else 2)
        assert calls(managed, "pre_fork .*") == (["pre_fork 1 0", "pre_fork 2 0"] if preloaded else [])
        managed.ask("/environ/HOME")
        until(lambda: "after /environ/HOME 200 OK" in managed.log)
        managed.signal(signal.SIGHUP)
        until(lambda: len(calls(managed, "exit .*")) == 2)
        until(lambda: len(calls(managed, "ready .*")) == 4)
        assert set(calls(managed, "exit .*")) == {f"exit {number} generation 2 serves" for number in (1, 2)}
        assert managed.stop() == 0
        assert len(calls(managed, "exit .*")) == 4


@pytest.mark.parametrize(
    ("name", "flags"), [("boot", ()), ("boot", ("--preload",)), ("post_fork", ("--preload",)), ("ready", ())]
)
def test_L19_a_hook_that_fails_at_a_reload_leaves_the_old_workers(
    name: str, flags: tuple[str, ...], hooks: Callable[[str], str]
) -> None:
    with managing("--workers", "1", "--hooks", hooks(HOOKS), *flags) as managed:
        before = managed.worker()
        file = hooks(f"def {name}(given):\n    raise OSError('no database')\n")
        managed.signal(signal.SIGHUP)
        managed.until(f"hook {name}: {file}, line 2: OSError: no database")
        until(lambda: managed.workers() == [before])
        assert managed.worker() == before
        hooks(HOOKS)
        managed.signal(signal.SIGHUP)
        until(lambda: managed.worker() != before)


def test_L19_a_hook_that_fails_before_a_fork(hooks: Callable[[str], str]) -> None:
    file = hooks("def pre_fork(worker):\n    raise OSError('no database')\n")
    flags = ("--preload", "--boot-retries", "1", "--hooks", file)
    with managing("--workers", "1", *flags, ready=False) as managed:
        assert managed.wait() == GAVE_UP
        assert f"hook pre_fork: {file}, line 2: OSError: no database" in managed.log


def test_a_hook_at_the_end_that_fails_does_no_harm(hooks: Callable[[str], str]) -> None:
    with managing("--workers", "1", "--hooks", hooks("def exit(worker, reason): 1 / 0\n")) as managed:
        assert managed.stop() == 0
        assert "error: hook exit: " in managed.log


def test_a_slip_is_in_the_log(hooks: Callable[[str], str]) -> None:
    with managing("--workers", "1", "--hooks", hooks("def post_frok(worker): pass\n")) as managed:
        assert "post_frok is no hook and is never called; did you mean 'post_fork'?" in managed.log


# Warm-up

APPLICATION = """
import os, time
from pathlib import Path
HERE = Path(__file__).parent
STATUS = (HERE / "status").read_text()
def application(environ, start_response):
    if environ.get("gateways.warmup"):
        if STATUS == "hang":
            time.sleep(600)
        with open(HERE / "asked", "a") as file:
            file.write(environ["REQUEST_URI"] + "\\n")
        start_response(STATUS, [])
        return [b"x"]
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""


@pytest.fixture
def application(tmp_path: Path) -> Path:
    (tmp_path / "status").write_text("200 OK")
    path = tmp_path / "app.py"
    path.write_text(APPLICATION)
    return path


@PRELOAD
def test_a_worker_is_warmed_up_before_it_serves(flags: tuple[str, ...], application: Path) -> None:
    warmup = ("--warmup", "/", "--warmup", "/health/?deep=1")
    with managing("--workers", "2", *warmup, *flags, application=application) as managed:
        asked = application.parent / "asked"
        until(lambda: sorted(asked.read_text().split()) == ["/", "/", "/health/?deep=1", "/health/?deep=1"])
        assert "info: warm-up of /health/?deep=1 answered 200 OK in " in managed.log


@PRELOAD
def test_L19_a_generation_that_does_not_warm_up_does_not_serve(flags: tuple[str, ...], application: Path) -> None:
    status = application.parent / "status"
    with managing("--workers", "1", "--warmup", "/health", *flags, application=application) as managed:
        before = managed.worker()
        status.write_text("503 Service Unavailable")
        managed.signal(signal.SIGHUP)
        managed.until("warm-up of /health answered 503 Service Unavailable")
        until(lambda: managed.workers() == [before])
        assert managed.worker() == before
        status.write_text("204 No Content")
        managed.signal(signal.SIGHUP)
        until(lambda: managed.worker() != before)


def test_L19_a_warm_up_without_end_is_ended_by_the_boot_timeout(application: Path) -> None:
    (application.parent / "status").write_text("hang")
    flags = ("--warmup", "/health", "--boot-timeout", "0.5", "--boot-retries", "1")
    with managing("--workers", "1", *flags, application=application, ready=False) as managed:
        assert managed.wait() == GAVE_UP
        assert "boot_timeout" in managed.log

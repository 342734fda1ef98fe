"""``gateways resident``: what is there, and how it ends."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.resident import Host, hosting
from tests.support.serving import until

NONE = f"no process of user {os.geteuid()} is running (looked in {{}})\n"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with hosting(tmp_path, "python") as made:
        made.install()
        yield made


def test_status(host: Host) -> None:
    assert host.run("resident").stdout == NONE.format(host.place)
    assert host.run("resident", "status", "app.cgi").returncode == 1
    pid = host.get("/pid")
    until(lambda: [resident.requests for resident in host.running()] == [1])
    done = host.run("resident", "status", "app.cgi")
    assert done.returncode == 0
    first, second = done.stdout.splitlines()
    assert first.startswith(f"{host.script}: process {pid}, for ")
    assert second.startswith("  1 requests, the last ")
    [found] = json.loads(host.run("resident", "--json").stdout)
    assert (found["script"], found["pid"], found["requests"]) == (str(host.script), int(pid), 1)


def test_stop(host: Host) -> None:
    other = host.install(name="other.cgi")
    pid, second = host.get("/pid"), host.ask("/pid", script=other).body.decode()
    done = host.run("resident", "stop", "app.cgi")
    assert (done.returncode, done.stdout) == (0, f"{host.script}: process {pid} has ended\n")
    assert [str(resident.pid) for resident in host.running()] == [second]
    assert f"process {second} has ended" in host.run("resident", "stop", "--all").stdout
    assert host.run("resident", "stop", "--all").stdout == NONE.format(host.place)


def test_the_process_of_a_script_that_was_removed(host: Host) -> None:
    pid = host.get("/pid")
    host.script.unlink()
    done = host.run("resident", "stop", "app.cgi")
    assert (done.returncode, done.stdout) == (0, f"{host.script}: process {pid} has ended\n")


def test_a_process_that_does_not_end_is_killed(host: Host) -> None:
    with host.in_hand() as answers:
        done = host.run("resident", "stop", "--timeout", "0.2", "app.cgi")
        assert done.returncode == 1
        assert "did not end, and was killed" in done.stderr
    assert [answer.status for answer in answers] == ["502 Bad Gateway"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("resident", "halt"), "unknown action 'halt': give status or stop"),
        (("resident", "stop"), "stop what? Give a SCRIPT, or --all"),
        (("resident", "status", "nothing.cgi"), "there is no script 'nothing.cgi'"),
    ],
)
def test_mistakes(host: Host, words: tuple[str, ...], message: str) -> None:
    done = host.run(*words)
    assert done.returncode == 2
    assert message in done.stderr

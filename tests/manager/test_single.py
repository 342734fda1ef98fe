"""The status of a process without a master."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateways.manager import single
from gateways.manager.single import Single
from gateways.manager.statusapp import StatusApplication
from gateways.settings import Settings
from tests.support import wire
from tests.support.processes import INSIST
from tests.support.program import request, running
from tests.support.serving import PATIENCE, connect, until
from tests.support.source import CHECKOUT


def figures(application: Any) -> dict[str, Any]:
    """Ask for the status."""
    environ = {"REQUEST_METHOD": "GET", "QUERY_STRING": "json&full&history"}
    found: dict[str, Any] = json.loads(b"".join(application(environ, lambda status, headers: None)))
    return found


def test_one_process_is_a_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "INTERVAL", 0.001)
    made = Single("shop:app", Settings(threads=3), [])
    assert isinstance(made.application, StatusApplication)
    made.slot.threads = 3
    found = figures(made.application)
    assert (found["pool"], found["process manager"], found["application"]) == ("app", "single", "shop:app")
    assert (found["total processes"], found["process limit"], found["master pid"]) == (1, 1, os.getpid())
    assert [worker["pid"] for worker in found["processes"]] == [os.getpid()]
    until(lambda: len(figures(made.application)["history"]) > 2)
    made.close()


def test_gateways_serve_without_workers(socket_dir: Path) -> None:
    with running(socket_dir, "--status", "/status", "--ping", "/ping", "--threads", "2") as program:
        assert program.ask("/ping") == b"pong"
        text = program.ask("/status").decode()
        assert f"master pid:           {program.process.pid}\n" in text
        assert "process manager:      single\n" in text
        assert "accepted conn:        2\n" in text
        assert "requests in hand:     1\n" in text
        assert program.ask("/other") not in (b"pong", text.encode())


def answers(path: Path) -> bool:
    """Say whether somebody listens there."""
    try:
        connect(socket.AF_UNIX, str(path)).close()
    except OSError:
        return False
    return True


def test_serve_and_run_show_it_too(socket_dir: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"""\
import gateways
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"the application"]
gateways.serve(application, fastcgi="unix:{socket_dir}/socket", status="/status", access_log=None)
"""
    )
    with subprocess.Popen([sys.executable, str(script)], env={**os.environ, **INSIST}, cwd=CHECKOUT) as process:
        until(lambda: answers(socket_dir / "socket"))
        with connect(socket.AF_UNIX, str(socket_dir / "socket")) as sock:
            sock.sendall(request("/status"))
            body = wire.answer(wire.parse_records(wire.receive_all(sock))).body
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert b"process manager:      single\n" in body

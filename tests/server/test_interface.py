"""What the setting ``interface`` makes of an application, in a process and in its workers."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any, cast

import pytest

from gateways.errors import BootError
from gateways.loader import LazyApplication
from gateways.server.interface import Interface
from gateways.server.opening import load_application
from gateways.settings import Settings
from tests.support import asgi_app, wire
from tests.support.program import running
from tests.support.serving import Recorder, RecordingLog, serving, until

APPLICATION = Path(asgi_app.__file__)
FLAGS = ("--interface", "asgi")


def test_a_wsgi_application_stays_what_it_is():
    interface = Interface(Settings(), cast(Any, RecordingLog()))
    assert interface.adapt(cast(Any, len)) is len
    interface.end(0.0)


def test_one_that_could_not_be_loaded_is_started_when_it_can_be(tmp_path, monkeypatch):
    log = RecordingLog()
    application = load_application("late_asgi:app", Settings(interface="asgi"), True, cast(Any, log))
    assert isinstance(application, LazyApplication)
    interface = Interface(Settings(interface="asgi"), cast(Any, log))
    assert interface.adapt(application) is application
    (tmp_path / "late_asgi.py").write_text("from tests.support.asgi_app import application as app\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        application.load()
    finally:
        interface.end(0.0)


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_the_other_kind_is_refused(interface):
    async def asgi(scope: Any, receive: Any, send: Any) -> None: ...

    def wsgi(environ: Any, start_response: Any) -> Any: ...

    given = asgi if interface == "wsgi" else wsgi
    with pytest.raises(BootError, match="interface asgi"):
        load_application(cast(Any, given), Settings(interface=interface), False, cast(Any, RecordingLog()))


def test_the_c_part_leaves_asgi_alone():
    """It does not tell applications their descriptor."""
    for interface in ("wsgi", "asgi"):
        with serving(Recorder(), interface=interface) as served:
            served.request()
            assert ("gateways.descriptor" in served.server.application.seen[0].environ) == (interface == "asgi")  # type: ignore[attr-defined]


def test_a_process(tmp_path):
    with running(tmp_path, *FLAGS, application=APPLICATION) as program:
        assert json.loads(program.ask("/state")) == [program.process.pid, {"database": "open"}]
        program.signal(signal.SIGTERM)
        assert program.wait() == 0


@pytest.mark.parametrize("preload", [False, True])
def test_workers_have_a_loop_each(tmp_path, preload):
    flags = (*FLAGS, "--workers", "2", "--threads", "1", *(["--preload"] if preload else []))
    with running(tmp_path, *flags, application=APPLICATION) as program:
        until(lambda: "ready: 2 workers" in program.log)
        pids = set()
        with program.send("/hold") as one, program.send("/hold") as other:  # each holds up a worker
            for sock in (one, other):
                content = wire.RecordReader(sock).record().content
                pid, state = json.loads(content.partition(b"\r\n\r\n")[2])
                assert state == {"database": "open"}
                pids.add(pid)
        assert len(pids | {program.process.pid}) == 3
        program.signal(signal.SIGTERM)
        assert program.wait() == 0


def test_one_that_does_not_start_is_answered_for_where_that_is_wanted():
    log = RecordingLog()
    settings = Settings(interface="asgi")
    application = asgi_app.Application("failed")
    interface = Interface(settings, cast(Any, log))
    with pytest.raises(BootError, match="no such database"):
        interface.adapt(cast(Any, application))
    found = interface.adapt(cast(Any, application), answer=True)
    assert isinstance(found, LazyApplication)
    assert "answered with 500 until it starts" in log.text("error")
    application.startup = "complete"
    found.load()
    interface.end(time.monotonic())
    assert application.events == ["startup", "startup", "startup", "shutdown"]

"""Startup and shutdown."""

from __future__ import annotations

import json

import pytest

from gateways.asgi import Bridge, bridge
from gateways.errors import BootError
from tests.support import wire
from tests.support.asgi_app import Application, bridged, serving_asgi
from tests.support.serving import PATIENCE, RecordingLog


def params(path: str) -> wire.Pairs:
    return [(name, path.encode() if name == b"PATH_INFO" else value) for name, value in wire.GET]


def test_startup_before_the_first_request_and_shutdown_after_the_last():
    application = Application()
    with serving_asgi(application) as (served, _):
        assert application.events == ["startup"]
        assert json.loads(served.request(params("/state")).body)[1] == {"database": "open"}
    assert application.events == ["startup", "shutdown"]


def test_a_failing_startup_is_a_boot_error_of_one_line():
    log = RecordingLog()
    bridge = Bridge(Application("failed"), log.error, log.exception)
    with pytest.raises(BootError, match=r"startup \(lifespan\) failed: no such database$"):
        bridge.start()
    assert log.text("error") == "Traceback:\n  no such database"


@pytest.mark.parametrize("startup", ["unknown", "returns"])
def test_an_application_without_a_lifespan_is_served(startup):
    application = Application(startup)
    with serving_asgi(application) as (served, log):
        assert json.loads(served.request(params("/state")).body)[1] is None
    assert "shutdown" not in application.events
    assert log.text() == ""


def test_a_failing_shutdown_is_a_line_in_the_log():
    log = RecordingLog()
    with bridged(Application(shutdown="failed"), log):
        pass
    assert log.text("error") == "the application's shutdown (lifespan) failed: still open"


def test_a_shutdown_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "LATENESS", PATIENCE)  # a busy machine may not get to the loop for a while
    log = RecordingLog()
    served = Bridge(Application(shutdown="never"), log.error, log.exception)
    served.start()
    served.stop(0.05)
    assert log.text("error") == "the application's shutdown (lifespan) was not over after 0.05 s"

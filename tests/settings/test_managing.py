"""The defaults of the process manager's settings."""

from __future__ import annotations

from gateways.settings import Settings
from gateways.settings.managing import OF_THE_MASTER


def test_without_being_asked_there_is_no_manager_and_nothing_is_killed() -> None:
    settings = Settings()
    assert (settings.workers, settings.pm, settings.preload) == (0, "static", False)
    assert (settings.request_slowlog_timeout, settings.request_terminate_timeout) == (0.0, 0.0)
    assert (settings.max_requests, settings.max_memory, settings.heartbeat_timeout) == (0, 0, 0.0)
    assert settings.reload is False
    assert settings.daemonize is False
    for name in ("status", "ping", "control", "pid_file", "user", "group", "umask", "hooks", "restart_file"):
        assert getattr(settings, name) is None


def test_the_masters_settings_are_settings() -> None:
    assert Settings.settings.keys() >= OF_THE_MASTER

"""The settings themselves: their defaults, and a manual that says the same."""

from __future__ import annotations

import shlex
import subprocess
import sys
import typing

import pytest

from gateways.server.accesslog import compile_format
from gateways.settings import Settings
from tests.tools import settings_reference

SETTINGS = Settings.settings.values()


def test_the_defaults_are_those_the_manual_of_limits_promises() -> None:
    settings = Settings()
    assert (settings.threads, settings.backlog, settings.socket_mode) == (8, 1024, 0o660)
    assert (settings.max_header_size, settings.max_headers, settings.max_name_size) == (262144, 1000, 256)
    assert settings.max_body_size == 0
    assert (settings.header_timeout, settings.body_timeout, settings.write_timeout) == (15.0, 60.0, 60.0)
    assert settings.keepalive_timeout > 60  # nginx's, which has to be the one that closes
    assert (settings.graceful_timeout, settings.linger_timeout) == (30.0, 30.0)
    assert (settings.access_log, settings.error_log, settings.log_level) == ("-", "-", "info")
    assert settings.access_log_format == "combined"
    assert settings.on_boot_error == "auto"
    assert settings.debug is False
    for name in ("fastcgi", "scgi", "allowed_clients", "environ", "python_path"):
        assert getattr(settings, name) == ()
    for name in ("script_name", "chdir", "socket_owner", "socket_group"):
        assert getattr(settings, name) is None


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_default_passes_its_own_check(setting: typing.Any) -> None:
    if setting.default is not None:
        assert setting.kind.read(setting.default) == setting.default
        assert type(setting.kind.read(setting.default)) is type(setting.default)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_shown_default_is_what_a_person_could_give(setting: typing.Any) -> None:
    if setting.default not in (None, ()):
        shown = setting.kind.show(setting.default)
        assert setting.kind.read(shlex.split(shown) if setting.kind.many else shown) == setting.default


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_the_help_is_sentences(setting: typing.Any) -> None:
    assert setting.help[0].isupper()
    assert setting.help.endswith(".")
    assert any(setting.name in vars(base).get("__annotations__", ()) for base in Settings.__mro__)


def test_the_manual_is_what_the_declarations_say() -> None:
    """Write it with: python -m tests.tools.settings_reference"""
    assert settings_reference.PAGE.read_text("utf-8") == settings_reference.page()


def test_the_manual_has_every_directive_of_the_access_log() -> None:
    table = [line for line in settings_reference.ACCESS_LOG.splitlines() if line.startswith("| `%")]
    directives = [word.strip(" `") for line in table for word in line.split("|")[1].split(",")]
    for directive in directives:
        compile_format(directive)
    from gateways.server import accesslog

    letters = {*accesslog._PLAIN, *accesslog._TEXTS, *accesslog._VARIABLES}
    assert letters == {directive[-1] for directive in directives if "{" not in directive}


def test_importing_the_settings_costs_no_server() -> None:
    code = (
        "import gateways.settings, sys; print(*(m for m in ('socket', 'argparse', 'dataclasses') if m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""

from __future__ import annotations

import sys

import pytest

from tests.support import requirements


@pytest.fixture
def no_environment(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("REQUIRE_SERVERS", raising=False)


@pytest.mark.parametrize(
    ("ci", "servers", "expected"),
    [
        (None, None, False),
        ("true", None, True),
        ("1", None, True),
        ("false", None, False),
        ("true", "0", False),
        (None, "1", True),
        ("true", "", True),
    ],
)
def test_required(no_environment, monkeypatch, ci, servers, expected):
    for name, value in (("CI", ci), ("REQUIRE_SERVERS", servers)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert requirements.required() is expected


def test_a_missing_program_is_a_skip_at_home(no_environment):
    with pytest.raises(pytest.skip.Exception, match="apt-get install no-such-package"):
        requirements.require_program("no-such-program", "no-such-package")


def test_a_missing_program_is_a_failure_in_ci(no_environment, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install no-such-package"):
        requirements.require_program("no-such-program", "no-such-package")


def test_what_is_there_is_returned():
    assert requirements.require_program("sh", "dash").endswith("/sh")
    assert str(requirements.require_file(sys.executable, "python3")) == sys.executable
    assert requirements.require_module("json").__name__ == "json"


def test_a_missing_module_is_named(no_environment):
    with pytest.raises(pytest.skip.Exception, match="no_such_module is not installed"):
        requirements.require_module("no_such_module")

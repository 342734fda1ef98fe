"""What a test needs from the machine: where it is missing, the test is skipped at home and fails in CI.

A skip in CI would mean that nobody tests that web server any more, and that nobody notices.
"""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

#: The Debian package of each program that tests start; ``dev`` installs the same list.
PACKAGES = {
    "nginx": "nginx",
    "apache2": "apache2",
    "lighttpd": "lighttpd",
    "haproxy": "haproxy",
    "caddy": "caddy",
    "h2o": "h2o",
    "ip": "iproute2",
    "cgi-fcgi": "libfcgi-bin",
    "spawn-fcgi": "spawn-fcgi",
    "chromium": "chromium",
}

#: Debian keeps servers in directories that are not on an ordinary user's PATH.
_SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def required() -> bool:
    """Say whether a missing server is a failure: REQUIRE_SERVERS=1 or =0, else whether CI is set."""
    word = os.environ.get("REQUIRE_SERVERS") or os.environ.get("CI") or "0"
    return word.lower() not in ("0", "false", "no")


def missing(reason: str) -> NoReturn:
    """End the running test because of ``reason``: skipped at home, failed in CI."""
    if required():
        pytest.fail(f"{reason} (required: CI or REQUIRE_SERVERS is set)", pytrace=False)
    pytest.skip(reason)


def find_program(name: str) -> str | None:
    """Return the path of a program, or None where it is not installed."""
    return shutil.which(name, path=_SEARCH_PATH)


def require_program(name: str, package: str | None = None) -> str:
    """Return the path of a program the running test needs."""
    return find_program(name) or missing(f"{name} is not installed: apt-get install {package or PACKAGES[name]}")


def require_file(path: str | Path, package: str) -> Path:
    """Return ``path``, a file that the Debian ``package`` brings, such as a module of Apache."""
    return Path(path) if Path(path).is_file() else missing(f"{path} is missing: apt-get install {package}")


def require_module(name: str, extra: str = "test") -> ModuleType:
    """Import and return a Python module of an extra."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing(f"{error.name} is not installed: pip install 'gateways[{extra}]'")

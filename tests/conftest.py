"""What holds for every test: a clean environment, reproducible examples, no benchmarks by accident."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gateways.adapters import speedups
from tests.support import processes, requirements

# A shared machine may be slow at any moment: the time limit is per test (pyproject.toml), not per example.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("home", patient)
settings.register_profile("ci", patient, derandomize=True, print_blob=True)
settings.register_profile("again", patient, derandomize=True, print_blob=True, max_examples=20)  # ./dev matrix
settings.register_profile("thorough", patient, max_examples=5000)  # ./dev sanitize
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "home"))


def pytest_configure() -> None:
    """Drop what the developer's shell would bring into the servers and scripts that tests start.

    But GATEWAYS_PURE stays: it chooses which of the twins is tested, here and there.
    """
    for name in list(os.environ):
        if name.startswith(("GATEWAYS_", "LISTEN_")) and name != speedups.VARIABLE:
            del os.environ[name]
    os.environ.update(processes.INSIST)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"  # every address a test asks is on this machine
    # A shell that starts the tests in the background, or nohup, has them ignored, and so would be what the tests start.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture
def socket_dir() -> Iterator[Path]:
    """A directory for sockets: its path is short (107 bytes are all there is), and every user may enter it."""
    with tempfile.TemporaryDirectory(prefix="gw-") as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


def pytest_report_header() -> list[str]:
    """Name the servers that the live tests will use."""
    twin = f"gateways: {speedups.describe()}"
    absent = [name for name in requirements.PACKAGES if requirements.find_program(name) is None]
    if not absent:
        return [twin, "servers: all installed"]
    outcome = "their tests fail" if requirements.required() else "their tests are skipped"
    return [twin, f"servers: {', '.join(absent)} not installed, {outcome}"]


#: Directories of tests that start a program for nearly each of them.
PROGRAMS = {"resident", "programs"}
#: Directories of tests of what no C part has to do with.
ALIKE = {"commands", "compat", "config", "conform", "deploy", "docs", "doctor", "settings", "trace", "values"}
#: Where tests are that depend on the version of Python more than others: on its C API, its types and its syntax.
VERSIONED = ("tests/adapters/*", "tests/core/*", "tests/pep3333/*", "tests/server/test_fastpath.py", "tests/test_*.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what starts whole programs. Leave benchmarks out, unless the marker expression names them.

    Modules with tests that take long go first: at the end, all who run tests have some left to do.
    """
    slow = set()
    for item in items:
        place = item.path.relative_to(config.rootpath)
        if "managing" in vars(getattr(item, "module", None) or object) or PROGRAMS & set(item.path.parts):
            item.add_marker("managed")
        if ALIKE & set(place.parts):
            item.add_marker("alike")
        if any(fnmatchcase(str(place), pattern) for pattern in VERSIONED):
            item.add_marker("versioned")
        if "live" not in place.parts and (item.get_closest_marker("slow") or item.get_closest_marker("managed")):
            slow.add(place)
    items.sort(key=lambda item: item.path.relative_to(config.rootpath) not in slow)
    if "bench" in config.getoption("markexpr"):
        return
    benches = [item for item in items if item.get_closest_marker("bench")]
    if benches:
        config.hook.pytest_deselected(items=benches)
        items[:] = [item for item in items if not item.get_closest_marker("bench")]

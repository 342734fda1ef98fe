"""``install()``: in processes of their own, as the real flup is a peer of other tests."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gateways.compat.flup import REMOVED
from tests.support.compat import ROOT

MODULES = [
    *("fcgi", "fcgi_base", "fcgi_fork", "fcgi_single", "scgi", "scgi_base", "scgi_fork", "ajp", "ajp_base", "ajp_fork"),
    *("cgi", "singleserver", "threadedserver", "threadpool", "preforkserver", "paste_factory"),
]


def run(code, check=True):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=check)


def test_all_modules_are_ours():
    names = [*[f"flup.server.{name}" for name in MODULES], "flup.client.fcgi_app", "flup.client.scgi_app"]
    code = f"""
import importlib, sys
from gateways.compat.flup import install
install()
install()
for name in {names}:
    module = importlib.import_module(name)
    assert module is sys.modules["gateways.compat." + name], name
    assert module.__spec__.name == "gateways.compat." + name
import flup, flup.server, flup.client
assert flup.server.NoDefault is sys.modules["gateways.compat.flup.server"].NoDefault
"""
    run(code)


def test_without_install_it_is_the_other():
    code = "import gateways.compat.flup.server.fcgi, flup.server.fcgi as f; assert 'gateways' not in f.__name__, f"
    run(code)


def test_run_by_python_m_it_says_in_one_line_that_it_is_no_program():
    code = (
        "import runpy; from gateways.compat.flup import install; install(); "
        "runpy._run_module_as_main('flup.server.fcgi')"  # what python -m calls; install() has to come first
    )
    done = run(code, check=False)
    assert "Traceback" not in done.stderr
    message = "flup.server.fcgi is gateways.compat.flup.server.fcgi, which is no program; gateways serve serves"
    assert message in done.stderr
    assert done.returncode == 1


def test_too_late():
    done = run("import flup\nfrom gateways.compat.flup import install\ninstall()", check=False)
    assert "ConfigError: flup has been imported already, from " in done.stderr


@pytest.mark.parametrize("name", REMOVED)
def test_what_flup_itself_has_removed(name):
    code = f"from gateways.compat.flup import install; install(); import flup.{name}.gzip"
    assert f"No module named 'flup.{name}': flup has not had it since 1.0" in run(code, check=False).stderr

"""The distribution that installs ``flup``: built and installed without a network, in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from gateways import __version__
from tests.support.compat import ROOT

pytestmark = pytest.mark.slow

CODE = """
import importlib.metadata, sys
from flup.server.fcgi import WSGIServer
import flup.client.fcgi_app
import flup
assert WSGIServer.__module__ == "gateways.compat.flup.server.fcgi", WSGIServer
assert flup is sys.modules["gateways.compat.flup"]
try:
    import flup.middleware
except ImportError as error:
    assert "has not had it since 1.0" in str(error)
distribution = importlib.metadata.distribution(sys.argv[1])
runners = {point.name: point for point in distribution.entry_points if point.group == "paste.server_runner"}
assert len(runners) == 9, runners
print(*[point.load().__name__ for point in runners.values()], distribution.version)
"""


@pytest.mark.parametrize("name", ["gateways-flup", "flup"])
def test_it_is_installed_as_flup(tmp_path: Path, name: str) -> None:
    source = tmp_path / "gateways" / "compat" / "dist"  # as in a copy of the repository: the version is found there
    shutil.copytree(ROOT / "gateways" / "compat" / "dist", source)
    shutil.copy(ROOT / "gateways" / "__init__.py", tmp_path / "gateways")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    environ = {**os.environ, "GATEWAYS_FLUP_NAME": name, "PYTHONWARNINGS": "ignore"}
    offline = ["--no-index", "--no-deps"]
    build = [*pip, "wheel", *offline, "--no-build-isolation", "-w", str(tmp_path / "wheels"), str(source)]
    subprocess.run(build, env=environ, check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    [wheel] = (tmp_path / "wheels").iterdir()
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "venv")}))
    subprocess.run([*pip, "install", *offline, "--target", str(packages), str(wheel)], env=environ, check=True)
    (packages / "gateways.pth").write_text(str(ROOT))  # gateways itself, as pip install --editable does it
    done = subprocess.run([str(python), "-I", "-c", CODE, name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "run_fcgi_thread" in done.stdout
    assert done.stdout.strip().endswith("1.0.3+gateways.1" if name == "flup" else __version__)


def test_it_is_no_part_of_gateways_itself() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'exclude = ["gateways.compat.dist*"]' in text

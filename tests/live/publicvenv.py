"""A virtual environment as a customer of a shared host has one: of a Python that every account may start."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.live.sandbox import PACKAGE, Sandbox
from tests.support.publicpython import interpreter


def make_venv(sandbox: Sandbox) -> Path:
    """Make it in the directory of the sandbox's sites, with gateways as pure Python; return its Python."""
    venv = sandbox.srv / "venv"
    subprocess.run([interpreter(), "-m", "venv", "--without-pip", venv], check=True, stdout=subprocess.DEVNULL)
    library = sandbox.root / "lib"
    shutil.copytree(PACKAGE, library / "gateways", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    sandbox.own(*(path for path in (library, *library.rglob("*")) if path.is_dir()))
    (packages,) = (venv / "lib").glob("python*/site-packages")
    (packages / "example.pth").write_text(f"{library}\n")
    return venv / "bin" / "python3"

"""A Python and a package that every user may read: root often keeps those of the tests to himself."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.managed_app import AT_BOOT
from tests.support.processes import NOBODY
from tests.support.source import PACKAGE

APPLICATION = Path(__file__).with_name("managed_app.py")


@functools.cache
def interpreter() -> str:
    """The Python of the tests if nobody can run it, or that of the system."""
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "sh", "-c"]
    for program in (sys.executable, "/usr/bin/python3"):
        words = [*as_nobody, 'exec "$0" -c "import json"', program]
        if subprocess.run(words, cwd="/", capture_output=True, check=False).returncode == 0:
            return program
    return ""


class Public:
    """What ``managing`` has to be given, for workers that change to another user: ``managing(..., **public.options)``.

    ``directory`` can be entered by every user; it gets copies of the package and of the application.
    """

    options: dict[str, Any]

    def __init__(self, directory: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can change to another user")
        program = interpreter()
        if not program:
            pytest.skip("nobody may run a Python of this machine")
        shutil.copytree(PACKAGE, directory / "gateways", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        shutil.copy(APPLICATION, directory)
        # In place of the interpreter of the tests, with its arguments from -m on.
        prefix = ["sh", "-c", f'while [ "$1" != -m ]; do shift; done; exec {program} "$@"', "sh"]
        self.options = {
            "application": directory / APPLICATION.name,
            "environ": {"PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1", AT_BOOT: "/dev/null"},
            "prefix": prefix,
        }

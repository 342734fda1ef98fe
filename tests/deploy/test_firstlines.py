"""The first lines of a script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateways.deploy.firstlines import first_lines
from gateways.errors import ConfigError


@pytest.mark.parametrize("name", ["short", "with space", "long" * 50])
def test_the_first_line_starts_any_python(tmp_path: Path, name: str) -> None:
    python = tmp_path / name / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    script = tmp_path / "app.cgi"
    script.write_text(f"{first_lines(str(python))}import sys\nprint(sys.argv)\n")
    script.chmod(0o755)
    result = subprocess.run([script, "a b"], capture_output=True, text=True, check=True)
    assert result.stdout == f"['{script}', 'a b']\n"


@pytest.mark.parametrize("path", ["/it's/python", "/a\nb", "/a\\b"])
def test_a_path_that_nothing_can_start(path: str) -> None:
    with pytest.raises(ConfigError, match="move it"):
        first_lines(path)


def test_what_a_newer_kernel_reads() -> None:
    path = f"/{'long' * 50}"
    assert first_lines(path).startswith("#!/bin/sh\n")
    assert first_lines(path, 255) == f"#!{path}\n"

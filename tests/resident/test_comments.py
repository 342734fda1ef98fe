"""Settings in the comments of a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateways.errors import ConfigError
from gateways.resident import comments


def test_comments_are_read(tmp_path: Path) -> None:
    script = tmp_path / "app.cgi"
    script.write_bytes(
        b"#!/x\n# about gateways: no\n#gateways: threads=4 idle-timeout=2m\n# gateways: env=A=1\n"
        b"x = '\xff # gateways: threads=5'\n" + b"\n" * comments.LINES + b"# gateways: threads=6\n"
    )
    assert comments.read(str(script)) == {"threads": "4", "idle_timeout": "2m", "env": "A=1"}


@pytest.mark.parametrize("text", ["threads", "=4", "threads="])
def test_what_is_none(tmp_path: Path, text: str) -> None:
    script = tmp_path / "app.cgi"
    script.write_text(f"#!/x\n# gateways: {text}\n")
    with pytest.raises(ConfigError, match=f"line 2: '{text}' is no setting"):
        comments.read(str(script))


def test_a_script_that_is_not_there() -> None:
    assert comments.read("/nowhere/app.cgi") == {}

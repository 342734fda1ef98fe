"""conf/ is what gateways conf writes: each file by the command that its first lines name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools import conf

FILES = conf.files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(conf.CONF)))
def test_a_file_is_what_its_command_writes(path: Path) -> None:
    command = conf.command(path)
    assert command, f"{path.name} has no line 'gateways conf ...' in its first lines"
    texts = {conf.CONF / file.path: file.text for file in conf.written(command)}
    assert path in texts, f"{command} writes {sorted(texts)}"
    assert path.read_text(encoding="utf-8") == texts[path], "run: python -m tests.tools.conf"

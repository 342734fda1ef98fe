"""docs/reference/flup.md names the programs that are run, and only those."""

from __future__ import annotations

import re

from tests.compat.programs.table import PROGRAMS, PTH
from tests.support.source import CHECKOUT

DOCUMENT = (CHECKOUT / "docs/reference/flup.md").read_text(encoding="utf-8")
HOW_TO = (CHECKOUT / "docs/howto/from-flup.md").read_text(encoding="utf-8")


def test_the_page_has_every_program_and_protocol():
    section = DOCUMENT.partition("## Programs")[2].partition("\n## ")[0]
    said = {}
    for name, protocols in re.findall(r"^\| ([^|]+) \| ([^|]+) \| \d", section, re.MULTILINE):
        said[name] = {*re.findall(r"\b(?:fastcgi|scgi|ajp|cgi)\b", protocols), *re.findall("spawned", protocols)}
    run = {}
    for program in PROGRAMS:
        run.setdefault(program.name, set()).update([program.protocol, *["spawned"] * program.spawned])
    assert said == run


def test_the_how_to_has_the_line_by_which_they_run():
    assert "`gateways-flup.pth`" in HOW_TO
    assert f"```python\n{PTH}```" in HOW_TO

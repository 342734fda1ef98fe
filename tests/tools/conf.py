"""The files of conf/ are what ``gateways conf`` writes: the first lines of each have the command.

python -m tests.tools.conf    # writes them anew, after a change of gateways/deploy
"""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

from gateways.commands import conf
from gateways.deploy.text import File
from tests.support.source import CHECKOUT

CONF = CHECKOUT / "conf"


def files() -> list[Path]:
    """All files of conf/."""
    return sorted(path for path in CONF.rglob("*") if path.is_file())


def command(path: Path) -> str:
    """The command that a file says it was written by; empty: it says none."""
    head = "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:12])
    found = re.search(r"^\W*(gateways conf .*)$", head, re.MULTILINE)
    return found[1] if found else ""


def written(line: str) -> list[File]:
    """What a command writes."""
    parser = argparse.ArgumentParser()
    conf.add_arguments(parser)
    return conf.files_of(parser.parse_args(shlex.split(line)[2:]))


def main() -> None:
    """Write all files anew."""
    for line in sorted({command(path) for path in files()} - {""}):
        for file in written(line):
            (CONF / file.path).write_text(file.text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""The pages, and the code in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.support.source import CHECKOUT

DOCS = CHECKOUT / "docs"

#: What is written for somebody who has this project before him: README.md and its like, and all of docs/.
PAGES = sorted(path for path in [*CHECKOUT.glob("*.md"), *DOCS.rglob("*.md")] if path.name != "CHANGELOG.md")

_FENCE = re.compile(r"^```([\w-]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"\A(?:#!.*\n)?# ([\w~./-]+/)?([\w-]*\.\w+)\n")


class Block(NamedTuple):
    """A fenced block: its page (without .md, below docs/), the line it begins at, its language and its text."""

    page: str
    line: int
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that the block says it is, in a comment at its beginning."""
        match = _FILE.match(self.text)
        return (match[1] or "") + match[2] if match else None

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


def name_of(path: Path) -> str:
    """Return what a page is called here, such as howto/nginx or README."""
    base = DOCS if path.is_relative_to(DOCS) else CHECKOUT
    return path.relative_to(base).with_suffix("").as_posix()


def blocks(*languages: str, path: Path | None = None) -> list[Block]:
    """Return the blocks in these languages, of one page or of all, in their order."""
    found = []
    for page in [path] if path else PAGES:
        text = page.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            if not languages or match[1] in languages:
                line = text.count("\n", 0, match.start()) + 1
                found.append(Block(name_of(page), line, match[1], match[2]))
    return found


def prose(path: Path) -> str:
    """Return a page without its blocks."""
    return _FENCE.sub("", path.read_text(encoding="utf-8"))

"""The side bar: each list of links in index.md is one part of it, and a page that no list names is a warning."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

HEADING = re.compile(r"^#{2,3} (.+)$")
ENTRY = re.compile(r"^- \[([^\]]+)\]\(([^)#\s]+)\.md\)")


def parts(text: str) -> dict[str, list[tuple[str, str]]]:
    """Return the entries (title, page) below each heading of index.md."""
    found: dict[str, list[tuple[str, str]]] = {}
    heading = ""
    for line in text.splitlines():
        if match := HEADING.match(line):
            heading = match[1]
        elif match := ENTRY.match(line):
            found.setdefault(heading, []).append((match[1], match[2]))
    return found


def add_trees(app: Sphinx, page: str, source: list[str]) -> None:
    """Append to the first page what Sphinx calls its toctrees, unseen."""
    if page != app.config.root_doc:
        return
    for caption, entries in parts(source[0]).items():
        lines = "".join(f"{title} <{target}>\n" for title, target in entries)
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}```\n"


def setup(app: Sphinx) -> dict[str, object]:
    """Say when to be called."""
    app.connect("source-read", add_trees)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

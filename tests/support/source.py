"""The project's own source, read as text and as syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "gateways"
DISTRIBUTION = PACKAGE / "compat" / "dist"

#: A block of code in a document: its language, and the code.
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Import(NamedTuple):
    """The module an import is in, the full name it asks for, its line, and whether it is for type checkers only."""

    importer: str
    target: str
    line: int
    typing: bool


def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name; a package has the name of its directory.

    What is a distribution of its own is none of them.
    """
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if DISTRIBUTION in path.parents:
            continue
        parts = path.relative_to(CHECKOUT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(importer: str, tree: ast.Module) -> Iterator[Import]:
    """Find the imports of a module, those inside functions included. ``from a import b`` asks for ``a.b``."""
    for node, typing in _walk(tree, False):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(importer, alias.name, node.lineno, typing)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{importer}:{node.lineno}: a relative import"
            for alias in node.names:
                yield Import(importer, f"{node.module}.{alias.name}", node.lineno, typing)


def _walk(node: ast.AST, typing: bool) -> Iterator[tuple[ast.AST, bool]]:
    yield node, typing
    for name, value in ast.iter_fields(node):
        guarded = typing or (
            name == "body"
            and isinstance(node, ast.If)
            and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        )
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(child, guarded)

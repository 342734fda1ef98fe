"""What a script's text says, without running it: whether it serves anything, and what it prints at import."""

from __future__ import annotations

import ast
from collections.abc import Iterator

#: Calls that serve a request, by their last name: those of gateways, flup and flipflop, wsgiref and the like.
_SERVING = frozenset(("run", "run_with_cgi", "serve", "serve_forever", "cgi", "handle_request", "main"))

#: Modules that a WSGI application is called from as CGI.
_HANDLERS = frozenset(("CGIHandler", "IISCGIHandler", "WSGIServer"))


def parse(data: bytes) -> ast.Module | None:
    """Return the syntax tree, or None for what this Python cannot read: the script's own has been asked already."""
    try:
        return ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def serves(tree: ast.Module) -> bool:
    """Say whether the script may answer anything: it calls something that serves, or prints."""
    names = {_name(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return bool(names & (_SERVING | _HANDLERS | {"print", "write"}))


def application(tree: ast.Module) -> str:
    """Return the name of the application that the script defines or imports, or ""."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name for alias in node.names)
    return next((name for name in ("application", "app") if name in names), "")


def calls(tree: ast.Module, name: str) -> bool:
    """Say whether a function of that name is called anywhere."""
    return any(isinstance(node, ast.Call) and _name(node.func) == name for node in ast.walk(tree))


def prints(tree: ast.Module) -> Iterator[int]:
    """Yield the lines of ``print`` calls that run when the text is imported, and go to standard output."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        to_stdout = isinstance(node, ast.Call) and all(keyword.arg != "file" for keyword in node.keywords)
        if to_stdout and isinstance(node, ast.Call) and _name(node.func) == "print":
            yield node.lineno
        waiting += ast.iter_child_nodes(node)


def prints_text(tree: ast.Module, line: str) -> int:
    """Return the number of the line with a ``print`` whose text ends with that line, or 0."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "print" and len(node.args) == 1:
            text = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            if isinstance(text, str) and text.rstrip("\r").rpartition("\n")[2] == line:
                return node.lineno
    return 0


def _name(function: ast.expr) -> str:
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )

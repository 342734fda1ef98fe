"""Finds the application of a site: by the names that frameworks and hosts give to its file, without importing it."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: The names of files, the likeliest first; Django's is in the directory of the project beside manage.py.
FILES = ("app.py", "wsgi.py", "application.py", "passenger_wsgi.py", "asgi.py", "main.py")

#: Names of the directories of a site, which a web server sends: the application may lie beside them.
ROOTS = ("public_html", "htdocs", "httpdocs", "www", "web", "html", "public")

#: Names of directories in which hosts take every file for a script.
_SCRIPTS = re.compile("(fast|f)?cgi-?bin|cgi-(local|sys)", re.IGNORECASE)

_ATTRIBUTES = ("application", "app")
_FACTORIES = ("create_app", "make_app", "create_application", "get_wsgi_application")
_ASGI = frozenset(("FastAPI", "Starlette", "Quart", "Litestar", "get_asgi_application"))

#: Bytes of a file that are read: an application's module is not larger.
_MAX_SIZE = 1 << 20


@dataclass(frozen=True)
class Found:
    """An application: ``spec`` is what ``run`` is given, ``directory`` where its modules are imported from."""

    spec: str
    directory: str
    file: str
    interface: str = "wsgi"


def is_for_scripts(directory: str) -> bool:
    """Say whether web servers usually take every file of a directory for a script, by its name."""
    return _SCRIPTS.fullmatch(os.path.basename(os.path.abspath(directory))) is not None


def find_applications(directory: str) -> list[Found]:
    """Return what can be served: in the directory of a site, or beside it. The likeliest is the first."""
    found: list[Found] = []
    for place in _places(directory):
        found += [one for one in _in_place(place) if one not in found]
    return found


def read_application(spec: str, directory: str) -> Found:
    """Return the application that a person has named: its directory is the one that has the module, else that given."""
    module = spec.partition(":")[0]
    relative = module.replace(".", os.sep)
    for place in _places(directory):
        for file in (f"{relative}.py", os.path.join(relative, "__init__.py")):
            path = os.path.join(place, file)
            if os.path.isfile(path):
                interface = next((one.interface for one in _look(path, module, place) if one.spec == spec), "wsgi")
                return Found(spec, place, path, interface)
    return Found(spec, directory, "")


def broken_application(directory: str) -> str:
    """Return the file that should have an application and is no Python, with the line and why; or ""."""
    for place in _places(directory):
        for name in FILES:
            path = os.path.join(place, name)
            try:
                if os.path.isfile(path):
                    _parse(path)
            except SyntaxError as error:
                return f"{path}:{error.lineno or 1}: {error.msg}"
            except (OSError, ValueError, RecursionError):
                continue
    return ""


def _places(directory: str) -> Iterator[str]:
    yield directory
    if os.path.basename(directory) in ROOTS or is_for_scripts(directory):
        yield os.path.dirname(directory)


def _in_place(place: str) -> Iterator[Found]:
    for project in (place, *_directories(place)):  # only the package has to have a name that Python can import
        if os.path.isfile(os.path.join(project, "manage.py")):
            for package in _packages(project):
                path = os.path.join(package, "wsgi.py")
                if os.path.isfile(path):
                    yield Found(f"{os.path.basename(package)}.wsgi:application", project, path)
    for name in FILES:
        path = os.path.join(place, name)
        if os.path.isfile(path):
            yield from _look(path, name[:-3], place)
    for package in _packages(place):
        path = os.path.join(package, "__init__.py")
        if os.path.isfile(path):
            yield from _look(path, os.path.basename(package), place)


def _packages(place: str) -> list[str]:
    return [path for path in _directories(place) if os.path.basename(path).isidentifier()]


def _directories(place: str) -> list[str]:
    try:
        return sorted(entry.path for entry in os.scandir(place) if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []


def _look(path: str, module: str, place: str) -> Iterator[Found]:
    try:
        tree = _parse(path)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    names = _names(tree)
    for name in _ATTRIBUTES:
        if name in names:
            yield Found(f"{module}:{name}", place, path, _interface(names[name], tree))
            return
    for name in _FACTORIES:
        if isinstance(names.get(name), ast.FunctionDef):
            yield Found(f"{module}:{name}()", place, path, _interface(names[name], tree))
            return


def _parse(path: str) -> ast.Module:
    with open(path, "rb") as file:
        return ast.parse(file.read(_MAX_SIZE))


def _names(tree: ast.Module) -> dict[str, ast.AST]:
    """Return what a module defines at its top, each name with the statement that defines it."""
    names: dict[str, ast.AST] = {}
    for node in _statements(tree.body):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names[node.name] = node
        elif isinstance(node, ast.Assign):
            names.update((target.id, node) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names[node.target.id] = node
        elif isinstance(node, ast.ImportFrom):
            names.update((alias.asname or alias.name, node) for alias in node.names)
    return names


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module that an import carries out, those in ``try``, ``if`` and ``with``, too."""
    for node in body:
        yield node
        if isinstance(node, (ast.Try, ast.If, ast.With)):
            handlers = [inner for handler in getattr(node, "handlers", ()) for inner in handler.body]
            first = [] if isinstance(node, ast.If) and _is_no_import(node.test) else node.body
            yield from _statements([*first, *handlers, *getattr(node, "orelse", ()), *getattr(node, "finalbody", ())])


def _is_no_import(test: ast.expr) -> bool:
    """Tell ``if __name__ == "__main__"`` and ``if TYPE_CHECKING``."""
    names = {getattr(node, "id", "") or getattr(node, "attr", "") for node in ast.walk(test)}
    return bool(names & {"__name__", "TYPE_CHECKING"})


def _interface(node: ast.AST, tree: ast.Module) -> str:
    """Tell an ASGI application by the class that makes it, or by ``async def`` with three parameters."""
    if isinstance(node, ast.AsyncFunctionDef) and len(node.args.args) == 3:
        return "asgi"
    called = {_last_name(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
    return "asgi" if called & _ASGI else "wsgi"


def _last_name(function: ast.expr) -> str:
    return getattr(function, "attr", "") or getattr(function, "id", "")

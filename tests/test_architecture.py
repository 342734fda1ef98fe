"""The layers, and the few rules that hold for every module, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

import pytest

from tests.support import source

pytestmark = pytest.mark.once

#: From top to bottom. A module may import from the lines below its own; those of one line do not know each other.
LAYERS = [
    ["__main__"],
    ["cli"],
    ["commands"],
    ["compat"],
    ["runners", "simple"],
    ["doctor"],
    ["conform", "deploy", "front", "manager", "resident", "trace"],
    ["client", "server"],
    ["config"],
    ["hooks"],
    ["settings"],
    ["adapters"],
    ["asgi"],
    ["loader"],
    ["declared"],
    ["values"],
    ["addresses", "roles"],
    ["core"],
    ["errors", "escaping"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
TRANSPORTS = ("cgi", "fastcgi", "scgi", "uwsgi", "ajp", "http")

#: What does input and output, or waits; the adapters that only turn bytes into events have no use for it.
IO_MODULES = {"asyncio", "select", "selectors", "signal", "socket", "ssl", "subprocess", "threading"}

MAX_LINES = 350

#: Nothing in them runs.
UNTESTED = {"gateways.adapters.interface", "gateways.core.types", "gateways.manager.moves", "gateways.trace.items"}

MODULES = source.modules()
TREES = {name: source.parse(path) for name, path in MODULES.items()}
IMPORTS = [found for name, tree in TREES.items() for found in source.imports(name, tree)]


def module_of(target: str) -> str | None:
    """Return the module of ours that holds ``target``, or None for a stranger."""
    while target and target not in MODULES:
        target = target.rpartition(".")[0]
    return target or None


def edges() -> Iterator[tuple[source.Import, str]]:
    """Give the imports of one module of the package by another."""
    for found in IMPORTS:
        target = module_of(found.target)
        if target and target != found.importer:
            yield found, target


def layer(module: str) -> str:
    return module.split(".")[1]


def where(found: source.Import) -> str:
    return f"{found.importer}, line {found.line}, imports {found.target}"


def test_every_module_has_a_layer():
    assert {layer(module) for module in MODULES if module != "gateways"} == set(RANK)


def test_imports_lead_downward():
    wrong = [
        where(found)
        for found, target in edges()
        if "gateways" not in (found.importer, target)  # the root holds the public names, and imports on demand
        and layer(found.importer) != layer(target)
        and RANK[layer(found.importer)] >= RANK[layer(target)]
    ]
    assert wrong == []


def test_transports_do_not_know_each_other():
    def transport(module: str) -> str | None:
        parts = module.split(".")
        return parts[2] if len(parts) > 2 and parts[1] == "adapters" and parts[2] in TRANSPORTS else None

    wrong = [
        where(found)
        for found, target in edges()
        if found.importer.startswith("gateways.adapters.")
        and transport(target) not in (None, transport(found.importer))
    ]
    assert wrong == []


def test_the_adapters_of_protocols_do_no_input_or_output():
    ours = (*[f"gateways.adapters.{name}" for name in TRANSPORTS if name != "cgi"], "gateways.core")
    wrong = [
        where(found)
        for found in IMPORTS
        if found.importer.startswith(ours) and found.target.partition(".")[0] in IO_MODULES
    ]
    assert wrong == []


def test_no_import_cycle():
    """Imports for type checkers do not run, and may point both ways; the root imports on demand."""
    graph: dict[str, set[str]] = {name: set() for name in MODULES}
    for found, target in edges():
        if not found.typing and "gateways" not in (found.importer, target):
            graph[found.importer].add(target)
    while graph:
        leaves = {name for name, targets in graph.items() if not targets & graph.keys()}
        assert leaves, f"these modules import each other: {sorted(graph)}"
        graph = {name: targets for name, targets in graph.items() if name not in leaves}


def uses_of_select(tree: ast.AST) -> Iterable[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "select.select":
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "select":
            yield from (node.lineno for alias in node.names if alias.name in ("select", "*"))


def test_nothing_uses_select():
    """It fails on descriptors above 1023, which a busy server has."""
    files = [path for top in ("gateways", "tests", "cgi-bin") for path in (source.CHECKOUT / top).rglob("*.py")]
    found = [f"{path}:{line}" for path in files for line in uses_of_select(source.parse(path))]
    assert found == []


@pytest.mark.parametrize("text", ["import select\nselect.select([], [], [])", "from select import select"])
def test_a_use_of_select_is_seen(text):
    assert list(uses_of_select(ast.parse(text)))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_can_be_read_at_once(module):
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is(module):
    tree = TREES[module]
    if not tree.body and MODULES[module].name == "__init__.py":
        return  # an empty one only marks a package
    assert ast.get_docstring(tree)
    assert any(found.target == "__future__.annotations" for found in IMPORTS if found.importer == module) or not any(
        isinstance(node, (ast.FunctionDef, ast.AnnAssign)) for node in ast.walk(tree)
    )


def test_every_module_has_its_test():
    missing = []
    for module, path in MODULES.items():
        if path.stem.startswith("__") or module in UNTESTED:
            continue
        mirror = source.CHECKOUT / "tests" / path.relative_to(source.PACKAGE).with_name(f"test_{path.name}")
        if not mirror.is_file():
            missing.append(str(mirror.relative_to(source.CHECKOUT)))
    assert missing == []

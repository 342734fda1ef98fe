"""Appends to reference/api.md, which lists the public names, what their docstrings say."""

from __future__ import annotations

import importlib
import inspect

from sphinx.application import Sphinx

PAGE = "reference/api"
#: The modules with public names; all of their ``__all__`` is shown.
MODULES = ("gateways", "gateways.client", "gateways.front")


def names(module: str) -> list[str]:
    """Return what a module offers, but for its version."""
    return [name for name in importlib.import_module(module).__all__ if not name.startswith("__")]


def directives(app: Sphinx) -> str:
    """Return the part of the page that Sphinx fills, and have it made anew when a docstring has changed."""
    text = ""
    for module in MODULES:
        text += f"\n\n## {module}\n\n```{{eval-rst}}\n"
        for name in names(module):
            value = getattr(importlib.import_module(module), name)
            app.env.note_dependency(str(inspect.getsourcefile(value)))
            text += f".. auto{'class' if inspect.isclass(value) else 'function'}:: {module}.{name}\n"
            text += "   :members:\n\n" if inspect.isclass(value) else "\n"
        text += "```\n"
    return text


def append(app: Sphinx, page: str, source: list[str]) -> None:
    """Add them to the page."""
    if page == PAGE:
        source[0] += directives(app)


def setup(app: Sphinx) -> dict[str, object]:
    """Say when to be called."""
    app.connect("source-read", append)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

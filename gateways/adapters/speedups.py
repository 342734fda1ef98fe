"""The C part where it was built, its Python twins elsewhere, and where ``GATEWAYS_PURE=1`` asks for them."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["VARIABLE", "Board", "Link", "describe", "module"]

#: The variable that switches the C part off; "" and "0" do not.
VARIABLE = "GATEWAYS_PURE"


def _load() -> ModuleType | None:
    if os.environ.get(VARIABLE, "0") not in ("", "0"):
        return None
    try:
        return importlib.import_module("gateways.adapters._speedups")
    except ImportError:  # not built: no compiler, or another Python than it was built for
        return None


#: The module in C, or None.
module = _load()

if TYPE_CHECKING or module is None:
    from gateways.adapters._pure import Board, Link
else:
    Board, Link = module.Board, module.Link


def describe() -> str:
    """Say which of the two is in use, for ``gateways --version``."""
    if module is not None:
        return "with the C part"
    switched_off = os.environ.get(VARIABLE, "0") not in ("", "0")
    return f"pure Python, {VARIABLE} is set" if switched_off else "pure Python, the C part is not built"

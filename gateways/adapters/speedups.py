"""The C part where it was built, its Python twins elsewhere, and where ``GATEWAYS_PURE=1`` asks for them.

One that was built from another version is left alone: a stale file of that kind has accepted connections and never
answered them.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["INTERFACE", "VARIABLE", "Board", "Link", "describe", "module"]

#: The variable that switches the C part off; "" and "0" do not.
VARIABLE = "GATEWAYS_PURE"
#: Goes up with each change of what the C part takes or gives; _speedups.h has the same.
INTERFACE = 2


def _load() -> tuple[ModuleType | None, str]:
    """Return the module, and why there is none."""
    if os.environ.get(VARIABLE, "0") not in ("", "0"):
        return None, f"{VARIABLE} is set"
    try:
        found = importlib.import_module("gateways.adapters._speedups")
    except ImportError:  # no compiler, or another Python than it was built for
        return None, "the C part is not built"
    if getattr(found, "INTERFACE", 1) != INTERFACE:
        return None, f"the C part is of another version, install gateways anew: {found.__file__}"
    return found, ""


#: The module in C, or None.
module, _reason = _load()

if TYPE_CHECKING or module is None:
    from gateways.adapters._pure import Board, Link
else:
    Board, Link = module.Board, module.Link


def describe() -> str:
    """Say which of the two is in use, for ``gateways --version``."""
    return "with the C part" if module is not None else f"pure Python, {_reason}"

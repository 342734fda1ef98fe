"""The C part where it was built, its Python twins elsewhere, and where ``GATEWAYS_PURE=1`` asks for them."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

#: The variable that switches the C part off; "" and "0" do not.
VARIABLE = "GATEWAYS_PURE"

_speedups: ModuleType | None = None
if os.environ.get(VARIABLE, "0") in ("", "0"):
    try:
        from gateways.adapters import _speedups
    except ImportError:  # not built: no compiler, or another Python than it was built for
        pass

if TYPE_CHECKING or _speedups is None:
    from gateways.adapters._pure import Board, Link
else:
    Board = _speedups.Board
    Link = _speedups.Link

#: The module in C, or None.
module = _speedups


def describe() -> str:
    """Say which of the two is in use, for ``gateways --version``."""
    if module is not None:
        return "with the C part"
    switched_off = os.environ.get(VARIABLE, "0") not in ("", "0")
    return f"pure Python, {VARIABLE} is set" if switched_off else "pure Python, the C part is not built"

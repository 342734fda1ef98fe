"""The working directory by the name that its operator knows it by."""

from __future__ import annotations

import os
from collections.abc import Mapping


def working_directory(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the absolute path of the working directory; None where it was removed.

    PWD is believed when it leads there: a shell keeps the name by which links were followed, the system only knows
    where they led to. A deployment that moves the link ``current`` means the name.
    """
    named = environ.get("PWD", "")
    try:
        if os.path.isabs(named) and os.path.samefile(named, "."):
            return named
    except OSError:
        pass
    try:
        return os.getcwd()
    except OSError:
        return None

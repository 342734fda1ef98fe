"""What flup's modules write to a file of their own, where their DEBUG asks for it."""

from __future__ import annotations

import time


def debug_line(path: str, text: str) -> None:
    """Write a line to flup's DEBUGLOG."""
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{time.ctime()[4:-4]}fcgi: {text}\n")
    except OSError:
        pass  # it is for a person who looks for a fault, and no reason for another

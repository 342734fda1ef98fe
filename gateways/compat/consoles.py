"""Where flup's servers say something: the loggers of SCGI and AJP, which go to standard error, and DEBUGLOG."""

from __future__ import annotations

import logging
import time


def console_logger(name: str) -> logging.Logger:
    """Return the logger, with a handler that writes to standard error."""
    logger = logging.getLogger(name)
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s : %(message)s", "%Y-%m-%d %H:%M:%S"))
        logger.addHandler(handler)
    return logger


def debug_line(path: str, text: str) -> None:
    """Write a line to flup's DEBUGLOG."""
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{time.ctime()[4:-4]}fcgi: {text}\n")
    except OSError:
        pass  # it is for a person who looks for a fault, and no reason for another

"""The loggers of flup's SCGI and AJP servers: what they say also goes to standard error."""

from __future__ import annotations

import logging


def console_logger(name: str) -> logging.Logger:
    """Return the logger, with a handler that writes to standard error."""
    logger = logging.getLogger(name)
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s : %(message)s", "%Y-%m-%d %H:%M:%S"))
        logger.addHandler(handler)
    return logger

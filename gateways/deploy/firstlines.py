"""The first lines of a script, by which the kernel starts its Python."""

from __future__ import annotations

import os

from gateways.errors import ConfigError

#: Bytes of a first line that every Linux reads (execve(2)); newer ones read 255.
SAFE = 127


def first_lines(python: str, limit: int = SAFE) -> str:
    """Return the line that has the kernel start ``python``, or those that have /bin/sh do it, with their line ends.

    That is needed where the path is too long for a kernel that reads ``limit`` bytes of the line, or has a space, at
    which the kernel would end it. To Python the lines are a text that nobody uses. Raises ``ConfigError`` for a path
    that neither can have.
    """
    if "'" in python or "\\" in python or not python.isprintable():
        raise ConfigError(f"{python!r}: the path of the Python has characters that no first line can have; move it")
    if " " in python or len(os.fsencode(python)) + len("#!") > limit:
        return f"#!/bin/sh\n'''exec' '{python}' \"$0\" \"$@\"\n' '''\n"
    return f"#!{python}\n"

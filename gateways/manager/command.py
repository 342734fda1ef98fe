"""How this process was started, so that it can be started again: by exec, in the same process or in a child."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gateways.config.here import working_directory
from gateways.server.origin import command_words


class Command(NamedTuple):
    """The words of a command, the first of them the path of the interpreter, and the directory it was given in."""

    words: list[bytes]
    directory: str | None

    @classmethod
    def of_this_process(cls) -> Command:
        """Return that of this process; to be called before it changes its directory or its title."""
        return cls(command_words(), working_directory())

    def __str__(self) -> str:
        return " ".join(map(os.fsdecode, self.words))

    def execute(self, environ: Mapping[str, str], descriptors: Iterable[int] = ()) -> None:
        """Become this command, in this process, with ``descriptors`` open. Returns only by ``OSError``."""
        descriptors = list(descriptors)
        sys.stdout.flush()
        sys.stderr.flush()
        here = _open_directory()
        try:
            self._enter_directory()
            for fd in descriptors:
                os.set_inheritable(fd, True)
            os.execve(self.words[0], self.words, environ)
        finally:
            for fd in descriptors:
                os.set_inheritable(fd, False)
            if here >= 0:
                os.fchdir(here)
                os.close(here)

    def _enter_directory(self) -> None:
        """Enter it by its name, which may lead elsewhere by now: a link to the newest release."""
        try:
            os.chdir(self.directory or ".")
        except OSError:
            pass  # gone: what is looked for in it says so


def _open_directory() -> int:
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return -1

"""How this process was started, so that it can be started again: by exec, in the same process or in a child."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gateways.manager.inbox import NAMES


class Command(NamedTuple):
    """The words of a command, the first of them the path of the interpreter, and the directory it was given in."""

    words: tuple[str, ...]
    directory: str

    @classmethod
    def of_this_process(cls) -> Command:
        """Return that of this process; to be called before it changes its directory or its title."""
        return cls((sys.executable, *_arguments()), _directory())

    def __str__(self) -> str:
        return " ".join(self.words)

    def enter(self) -> None:
        """Go to the directory of the command, if it is still there."""
        if self.directory:
            try:
                os.chdir(self.directory)
            except OSError:
                pass  # removed: what it starts will say what it cannot find

    def execute(self, environ: Mapping[str, str], descriptors: Iterable[int] = ()) -> None:
        """Become this command, in this process, with ``descriptors`` open. Returns only by ``OSError``.

        Signals of a master that come meanwhile wait until the new program can take them (``Inbox``): their default is
        to end it.
        """
        descriptors = list(descriptors)
        sys.stdout.flush()
        sys.stderr.flush()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in NAMES])
        here = _open_directory()
        try:
            self.enter()
            for fd in descriptors:
                os.set_inheritable(fd, True)
            os.execve(self.words[0], self.words, environ)
        finally:
            for fd in descriptors:
                os.set_inheritable(fd, False)
            if here >= 0:
                os.fchdir(here)
                os.close(here)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _arguments() -> list[str]:
    """Return the arguments of the interpreter: its own flags, the program, and those of the program."""
    if sys.version_info >= (3, 10):
        return sys.orig_argv[1:]
    try:
        with open("/proc/self/cmdline", "rb") as file:
            return [os.fsdecode(word) for word in file.read().split(b"\0")[1:-1]]
    except OSError:
        return ["-m", "gateways", *sys.argv[1:]]


def _directory() -> str:
    """Return the working directory by the name it was entered with: a symbolic link may lead elsewhere by then."""
    named = os.environ.get("PWD", "")
    try:
        if os.path.isabs(named) and os.path.samefile(named, "."):
            return named
        return os.getcwd()
    except OSError:
        return ""  # it was removed


def _open_directory() -> int:
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return -1

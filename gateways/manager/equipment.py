"""What the processes of one pool share: made by the master before the first fork, used on both sides of it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateways.loader import prepare_imports
from gateways.manager.notify import withhold
from gateways.server import green

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateways.core.types import Application
    from gateways.manager.entries import SlowLog
    from gateways.manager.scoreboard import Scoreboard
    from gateways.manager.stacks import StackFile
    from gateways.server.accesslog import AccessLog
    from gateways.server.errorlog import ErrorLog
    from gateways.server.listeners import Listener
    from gateways.server.privileges import Privileges
    from gateways.settings import Settings


@dataclass
class Equipment:
    """A pool as its processes need it."""

    name: str
    application: str
    settings: Settings
    listeners: list[Listener]
    error_log: ErrorLog
    access_log: AccessLog | None
    privileges: Privileges
    board: Scoreboard
    slow_log: SlowLog
    stacks: StackFile
    #: The working directory by name, which is entered anew where there is no ``chdir``: it may lead elsewhere by now.
    directory: str | None = None
    #: An object of this program, served in the place of what ``application`` names, and never loaded anew.
    loaded: Application | None = None

    @property
    def source(self) -> Application | str:
        """What ``load_application`` takes."""
        return self.application if self.loaded is None else self.loaded

    def logs(self) -> list[int]:
        """Return the descriptors of the logs that the pool's processes write, for another of them to ``adopt_logs``."""
        return [log.fileno() for log in (self.error_log, self.access_log) if log is not None]

    def adopt_logs(self, descriptors: Sequence[int]) -> None:
        """Write to these files from now on: the master has opened them anew, where this user may not."""
        for log, fd in zip((self.error_log, self.access_log), descriptors):
            if log is not None:
                log.adopt(fd)

    def settle(self) -> None:
        """Make this process, a child of the master, what the pool's processes are: environment, directory, user.

        The last step before code of the application runs. Raises ``ConfigError``.
        """
        settings = self.settings
        withhold(os.environ)
        self.privileges.drop()
        if self.loaded is None:
            sys.path.insert(0, "")  # the working directory, as for python -m
        if settings.chdir is None and self.directory is not None:
            try:
                os.chdir(self.directory)
            except OSError:
                pass  # it was removed, and the process stays where it is
        prepare_imports(settings.chdir, settings.python_path, settings.env)
        if settings.worker == "gevent":
            green.patch()

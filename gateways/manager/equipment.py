"""What the processes of one pool share: made by the master before the first fork, used on both sides of it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateways.loader import prepare_imports
from gateways.manager.notify import withhold

if TYPE_CHECKING:
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

    def settle(self) -> None:
        """Make this process, a child of the master, what the pool's processes are: environment, directory, user.

        The last step before code of the application runs. Raises ``ConfigError``.
        """
        settings = self.settings
        withhold(os.environ)
        self.privileges.drop()
        sys.path.insert(0, "")  # the working directory, as for python -m
        if settings.chdir is None and self.directory is not None:
            try:
                os.chdir(self.directory)
            except OSError:
                pass  # it was removed, and the process stays where it is
        prepare_imports(settings.chdir, settings.python_path, settings.env)

    def reopen_logs(self, number: int = 0, frame: object = None) -> None:
        """Open the logs anew, in a process that serves nobody yet; can be the handler of a signal."""
        self.error_log.reopen()
        if self.access_log is not None:
            self.access_log.reopen()

"""Which master an operator means, and how it is told what to do: by its control socket, else by a signal."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from gateways.declared import variable_of
from gateways.errors import ConfigError, ConnectError
from gateways.manager.controlclient import ask_and_follow

#: Where a process can be looked at, to see that a number in a file is still that of a master.
_PROC = "/proc"


class Place(NamedTuple):
    """Where a master can be reached; ``control`` is better."""

    control: str | None = None
    pid_file: str | None = None


def find(given: Place, environ: Mapping[str, str]) -> Place:
    """Return the place that flags give, or else the environment.

    Raises ``ConfigError`` when none does.
    """
    variables = Place(*(environ.get(variable_of(name)) or None for name in Place._fields))
    for place in (given, variables):
        if place.control or place.pid_file:
            return place
    raise ConfigError(f"which master? give --control PATH, or set {variable_of('control')}")


def control_of(place: Place) -> str:
    """Return the control socket. Raises ``ConfigError`` when there is but a pid file."""
    if place.control is None:
        raise ConfigError("that needs the control socket: give --control PATH; a signal cannot bring an answer")
    return place.control


def order(place: Place, question: Mapping[str, Any], number: signal.Signals, say: Callable[[str], None]) -> bool:
    """Have the master do something. Returns True when it was done, False when only a signal was sent.

    Raises what ``ask_and_follow`` does.
    """
    if place.control is not None:
        ask_and_follow(place.control, question, say)
        return True
    pid = _read_pid(place.pid_file or "")
    try:
        os.kill(pid, number)
    except PermissionError:
        raise ConnectError(
            f"no permission to signal process {pid} of {place.pid_file}; be the user that it runs as, or root"
        ) from None
    except ProcessLookupError:
        raise _ended(place.pid_file, pid) from None
    say(f"sent {number.name} to process {pid}; the error log will tell what became of it")
    return False


def _read_pid(path: str) -> int:
    """Return the process id in a file, if it is that of a program of ours."""
    try:
        with open(path, encoding="ascii") as file:
            pid = int(file.read(32))
    except OSError as error:
        raise ConnectError(f"pid file {path!r} cannot be read: {error.strerror}; is it running?") from None
    except ValueError:
        pid = 0
    if pid <= 1:
        raise ConnectError(f"pid file {path!r} holds no process id; give the file of the setting pid_file")
    if not _is_ours(pid):
        raise _ended(path, pid)
    return pid


def _is_ours(pid: int) -> bool:
    """Say whether a process may be a master: after a crash its number may have become that of a stranger."""
    if not os.path.isdir(f"{_PROC}/self"):
        return True
    try:
        with open(f"{_PROC}/{pid}/cmdline", "rb") as file:
            return b"gateways" in file.read()
    except FileNotFoundError:
        return False
    except OSError:
        return True  # its owner hides it; the signal will tell


def _ended(path: str | None, pid: int) -> ConnectError:
    return ConnectError(f"no master runs as process {pid} of {path}: it has ended, and left the file behind")

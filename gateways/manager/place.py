"""Which master an operator means, and how it is told what to do: by its control socket, else by a signal."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from gateways.config.plan import read_plan
from gateways.declared import variable_of
from gateways.errors import ConfigError, ConnectError
from gateways.manager.controlclient import ask_and_follow
from gateways.manager.pidfile import is_held


class Place(NamedTuple):
    """Where a master can be reached; ``control`` is better."""

    control: str | None = None
    pid_file: str | None = None


def find(given: Place, config: str | None, environ: Mapping[str, str]) -> Place:
    """Return the place that flags give, or else the environment, or else the configuration file.

    ``config`` is that file; None stands for the one that ``gateways serve`` would use. Raises ``ConfigError``.
    """
    variables = Place(*(environ.get(variable_of(name)) or None for name in Place._fields))
    for place in (given, variables):
        if place.control or place.pid_file:
            return place
    problems: list[str] = []
    # What is wrong with other settings does not matter here: the master runs with those it has.
    plan = read_plan(config, None, None, environ, problems)
    if plan is None:
        raise ConfigError(problems[0])
    if plan.file is None:
        raise ConfigError(f"which master? give --control PATH or --config FILE, or set {variable_of('control')}")
    place = Place(plan.master.control, plan.master.pid_file)
    if not place.control and not place.pid_file:
        raise ConfigError(f"which master? there is neither control nor pid_file in {plan.file}; give --control PATH")
    return place


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
    """Return the process id in a file, if a master holds it: after a crash its number may be that of a stranger."""
    try:
        with open(path, "rb") as file:
            text = file.read(32)
            held = is_held(file.fileno())
    except OSError as error:
        raise ConnectError(f"pid file {path!r} cannot be read: {error.strerror}; is it running?") from None
    pid = int(text) if text.strip().isdigit() else 0
    if pid <= 1:
        raise ConnectError(f"pid file {path!r} holds no process id; give the file of the setting pid_file")
    if not held:
        raise _ended(path, pid)
    return pid


def _ended(path: str | None, pid: int) -> ConnectError:
    return ConnectError(f"no master runs as process {pid} of {path}: it has ended, and left the file behind")

"""``gateways resident``: show and stop the processes that stay for CGI scripts."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from gateways.commands.arguments import kind
from gateways.errors import ConfigError
from gateways.resident import notes, place
from gateways.values import Duration

if TYPE_CHECKING:
    from gateways.resident.notes import Resident

#: "stop --timeout 5 SCRIPT" is to work as well as "stop SCRIPT --timeout 5".
INTERMIXED = True
_INTERVAL = 0.02
_EPILOG = """exit status:
  0  done; status SCRIPT: it runs
  1  status SCRIPT: it does not run. stop: a process did not end in time, and was killed
  2  a mistake on the command line"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``gateways resident``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "action",
        metavar="ACTION",
        nargs="?",
        default="status",
        help="status (the default): show the processes; stop: have them finish what is in hand, and end",
    )
    parser.add_argument("scripts", metavar="SCRIPT", nargs="*", help="the CGI script whose process is meant")
    parser.add_argument("--all", action="store_true", help="stop the processes of all scripts")
    parser.add_argument("--json", action="store_true", help="print what is known as JSON")
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        type=kind(Duration(0)),
        default=35.0,
        help="kill what has not ended by then (default: 35s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    if arguments.action == "cgi":  # what gateways-cgi becomes; nobody types it
        from gateways.resident.interpreter import main

        return main(arguments.scripts)
    if arguments.action not in ("status", "stop"):
        raise ConfigError(f"unknown action {arguments.action!r}: give status or stop (see gateways resident --help)")
    # Its process may be there still.
    missing = [script for script in arguments.scripts if not (os.path.exists(script) or notes.of_script(script))]
    if missing:
        raise ConfigError(f"there is no script {missing[0]!r}: give the path of the file whose first line it is")
    found = _chosen(arguments.scripts)
    if arguments.action == "status":
        _show(found, arguments.json)
        return 1 if arguments.scripts and not found else 0
    if not arguments.scripts and not arguments.all:
        raise ConfigError("stop what? Give a SCRIPT, or --all")
    return _stop(found, arguments.timeout)


def _chosen(scripts: list[str]) -> list[Resident]:
    return [resident for script in scripts for resident in notes.of_script(script)] if scripts else notes.running()


def _show(residents: list[Resident], as_json: bool) -> None:
    if as_json:
        print(json.dumps([resident._asdict() for resident in residents], indent=2))
        return
    if not residents:
        _say_none()
    from gateways.manager.render.figures import duration_text  # not for a request that comes here

    now = time.time()
    for resident in residents:
        idle = f", the last {duration_text(max(0.0, now - resident.used))} ago" if resident.requests else ""
        print(f"{resident.script}: process {resident.pid}, for {duration_text(max(0.0, now - resident.started))}")
        print(f"  {resident.requests} requests{idle}; what it says besides: {resident.log}")


def _stop(residents: list[Resident], timeout: float) -> int:
    """Stop them at once, and wait for the last; what does not end is killed."""
    for resident in residents:
        _signal(resident, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    left = residents
    while left and time.monotonic() < deadline:
        time.sleep(_INTERVAL)
        left = [resident for resident in left if _is_alive(resident.pid)]
    for resident in left:
        _signal(resident, signal.SIGKILL)
        print(f"gateways: {resident.script}: process {resident.pid} did not end, and was killed", file=sys.stderr)
    stopped = [resident for resident in residents if resident not in left]
    for resident in stopped:
        print(f"{resident.script}: process {resident.pid} has ended")
    if not residents:
        _say_none()
    return 1 if left else 0


def _say_none() -> None:
    """Say where was looked: a web server may start scripts as another user, or name another directory."""
    print(f"no process of user {os.geteuid()} is running (looked in {', '.join(place.candidates())})")


def _signal(resident: Resident, number: int) -> None:
    try:
        os.kill(resident.pid, number)
    except ProcessLookupError:
        pass  # it has ended by itself


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Say whether it has ended and nobody has asked how: in a container there may be nobody who does."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[:1] == [b"Z"]
    except OSError:
        return False

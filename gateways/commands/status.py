"""``gateways status``: show what a master and its workers are doing."""

from __future__ import annotations

import argparse
import shutil
import sys
import time

from gateways.commands.arguments import add_master, kind, master
from gateways.manager.controlclient import ask
from gateways.manager.place import control_of
from gateways.values import Duration

#: Cursor to the upper left corner; what is left of a line, and of the screen, goes.
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of ``gateways status``."""
    add_master(parser, "", "the master could not answer; the reason is printed", pid_file=False)
    parser.add_argument("--json", action="store_true", help="print all figures as JSON, with the names of php-fpm")
    parser.add_argument(
        "-w",
        "--watch",
        metavar="TIME",
        nargs="?",
        const="1s",
        type=kind(Duration(0.1)),
        help="show the figures again and again, after so much time (default: 1s), until Ctrl-C",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the figures."""
    control = control_of(master(arguments))
    if arguments.watch is None:
        _print(arguments, control, sys.stdout.isatty())
        return 0
    try:
        while True:
            _print(arguments, control, sys.stdout.isatty(), again=sys.stdout.isatty() and not arguments.json)
            time.sleep(arguments.watch)
    except KeyboardInterrupt:  # the way to end it
        return 0


def _print(arguments: argparse.Namespace, control: str, terminal: bool, again: bool = False) -> None:
    from gateways.manager.render import document
    from gateways.manager.render.terminal import render
    from gateways.manager.snapshot import Overview

    overview = Overview.from_json(ask(control, {"ask": "status"})["status"])
    if arguments.json:
        text = document.render(overview, None, full=True, everything=True, past=False)
    else:
        size = shutil.get_terminal_size()
        text = render(overview, size.columns if terminal else 1 << 16)
        if again:  # drawn over the last one: clearing first would flicker
            lines = text.splitlines()[: size.lines - 1]
            text = _HOME + "".join(f"{line}{_CLEAR_LINE}\n" for line in lines) + _CLEAR_BELOW
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()

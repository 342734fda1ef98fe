"""``gateways reload``: have a master load the application anew, and wait for the outcome."""

from __future__ import annotations

import argparse
import signal

from gateways.commands.arguments import add_master, master, tell
from gateways.manager.place import control_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of ``gateways reload``."""
    add_master(
        parser, ": the new workers serve", "the reload failed: the reason is printed, and the old workers serve on"
    )
    parser.add_argument("--pool", metavar="NAME", help="only this pool; default: all")


def run(arguments: argparse.Namespace) -> int:
    """Wait for the end of the reload."""
    question = {"ask": "reload"} if arguments.pool is None else {"ask": "reload", "pool": arguments.pool}
    if arguments.pool is not None:
        control_of(master(arguments))  # a signal cannot name a pool
    return tell(
        arguments, question, signal.SIGHUP, "reloaded: the new workers serve", "not reloaded, the old workers serve on"
    )

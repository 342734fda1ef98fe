"""``gateways stop``: have a master finish what is in hand, and end."""

from __future__ import annotations

import argparse
import signal

from gateways.commands.arguments import add_master, tell
from gateways.manager.controlclient import MasterGoneError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of ``gateways stop``."""
    add_master(parser, ": it has ended", "it has ended, with requests in hand: graceful_timeout passed first")


def run(arguments: argparse.Namespace) -> int:
    """Wait for the end of the master."""
    try:
        return tell(arguments, {"ask": "stop"}, signal.SIGTERM, "stopped", "stopped")
    except MasterGoneError:  # killed, or told to hurry
        if not arguments.quiet:
            print("stopped")
        return 0

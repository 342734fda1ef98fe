"""``gateways reopen``: have a master and its workers open their log files anew, after they were renamed."""

from __future__ import annotations

import argparse
import signal

from gateways.commands.arguments import add_master, tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of ``gateways reopen``."""
    add_master(parser, ": lines go to the new files", "a log file could not be opened, and the old one stays in use")


def run(arguments: argparse.Namespace) -> int:
    """Ask, and return the exit status."""
    return tell(arguments, {"ask": "reopen"}, signal.SIGUSR1, "log files opened anew", "not opened")

"""``gateways upgrade``: have a master replace itself by the program that is installed now."""

from __future__ import annotations

import argparse
import signal

from gateways.commands.arguments import add_master, tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of ``gateways upgrade``."""
    add_master(
        parser,
        ": the new program and its workers serve",
        "the upgrade failed: the reason is printed, and the old workers serve on",
    )


def run(arguments: argparse.Namespace) -> int:
    """Wait until new workers serve."""
    return tell(
        arguments,
        {"ask": "upgrade"},
        signal.SIGUSR2,
        "upgraded: the new program and its workers serve",
        "not upgraded, the old workers serve on",
    )

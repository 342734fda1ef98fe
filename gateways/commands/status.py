"""``gateways status``: show what a master and its workers are doing."""

from __future__ import annotations

import argparse
import json

from gateways.commands.arguments import add_master, master
from gateways.manager.controlclient import ask
from gateways.manager.place import control_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of ``gateways status``."""
    add_master(parser, "", "the master could not answer; the reason is printed", pid_file=False)
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the figures."""
    answer = ask(control_of(master(arguments)), {"ask": "status"})
    print(json.dumps(answer["status"], indent=2))
    return 0

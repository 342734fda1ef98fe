"""``gateways status``: show what a master and its workers are doing."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from typing import TYPE_CHECKING

from gateways.commands.arguments import add_master, kind, master
from gateways.errors import ConnectError
from gateways.manager.controlclient import ask
from gateways.manager.place import control_of
from gateways.values import Duration

if TYPE_CHECKING:
    from gateways.manager.snapshot import Overview


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of ``gateways status``."""
    add_master(parser, "", "the master could not answer; the reason is printed", pid_file=False)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print all figures as JSON, with the names of php-fpm")
    form.add_argument("--openmetrics", action="store_true", help="print the figures of the pools for Prometheus")
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
    try:
        _show(arguments, control)
    except KeyboardInterrupt:  # the way to end --watch
        if arguments.watch is None:
            raise
    return 0


def _show(arguments: argparse.Namespace, control: str) -> None:
    from gateways.manager.screen import show

    program = arguments.json or arguments.openmetrics
    if arguments.watch is not None and sys.stdout.isatty() and not program:
        _watch(arguments.watch, control)
        return
    while True:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 1 << 16
        text = _render(arguments, control, width)
        show(text, sys.stdout)
        if arguments.watch is None:
            return
        time.sleep(arguments.watch)


def _watch(interval: float, control: str) -> None:
    """Draw the table again and again. Who watches a master wants to see it come back, too."""
    from gateways.manager.render.terminal import render
    from gateways.manager.screen import Screen

    overview = _overview(control)  # a wrong path is an error; only later it is news
    news = ""
    with Screen(sys.stdout) as screen:
        while True:
            screen.draw(news + render(overview, screen.width))
            screen.wait(interval)
            try:
                overview, news = _overview(control), ""
            except ConnectError as error:
                news = f"{error}\n\n"


def _overview(control: str) -> Overview:
    from gateways.manager.snapshot import Overview

    return Overview.from_json(ask(control, {"ask": "status"}).get("status"))


def _render(arguments: argparse.Namespace, control: str, width: int) -> str:
    from gateways.manager.render import document, metrics, terminal

    overview = _overview(control)
    if arguments.json:
        return document.render(overview, None, full=True, everything=True, past=False)
    return metrics.render(overview) if arguments.openmetrics else terminal.render(overview, width)

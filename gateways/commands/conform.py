"""Run the numbered protocol cases, hostile ones among them, against a backend, and print a table."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys

from gateways.addresses import parse_address
from gateways.commands.arguments import add_backend, backend, kind, secret
from gateways.conform.case import FAIL, PASS, Fair
from gateways.conform.report import Table, as_json, summary
from gateways.conform.runner import Result, UnfitBackend, cases_of, meet, not_run, run_cases
from gateways.errors import ConnectError
from gateways.values import Duration, Pair

EPILOG = """\
With the application gateways.conform.echo:application behind it, the backend is checked for what the application was
given, too; with any other only for what can be seen from outside.

exit status:
  0  every case passes, or differs in a way that harms nobody
  1  a case fails, or the backend does not answer a plain request
  2  the command line cannot be used
  5  the backend cannot be reached
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of ``gateways conform``."""
    add_backend(parser)
    parser.add_argument(
        "--case",
        metavar="NUMBER",
        action="append",
        default=[],
        help="run this case alone, such as F19; can be given several times, or with commas",
    )
    parser.add_argument("--list", action="store_true", help="print the cases, and run none")
    parser.add_argument("-q", "--quiet", action="store_true", help="print no case that passes")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    parser.add_argument("--path", metavar="PATH", default="/", help="the page that is asked for (default: /)")
    parser.add_argument(
        "--param",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=kind(Pair()),
        help="add this CGI variable to each request, such as php-fpm's SCRIPT_FILENAME",
    )
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        default=3.0,
        type=kind(Duration(0.001)),
        help="how long the backend may be silent before a case counts as hanging (default: 3s)",
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG


def run(arguments: argparse.Namespace) -> int:
    """Run the cases, print each as its result is known, and return the exit status."""
    protocol, address = backend(arguments)
    fair = Fair(arguments.path, [_bytes(*pair) for pair in arguments.param], secret())
    numbers = [number.strip().upper() for text in arguments.case for number in text.split(",")]
    cases = cases_of(protocol, fair, numbers)
    width = shutil.get_terminal_size((120, 0)).columns
    table = Table(width, colours=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    if arguments.list:
        for case in cases:
            print(f"{case.number}  {case.sent}: {case.right}")
        for number, reason in not_run(protocol, fair).items():
            print(f"{number}  (not run) {reason}")
        return 0
    try:
        met = meet(protocol, parse_address(address), fair, arguments.timeout)
    except (UnfitBackend, ConnectError) as error:
        if arguments.json:
            print(json.dumps({"protocol": protocol, "address": address, "error": str(error)}, indent=1))
        raise
    results: list[Result] = []
    headed = False
    if not arguments.json:
        what = "is ours: all is checked" if met.strict else "is not ours: what it was given cannot be checked"
        print(f"{protocol} at {address}; the application {what}", flush=True)
    for result in run_cases(met, cases):
        results.append(result)
        if not (arguments.json or (arguments.quiet and result.grade == PASS)):
            if not headed:
                print(f"\n{table.heading()}")
            headed = True
            print(table.row(result), flush=True)
    print(as_json(met, results, len(cases)) if arguments.json else f"\n{summary(results, len(cases))}")
    return int(len(results) < len(cases) or any(result.grade == FAIL for result in results))


def _bytes(name: str, value: str) -> tuple[bytes, bytes]:
    return os.fsencode(name), os.fsencode(value)

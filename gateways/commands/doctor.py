"""``gateways doctor``: find out why something does not work, and say what to do about it."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from gateways.commands.arguments import add_backend, backend_or_none, kind, secret
from gateways.doctor.apache.facts import read_once
from gateways.doctor.findings import ERROR, Finding
from gateways.doctor.report import as_json, as_line, summary, worst_first
from gateways.doctor.targets import Options, examine
from gateways.errors import ConfigError
from gateways.values import Duration

EPILOG = """\
WHAT is a script (.cgi, .fcgi), a directory with scripts and .htaccess, a configuration file or the error log of a web
server, the ADDR of a socket, or a URL. Each fault is one line: how bad it is, where, what, and what to type.
docs/reference/doctor.md explains the code at its end.

exit status:
  0  no error was found; there may be warnings
  1  errors were found
  2  the command line cannot be used, or one WHAT cannot be looked at; what was found in the others is printed
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of ``gateways doctor``."""
    parser.add_argument("what", metavar="WHAT", nargs="*", help="what does not work: see below")
    add_backend(parser, required=False)
    parser.add_argument("--user", metavar="NAME", help="the account of the web server (default: what is found here)")
    parser.add_argument(
        "--suexec", action="store_true", help="the web server starts scripts as their owner: suexec's rules are errors"
    )
    parser.add_argument(
        "--no-run", action="store_true", help="start no program and send no request, only look at the files"
    )
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        default=30.0,
        type=kind(Duration(0.001)),
        help="how long a program or a peer may be silent, such as 5s (default: 30s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG


def run(arguments: argparse.Namespace) -> int:
    """Print what was found; return the exit status."""
    refused: list[str] = []
    with _ended_in_order(), read_once():
        findings = worst_first(_examine(arguments, refused))
    if arguments.json and (findings or not refused):
        print(as_json(findings))
    elif not arguments.json:
        for finding in findings:
            print(as_line(finding))
    if refused:
        for reason in dict.fromkeys(refused):
            print(f"gateways: error: {reason}", file=sys.stderr)
        return ConfigError.exit_code
    if not arguments.json:
        print(f"gateways: {summary(findings)}", file=sys.stderr)
    return 1 if any(finding.severity == ERROR for finding in findings) else 0


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let signals end this as Ctrl-C does, so that a program that was started is not left behind."""

    def end(number: int, frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    # nohup asks for SIGHUP to be ignored.
    ours = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _examine(arguments: argparse.Namespace, refused: list[str]) -> Iterator[Finding]:
    """Yield what is found; why something cannot be examined is put into ``refused``."""
    protocol, address = backend_or_none(arguments)
    if not arguments.what and not address:
        raise ConfigError("nothing to look at: give a script, a directory, a configuration file, an address or a URL")

    def options(protocol: str | None) -> Options:
        return Options(
            user=arguments.user,
            protocol=protocol,
            timeout=arguments.timeout,
            run=not arguments.no_run,
            suexec=arguments.suexec,
            secret=secret(),
        )

    asked = [(what, options(None)) for what in arguments.what]
    if address:
        asked.append((address, options(protocol)))
    for what, of_it in asked:
        try:
            yield from examine(what, of_it)
        except ConfigError as error:
            refused.append(str(error))

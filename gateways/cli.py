"""The command ``gateways``: finds the command's module, and turns every error into one line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from gateways import __version__
from gateways.declared import nearest
from gateways.errors import ConfigError, GatewayError

#: Command: what the overview says of it. The module of that name in ``gateways.commands`` does the work.
COMMANDS = {
    "serve": "serve an application by FastCGI and SCGI",
    "get": "request a path from a backend, as a web server would",
    "front": "a small web server in front of a backend, for development",
}
_INTERRUPTED = 130  # as a shell says of a program that SIGINT ended


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and what was probably meant."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message} (see {self.prog} --help)")

    def parse_args(self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None):  # type: ignore[no-untyped-def,override]
        arguments, unknown = self.parse_known_args(args, namespace)
        if unknown:
            slip = nearest(unknown[0].partition("=")[0], self._option_string_actions)
            raise ConfigError(f"unknown argument {unknown[0]}" + (f"; did you mean {slip}?" if slip else ""))
        return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: that of the error, 130 for Ctrl-C, 0 when all went well."""
    try:
        return _run(sys.argv[1:] if argv is None else list(argv))
    except GatewayError as error:
        print(f"gateways: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if argv else ConfigError.exit_code
    if argv[0] in ("-V", "--version"):
        print(f"gateways {__version__}")
        return 0
    name = argv[0]
    if name not in COMMANDS:
        slip = nearest(name, COMMANDS)
        hint = f"did you mean {slip}?" if slip else f"there are {', '.join(COMMANDS)}"
        raise ConfigError(f"unknown command {name!r}: {hint}")
    command = importlib.import_module(f"gateways.commands.{name}")
    parser = _Parser(prog=f"gateways {name}", description=command.__doc__.partition("\n")[0], allow_abbrev=False)
    command.add_arguments(parser)
    code: int = command.run(parser.parse_args(argv[1:]))
    return code


def _overview() -> str:
    lines = ["usage: gateways COMMAND ...", "", "Run one WSGI application behind any web server.", ""]
    lines += [f"  {name:<8}{text}" for name, text in COMMANDS.items()]
    return "\n".join([*lines, "", "gateways COMMAND --help tells the rest; gateways --version the version."])

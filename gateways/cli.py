"""The command ``gateways``: finds the command's module, and turns every error into one line and an exit code."""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import sys
from collections.abc import Sequence
from typing import Callable, NoReturn

from gateways import __version__
from gateways.adapters import speedups
from gateways.declared import nearest
from gateways.errors import ConfigError, GatewayError

#: Command: what it does. The module of that name in ``gateways.commands`` does it, with ``_`` for a dash.
COMMANDS = {
    "serve": "serve an application behind a web server: FastCGI, SCGI, uwsgi, AJP13, HTTP",
    "check-config": "check the configuration file, and say everything that is wrong with it",
    "conf": "write the configuration of a web server or a service manager from one description",
    "init": "set up a site on a shared host: the script and .htaccess for an application",
    "doctor": "find out why a script, a configuration, a socket or a URL does not work, and what to do",
    "get": "request a page from a backend, as a web server would",
    "front": "a small web server in front of a backend, for development",
    "conform": "run protocol cases, hostile ones among them, against a backend, and print a table",
    "trace": "show what passes between a web server and a backend, record by record",
    "status": "show what a master and its workers are doing",
    "reload": "have a master load the application anew, and wait until the new workers serve",
    "reopen": "have a master open its log files anew, after they were renamed",
    "upgrade": "have a master replace itself by the program that is installed now",
    "stop": "have a master finish what is in hand, and end",
    "resident": "show and stop the processes that stay for CGI scripts",
}
#: Nobody reads any more, or a file system is full or broken.
_UNWRITABLE = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_INTERRUPTED = 130  # what a shell reports of a program that SIGINT ended


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, with what was probably meant."""

    #: Says what a flag of another program is called here, or "".
    explain_flag: Callable[[str], str] | None = None
    #: Whether flags may stand between the words of a command that takes any number of them.
    intermixed = False

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message} (see {self.prog} --help)")

    def parse(self, args: Sequence[str]) -> argparse.Namespace:
        # Before argparse complains that what was misspelt is missing. A flag's value cannot start with "--" either.
        flags = [arg.partition("=")[0] for arg in args[: args.index("--") if "--" in args else None]]
        unknown = [flag for flag in flags if flag.startswith("--") and flag not in self._option_string_actions]
        if not unknown:
            mixed = self.intermixed and "--" not in args
            arguments, unknown = self.parse_known_intermixed_args(args) if mixed else self.parse_known_args(args)
        if unknown:
            self.error(f"unknown argument {unknown[0]!r}{self._hint(unknown[0])}")
        return arguments

    def _hint(self, unknown: str) -> str:
        other = self.explain_flag(unknown) if self.explain_flag and unknown.startswith("-") else ""
        if other:
            return f": it is {other}"
        slip = nearest(unknown, self._option_string_actions) if unknown.startswith("-") else ""
        return f"; did you mean {slip}?" if slip else ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns the exit code: 0, that of the ``GatewayError``, 130 for Ctrl-C, 1 where nobody reads or the disk is full.
    """
    _let_all_be_printed()
    try:
        code = _run(sys.argv[1:] if argv is None else list(argv))
        _flush()  # what is still buffered fails here, and not when Python exits
        return code
    except GatewayError as error:
        print(f"gateways: error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        from gateways.commands.arguments import reader_is_gone  # a server need not load it

        reader_is_gone()
        if error.errno != errno.EPIPE:
            print(f"gateways: error: cannot write: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _let_all_be_printed() -> None:
    """Have a path that the terminal's encoding cannot say printed with escapes, as ``sys.stderr`` does by itself."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict" and not sys.stdout.closed:
        sys.stdout.reconfigure(errors="backslashreplace")


def _flush() -> None:
    if sys.stdout is not None and not sys.stdout.closed:  # an application may have closed it
        sys.stdout.flush()


def _run(argv: list[str]) -> int:
    name = argv[0] if argv else ""
    if name in ("-V", "--version"):
        print(f"gateways {__version__} ({speedups.describe()})")
        return 0
    if name in ("", "-h", "--help", "help"):
        print(_overview(), file=sys.stdout if name else sys.stderr)
        return 0 if name else ConfigError.exit_code
    if name not in COMMANDS:
        slip = nearest(name, COMMANDS)
        hint = f"did you mean {slip}?" if slip else f"there are {', '.join(COMMANDS)}"
        raise ConfigError(f"unknown command {name!r}; {hint} (see gateways --help)")
    parser = _Parser(prog=f"gateways {name}", description=_sentence(COMMANDS[name]), allow_abbrev=False)
    command = importlib.import_module(f"gateways.commands.{name.replace('-', '_')}")
    parser.explain_flag = getattr(command, "explain_flag", None)
    parser.intermixed = getattr(command, "INTERMIXED", False)
    command.add_arguments(parser)
    code: int = command.run(parser.parse(argv[1:]))
    return code


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _overview() -> str:
    width = max(map(len, COMMANDS)) + 2
    commands = "\n".join(f"  {name:<{width}}{text}" for name, text in COMMANDS.items())
    return f"""\
usage: gateways COMMAND ...

Run one WSGI application behind any web server.

commands:
{commands}

gateways COMMAND --help explains a command; gateways --version prints the version."""

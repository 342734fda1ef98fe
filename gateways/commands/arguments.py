"""What several commands share: flags for a backend or a master, values checked as settings are, a reader who leaves."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable

from gateways.client.transports import TRANSPORTS
from gateways.declared import variable_of
from gateways.errors import ConfigError
from gateways.values import Address, Kind, Secret

if TYPE_CHECKING:
    import signal

    from gateways.manager.place import Place


def kind(of: Kind) -> Callable[[str], Any]:
    """Return a ``type`` for argparse that reads a value as the settings do, and says what is allowed."""

    def read(text: str) -> Any:
        try:
            return of.read(text)
        except ValueError as error:
            reason = str(error) or f"{text!r} cannot be used: give {of.allowed}"
            raise argparse.ArgumentTypeError(reason) from None

    return read


def add_backend(
    parser: argparse.ArgumentParser, flags: Mapping[str, str] | None = None, *, required: bool = True
) -> None:
    """Declare ``--fastcgi`` and its like, one of which has to be given; ``flags`` has those with another name."""
    group = parser.add_mutually_exclusive_group(required=required)
    for protocol, transport in TRANSPORTS.items():
        group.add_argument(
            (flags or {}).get(protocol, f"--{protocol}"),
            dest=protocol,
            metavar="ADDR",
            type=kind(Address()),
            help=f"the backend speaks {transport.name} at this address",
        )


def backend(arguments: argparse.Namespace) -> tuple[str, str]:
    """Return protocol and address of the backend that was given."""
    return next((name, address) for name in TRANSPORTS for address in (getattr(arguments, name),) if address)


def backend_or_none(arguments: argparse.Namespace) -> tuple[str, str] | tuple[None, None]:
    """Return the same, where none has to be given."""
    return backend(arguments) if any(getattr(arguments, name) for name in TRANSPORTS) else (None, None)


def reader_is_gone() -> None:
    """Let standard output lead nowhere: its reader, such as head(1), has what it wants, or the disk is full.

    Python flushes at exit, and would complain once more.
    """
    if sys.stdout is None or sys.stdout.closed:
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def secret() -> str | None:
    """Return the secret for an AJP13 backend: an argument would be seen by everybody. Raises ``ConfigError``."""
    variable = variable_of("ajp_secret")
    try:
        return Secret().read(os.environ.get(variable) or None)  # type: ignore[return-value]
    except ValueError as error:
        raise ConfigError(f"environment variable {variable}: {error}") from None


MASTER_EXIT_STATUS = """\
exit status:
  0  done{0}
  1  {1}
  2  the command line cannot be used, or the master does not know what is asked of it
  5  no master can be reached, or it does not answer
"""


def add_master(parser: argparse.ArgumentParser, done: str, failed: str, pid_file: bool = True) -> None:
    """Declare the flags that say which master is meant, and explain the exit status."""
    parser.add_argument(
        "--control",
        metavar="PATH",
        help="the control socket of the master; default: GATEWAYS_CONTROL, or what the configuration file says",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="its configuration file; default: GATEWAYS_CONFIG, or gateways.toml in the working directory",
    )
    if pid_file:
        parser.add_argument(
            "--pid-file",
            metavar="FILE",
            help="where there is no control socket: send a signal to the process of this file, and do not wait",
        )
        parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = MASTER_EXIT_STATUS.format(done, failed)


def master(arguments: argparse.Namespace) -> Place:
    """Return where the master is that is meant. Raises ``ConfigError``."""
    from gateways.manager.place import Place, find  # get and front do without

    return find(Place(arguments.control, getattr(arguments, "pid_file", None)), arguments.config, os.environ)


def tell(
    arguments: argparse.Namespace, question: Mapping[str, Any], number: signal.Signals, done: str, failed: str
) -> int:
    """Have a master do something and print how it goes; return the exit status.

    ``done`` is printed when it was done, and ``failed`` before the reason when it was not.
    """
    from gateways.manager.controlclient import FailedError
    from gateways.manager.place import order

    def say(text: str) -> None:
        if not arguments.quiet:
            print(text, flush=True)

    try:
        if order(master(arguments), question, number, say):
            say(done)
    except FailedError as error:
        raise FailedError(f"{failed}: {error}") from None
    return 0

"""What ``gateways get`` and ``gateways front`` share: flags for a backend, and values checked as settings are."""

from __future__ import annotations

import argparse
from typing import Any, Callable

from gateways.values import Address, Kind


def kind(of: Kind) -> Callable[[str], Any]:
    """Return a ``type`` for argparse that reads a value as the settings do, and says what is allowed."""

    def read(text: str) -> Any:
        try:
            return of.read(text)
        except ValueError as error:
            reason = str(error) or f"{text!r} cannot be used: give {of.allowed}"
            raise argparse.ArgumentTypeError(reason) from None

    return read


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Declare ``--fastcgi`` and ``--scgi``, one of which has to be given."""
    group = parser.add_mutually_exclusive_group(required=True)
    for protocol, name in (("fastcgi", "FastCGI"), ("scgi", "SCGI")):
        group.add_argument(
            f"--{protocol}", metavar="ADDR", type=kind(Address()), help=f"the backend speaks {name} at this address"
        )


def backend(arguments: argparse.Namespace) -> tuple[str, str]:
    """Return protocol and address of the backend that was given."""
    return ("fastcgi", arguments.fastcgi) if arguments.fastcgi else ("scgi", arguments.scgi)

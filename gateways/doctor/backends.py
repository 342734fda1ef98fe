"""The addresses that a configuration file names: can the web server reach them, and do they speak its protocol?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Callable

from gateways.addresses import Address, parse_address
from gateways.doctor import asking, faults, sockets
from gateways.doctor.accounts import Account
from gateways.doctor.findings import ERROR, Finding
from gateways.doctor.speaking import names, spoken
from gateways.doctor.targets import Options
from gateways.errors import BackendTimeout, ConfigError, ConnectError

#: Seconds for each protocol that is tried.
TRIAL = 3.0


class Backends:
    """Examines each address once for each protocol, however often a file names it.

    ``account`` is the web server's, and ``units`` the names that its unit of systemd may have. Without ``options.run``
    nothing is looked at: the file may be meant for another machine.
    """

    def __init__(self, account: Account, options: Options, units: tuple[str, ...]) -> None:
        self.account = account
        self.options = options
        self._units = units
        self._done: set[tuple[str, str]] = set()

    def check(self, protocol: str, text: str, where: str, line: Callable[[str], str]) -> Iterator[Finding]:
        """Yield what is wrong with an address that is written as ``gateways`` writes it.

        ``protocol`` is what it will be spoken to in, or "" when that cannot be told. ``line`` makes what to write
        in the file for another protocol, or "" where the web server does not speak that.
        """
        if (protocol, text) in self._done:
            return
        self._done.add((protocol, text))
        try:
            address = parse_address(text)
        except ConfigError as error:
            yield faults.ADDRESS.found(where, str(error), "write an address that can be connected to")
            return
        if self.options.run:
            yield from self._look(address, where, protocol)
            yield from self._ask(protocol, address, where, line)

    def _look(self, address: Address, where: str, protocol: str) -> Iterator[Finding]:
        if address.kind == "unix":
            yield from sockets.look(address.path, self.account, where, protocol or "fastcgi", self._units)

    def _ask(self, protocol: str, address: Address, where: str, line: Callable[[str], str]) -> Iterator[Finding]:
        if address.kind == "unix" and not os.path.exists(address.path):
            return  # that has been said
        try:
            found = spoken(address, min(self.options.timeout, TRIAL), protocol or None)
        except ConnectError:
            # Talking to it once more says why; a port may be listened on at another address.
            options = replace(self.options, protocol=protocol or None)
            yield from sockets.examine_address(address, self.account, options, where, look_at_file=False)
            return
        except BackendTimeout:
            yield asking.silent(address, min(self.options.timeout, TRIAL), where)
            return
        if found is None:
            what = f"what listens at {address} speaks none of the known protocols"
            yield asking.UNKNOWN.found(where, what, "give the address of the application")
        elif protocol and found != protocol:
            what = f"{address} speaks {names(found)}, and is spoken to in {names(protocol)}"
            written = line(found)
            serve = f"gateways serve --{protocol} {address}"
            yield asking.OTHER.found(where, what, f"write: {written}; or {serve}" if written else serve, severity=ERROR)

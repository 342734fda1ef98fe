"""The addresses that a configuration file names: can the web server reach them, and do they speak its protocol?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable

from gateways.addresses import parse_address
from gateways.doctor import asking, faults, sockets
from gateways.doctor.accounts import Account
from gateways.doctor.findings import Finding
from gateways.doctor.speaking import names
from gateways.doctor.targets import Options
from gateways.errors import ConfigError

#: What says nothing where it is not known what is spoken: it may be TLS, which is no protocol of ours.
_NOT_SPOKEN = (asking.UNKNOWN.name, asking.SILENT.name)


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
        if not self.options.run:
            return
        seen = list(sockets.look_around(address, self.account, where, protocol or "fastcgi", self._units))
        yield from seen
        if not sockets.can_be_asked(seen):
            return
        found = asking.protocol_of(address, self.options, where, protocol or None)
        if isinstance(found, Finding):
            if protocol or found.code not in _NOT_SPOKEN:
                yield found
        elif protocol and found != protocol:
            what = f"{address} speaks {names(found)}, and is spoken to in {names(protocol)}"
            written = line(found)
            serve = f"gateways serve --{protocol} {address}"
            yield asking.OTHER.found(where, what, f"write: {written}; or {serve}" if written else serve)

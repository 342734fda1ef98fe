"""The PROXY protocol: what a proxy says in front of a connection's first byte about who is at its other end.

Both versions of HAProxy's specification (proxy-protocol.txt): a line of text (section 2.1), and the binary form
(section 2.2), whose TLVs are skipped. Which one comes is seen by its first bytes; whether one comes is a matter of
configuration, because whoever could choose would be whoever he likes (section 5).
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple, Optional

from gateways.errors import ProtocolError

_LINE = b"PROXY "
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
#: The longest line, with its end (section 2.1).
MAX_LINE = 107
#: The longest binary header. Addresses take 216 bytes at most, and certificates' names in TLVs some hundred more.
MAX_HEADER = 4096
_FIXED = 16  # the part of a binary header that says how long the rest is
#: By family and transport (section 2.2): how long both addresses and ports are together. Only the addresses of TCP tell
#: anything here; of the others it is known that they are valid.
_TCP4, _TCP6 = 0x11, 0x21
_LENGTHS = {0x00: 0, _TCP4: 12, 0x12: 12, _TCP6: 36, 0x22: 36, 0x31: 216, 0x32: 216}
_LOCAL, _PROXY = 0x20, 0x21


class Addresses(NamedTuple):
    """Both ends of the connection to the proxy: the client's, and the one that it connected to."""

    client: str
    client_port: int
    server: str
    server_port: int


class Header(NamedTuple):
    """``local``: the proxy connects for itself, as for a health check. ``addresses`` is None when it does not tell."""

    local: bool
    addresses: Optional[Addresses]  # noqa: UP045 - evaluated at run time by Python 3.9


class ProxyReader:
    """Reads one header. ``receive_data`` takes bytes, ``next_event`` gives the ``Header`` when it is in.

    ``rest`` is what followed it. What waits for it is one read and ``MAX_HEADER`` bytes at most.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self.rest = b""

    @property
    def begun(self) -> bool:
        """True when something of the header has come."""
        return bool(self._buffer)

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the proxy."""
        self._buffer += data

    def next_event(self) -> Header | None:
        """Return the header; None when more bytes are needed. Raises ``ProtocolError``."""
        buffer = self._buffer
        if buffer.startswith(_SIGNATURE):
            return self._read_binary(buffer)
        if buffer.startswith(_LINE):
            return self._read_line(buffer)
        if _SIGNATURE.startswith(buffer) or _LINE.startswith(buffer):
            return None
        raise ProtocolError(f"{buffer[:16]!a} is no PROXY header; let the proxy send one (send-proxy, send-proxy-v2)")

    def _read_line(self, buffer: bytes) -> Header | None:
        end = buffer.find(b"\r\n", 0, MAX_LINE)
        if end < 0:
            if len(buffer) >= MAX_LINE:
                raise ProtocolError(f"the PROXY line is longer than {MAX_LINE} bytes")
            return None
        self.rest = buffer[end + 2 :]
        words = buffer[:end].split(b" ")
        if words[1] == b"UNKNOWN":  # whatever follows
            return Header(False, None)
        if words[1] not in (b"TCP4", b"TCP6") or len(words) != 6:
            raise _wrong_line(buffer[:end])
        try:
            version = 4 if words[1] == b"TCP4" else 6
            client, server = _read_address(words[2], version), _read_address(words[3], version)
            return Header(False, Addresses(client, _read_port(words[4]), server, _read_port(words[5])))
        except ValueError:
            raise _wrong_line(buffer[:end]) from None

    def _read_binary(self, buffer: bytes) -> Header | None:
        if len(buffer) < _FIXED:
            return None
        command, family = buffer[12], buffer[13]
        end = _FIXED + int.from_bytes(buffer[14:_FIXED], "big")
        if command not in (_LOCAL, _PROXY):
            raise ProtocolError(f"PROXY header with version and command 0x{command:02x}")
        if end > MAX_HEADER:
            raise ProtocolError(f"PROXY header of {end} bytes, more than {MAX_HEADER}")
        if command == _PROXY:
            if family not in _LENGTHS:
                raise ProtocolError(f"PROXY header with family and transport 0x{family:02x}")
            if end - _FIXED < _LENGTHS[family]:
                raise ProtocolError(f"PROXY header with {end - _FIXED} bytes of {_LENGTHS[family]} for its addresses")
        if len(buffer) < end:
            return None
        self.rest = buffer[end:]
        if command == _LOCAL:  # the family may be anything, and is to be ignored
            return Header(True, None)
        if family not in (_TCP4, _TCP6):
            return Header(False, None)
        size = 4 if family == _TCP4 else 16
        block = buffer[_FIXED : _FIXED + _LENGTHS[family]]
        ports = block[2 * size :]
        return Header(
            False,
            Addresses(
                _name(ipaddress.ip_address(block[:size])),
                int.from_bytes(ports[:2], "big"),
                _name(ipaddress.ip_address(block[size : 2 * size])),
                int.from_bytes(ports[2:], "big"),
            ),
        )


def _read_address(word: bytes, version: int) -> str:
    """Return an address in its usual spelling. Raises ``ValueError``."""
    address = ipaddress.ip_address(word.decode("ascii"))
    if address.version != version or b"%" in word:
        raise ValueError
    return _name(address)


def _name(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Write an address; one of IPv4 that comes as IPv6, because the other end is of IPv6, as what it is."""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _read_port(word: bytes) -> int:
    """Return a port. Raises ``ValueError``."""
    if not word.isdigit() or len(word) > 5 or (len(word) > 1 and word.startswith(b"0")) or int(word) > 65535:
        raise ValueError
    return int(word)


def _wrong_line(line: bytes) -> ProtocolError:
    return ProtocolError(f"{line!a} is no PROXY line")

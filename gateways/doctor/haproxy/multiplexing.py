"""Several requests at a time on a connection: does the backend take them, and how many?"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from time import monotonic

from gateways.adapters.fastcgi import records as fcgi
from gateways.addresses import connect, parse_address
from gateways.doctor.findings import WARNING, Finding, declare
from gateways.doctor.haproxy.syntax import Section
from gateways.doctor.targets import Options
from gateways.errors import GatewayError

MULTIPLEX = declare(
    "multiplex-unsupported",
    WARNING,
    "Several requests come at a time on a connection, and the backend takes them one by one: each waits for the one "
    "before, or fails.",
)

_NAMES = (b"FCGI_MPXS_CONNS", b"FCGI_MAX_REQS")
#: Bytes of an answer with two values, and more than that.
_MOST = 512


def examine(application: Section, address: str, options: Options) -> Iterator[Finding]:
    """Yield that the backend at ``address`` does not take what the application's section sends."""
    wanted = application.setting("option", "mpxs-conns")
    if wanted is None or not wanted.asked:
        return
    number = application.setting("option", "max-reqs")
    most = number.word(2) if number is not None else "1"
    values = _values(address, options.timeout)
    if values.get(b"FCGI_MPXS_CONNS") == b"0" and most != "1":
        what = f"{address} says that it takes one request at a time on a connection (FCGI_MPXS_CONNS is 0)"
        yield MULTIPLEX.found(wanted.where, what, f"gateways serve --fcgi-multiplex {most}, or leave mpxs-conns out")


def _values(address: str, timeout: float) -> dict[bytes, bytes]:
    """Return what a backend answers to GET_VALUES (FastCGI 1.0, section 4.1); nothing if it does not know that."""
    data = b""
    end = monotonic() + timeout
    try:
        with connect(parse_address(address), timeout) as sock:
            sock.sendall(fcgi.record(fcgi.GET_VALUES, 0, fcgi.encode_pairs((name, b"") for name in _NAMES)))
            while len(data) < fcgi.HEADER_LENGTH or len(data) < fcgi.measure(bytearray(data)):
                sock.settimeout(max(0.001, end - monotonic()))
                block = sock.recv(_MOST)
                data += block
                if not block or len(data) > _MOST:
                    return {}
        _, kind, _, length, _ = fcgi.HEADER.unpack(data[: fcgi.HEADER_LENGTH])
        content = data[fcgi.HEADER_LENGTH : fcgi.HEADER_LENGTH + length]
        return dict(fcgi.decode_pairs(content)) if kind == fcgi.GET_VALUES_RESULT else {}
    except (OSError, GatewayError, socket.timeout):
        return {}

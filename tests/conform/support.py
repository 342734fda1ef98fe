"""Backends to run the cases against: ours in a thread, and one that does what no backend should."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from struct import pack

from gateways.addresses import parse_address
from gateways.conform.case import Fair
from gateways.conform.echo import application
from gateways.conform.runner import Result, cases_of, meet, run_cases
from tests.live.sandbox import free_port
from tests.support import wire
from tests.support.backends import Peer, parse_pairs, scripted
from tests.support.serving import PATIENCE, Served, serving


def results(
    protocol: str, address: str, *numbers: str, secret: str | None = None, timeout: float = PATIENCE
) -> dict[str, Result]:
    """Run cases and return the results by their numbers."""
    fair = Fair(secret=secret)
    backend = meet(protocol, parse_address(address), fair, timeout)
    return {result.case.number: result for result in run_cases(backend, cases_of(protocol, fair, numbers))}


@contextlib.contextmanager
def ours(protocol: str, tcp: bool = False, **settings: object) -> Iterator[str]:
    """Serve the echo application, and give the address."""
    with serving(application, protocol, tcp=tcp, **settings) as served:
        yield address_of(served)
        if settings:
            served.stop()  # the request that ``serving`` makes would not know the secret


def address_of(served: Served) -> str:
    """Return the address as it is written."""
    if isinstance(served.address, str):
        return f"unix:{served.address}"
    return f"127.0.0.1:{served.address[1]}"


def sloppy(peer: Peer) -> None:
    """Serve FastCGI as if nobody were hostile: any version, any id, variables of any time, no refusal."""
    keep, asked = True, 0
    params: list[bytes] = []
    body = b""
    with contextlib.suppress(EOFError, ConnectionError, AssertionError, IndexError):
        while keep:
            head = peer._exactly(8)
            content = peer._exactly(head[4] * 256 + head[5])
            peer._exactly(head[6])
            if head[1] == wire.BEGIN:
                asked = content[2]
            elif head[1] == wire.PARAMS:
                params.append(content)
            elif head[1] == wire.STDIN and content:
                body += content
            elif head[1] == wire.STDIN:
                variables = dict(parse_pairs(b"".join(params)))
                environ = {name.decode("latin-1"): value.decode("latin-1") for name, value in variables.items()}
                number = head[2] * 256 + head[3]
                text = _echo(environ, body)
                peer.send(wire.stream(wire.STDOUT, number, text), wire.record(wire.END, number, pack(">IB3x", 0, 0)))
                params, body, keep = [], b"", bool(asked)


def _echo(environ: dict[str, str], body: bytes) -> bytes:
    class Body:
        def read(self, size: int) -> bytes:
            return body

    head: list[tuple[str, str]] = []
    [text] = application({**environ, "wsgi.input": Body()}, lambda status, headers: head.extend(headers))
    return b"".join([f"{name}: {value}\r\n".encode() for name, value in head]) + b"\r\n" + text


@contextlib.contextmanager
def broken() -> Iterator[str]:
    """Run the sloppy backend, and give its address."""
    with scripted(sloppy) as backend:
        yield backend.address


def nobody() -> str:
    """Return an address at which nobody listens."""
    return f"127.0.0.1:{free_port()}"

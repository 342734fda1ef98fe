"""Where the time of a request goes, step by step, in one process without a web server.

The C part serves requests on a socket pair. Each step is timed alone, so that the sum can be compared with the whole:

    python -m tests.bench.stages
"""

from __future__ import annotations

import socket
import statistics
import sys
import tempfile
import time
from typing import Any, Callable, cast

from gateways.adapters import speedups
from gateways.adapters.fastcgi.records import decode_pairs, encode_pairs
from gateways.addresses import parse_address
from gateways.core.environ import EnvironBuilder
from gateways.core.paths import repair
from gateways.server.connection import Connection
from gateways.server.listeners import open_listeners
from gateways.server.worker import Server
from gateways.settings import Settings
from tests.bench.apps.hello import application
from tests.bench.direct import REQUEST
from tests.support.serving import RecordingLog

ROUNDS, CALLS = 7, 20_000
BLOCK = REQUEST[24 : 24 + int.from_bytes(REQUEST[20:22], "big")]


def time_of(call: Callable[[], object]) -> float:
    """Return the median processor time of ``call``, in µs."""
    rounds = []
    for _ in range(ROUNDS):
        before = time.thread_time_ns()
        for _ in range(CALLS):
            call()
        rounds.append((time.thread_time_ns() - before) / CALLS / 1000)
    return statistics.median(rounds)


def changed(index: int, value: bytes) -> bytes:
    """The header block with another value for one variable."""
    pairs = decode_pairs(BLOCK)
    pairs[index] = (pairs[index][0], value)
    return encode_pairs(pairs)


def twin(builder: EnvironBuilder) -> Any:
    """The C twin of ``builder``."""
    if speedups.module is None:
        sys.exit(f"there is nothing to measure: {speedups.describe()}")
    return speedups.module.Environs({}, {"FCGI_ROLE": "RESPONDER", **builder.fixed}, builder.names, repair, None)


def environ_steps() -> dict[str, float]:
    """The header block into an environ, in C and in Python."""
    builder = EnvironBuilder(multithread=False, multiprocess=False, delimited=True)
    environs = twin(builder)
    ports = [changed(13, b"%d" % port) for port in range(40000, 40008)]
    orders = [encode_pairs(decode_pairs(BLOCK)[at:] + decode_pairs(BLOCK)[:at]) for at in range(19)]
    last = iter(range(10**9))
    return {
        "environ: as the one before": time_of(lambda: environs.fastcgi(BLOCK)),
        "environ: another port": time_of(lambda: environs.fastcgi(ports[next(last) & 7])),
        "environ: an order of names not seen lately": time_of(lambda: environs.fastcgi(orders[next(last) % 19])),
        "environ: in Python": time_of(lambda: builder.build(decode_pairs(BLOCK))),
    }


def request_steps() -> dict[str, float]:
    """A request on a kept connection: the client's and the server's system calls alone, and with all between them."""
    ours, theirs = socket.socketpair()
    answer = b"x" * 120  # a response of hello world
    with ours, theirs:

        def exchange() -> None:
            theirs.send(REQUEST)
            ours.recv(65536, socket.MSG_DONTWAIT)
            ours.send(answer, socket.MSG_DONTWAIT)
            theirs.recv(65536)

        steps = {"request and response: two sends, two recvs and nothing else": time_of(exchange)}
    with tempfile.TemporaryDirectory() as directory:
        listeners = open_listeners("fastcgi", parse_address(f"unix:{directory}/socket"))
        server = Server(application, listeners, Settings(threads=1), cast(Any, RecordingLog()))
        steps["the same, served in C between them"] = served(server, listeners[0].fast_path)
        steps["the same, served in Python between them"] = served(server, None)
        server.stop()
        server.run()
    steps["of that the application, with a start_response that does nothing"] = time_of(
        lambda: application({}, lambda status, headers: None)
    )
    return steps


def served(server: Server, fast_path: Any) -> float:
    """The time of a request that ``server`` serves on a socket pair."""
    ours, theirs = socket.socketpair()
    connection = Connection()
    connection.fd = ours.fileno()
    connection.open(server, server.new_protocol("fastcgi"), ours, "a pair")
    if fast_path is not None:
        fast_path.attach(connection)
    server.watch(connection)

    def ask() -> None:
        theirs.send(REQUEST)
        connection.on_readable()
        theirs.recv(65536)

    with theirs:
        spent = time_of(ask)
        connection.close()
    return spent


def main() -> None:
    """Measure and print."""
    print("| step | µs of processor |\n|---|---|")
    for name, spent in {**request_steps(), **environ_steps()}.items():
        print(f"| {name} | {spent:.2f} |")


if __name__ == "__main__":
    main()

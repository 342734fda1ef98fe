"""Run a small web server in front of a backend of any protocol, for development."""

from __future__ import annotations

import argparse
import ipaddress
import os
import signal
import sys
from types import FrameType

from gateways.commands.arguments import add_backend, backend, kind, secret
from gateways.front import Front
from gateways.values import Address, Duration, MountPath, Size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of ``gateways front``."""
    add_backend(parser, {"http": "--http-backend"})
    parser.add_argument(
        "--http",
        dest="listen",
        metavar="HOST:PORT",
        default="127.0.0.1:8000",
        type=kind(Address()),
        help="where to listen (default: 127.0.0.1:8000); port 0 takes a free one",
    )
    parser.add_argument(
        "--script-name",
        metavar="PATH",
        default="",
        type=kind(MountPath()),
        help="mount the application at this path, such as /app",
    )
    parser.add_argument("--quiet", action="store_true", help="print only what goes wrong, not a line for each request")
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        default=60.0,
        type=kind(Duration(0.001)),
        help="how long the backend may be silent (default: 60s); then the answer is 504",
    )
    parser.add_argument(
        "--max-body",
        metavar="SIZE",
        default=1 << 30,
        type=kind(Size(0, 1 << 50)),
        help="largest request body (default: 1G); more is answered with 413",
    )
    parser.epilog = (
        "For development: there is no TLS, no static files and one thread for each connection. "
        "In production use nginx, Apache or lighttpd."
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM. A second one of them ends the process at once."""
    protocol, address = backend(arguments)
    front = Front(
        arguments.listen,
        protocol,
        address,
        script_name=os.fsencode(arguments.script_name).decode("latin-1"),
        quiet=arguments.quiet,
        timeout=arguments.timeout,
        max_body=arguments.max_body,
        secret=secret(),
    )

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        front.shutdown()

    with front:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        print(f"gateways front: {front.url} from {protocol} {front.client.address}, for development", file=sys.stderr)
        if not ipaddress.ip_address(front.address[0]).is_loopback:
            print("gateways front: other machines can reach this address; it is not meant for them", file=sys.stderr)
        front.serve_forever()
    return 0

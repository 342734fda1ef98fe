"""A million requests, every way through the C part and out of it, and how much memory the process grows by.

Prints a line for each tenth. Exits with 1 when an answer was wrong, or when the process has grown by more than a
mebibyte since the first fifth.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from gateways.adapters import speedups
from tests.support import wire
from tests.support.program import Program, running

GROWTH = 1 << 20
#: How many of a hundred requests go which way. "/new" is a connection of its own, "/post" has a body.
WAYS = {
    "/list": 55,
    "/new": 10,
    "/write": 5,
    "/iterate": 5,
    "/log": 5,
    "/keep": 5,
    "/cycle": 5,
    "/raise": 5,
    "/post": 5,
}


def request(path: str, number: int) -> bytes:
    """Write a request; the header that changes makes new values, and every tenth time a new name."""
    given = {b"PATH_INFO": path.encode(), b"REQUEST_URI": path.encode()}
    variables = [(name, given.get(name, value)) for name, value in wire.GET]
    name = b"HTTP_X_%d" % (number // 10 % 3000) if number % 10 == 0 else b"HTTP_X_NUMBER"
    variables.append((name, b"%d" % number))
    body = b""
    if path == "/post":
        body = b"x" * 100
        variables.append((b"CONTENT_LENGTH", b"100"))
    return wire.request(variables, body, keep=path != "/new")


def resident(program: Program) -> int:
    """Return the memory that the server has in use, in bytes."""
    pages = Path(f"/proc/{program.process.pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def ask(program: Program, count: int, first: int) -> None:
    """Make ``count`` requests, and check the answers."""
    ways = [path for path, share in WAYS.items() for _ in range(share)]
    with program.connect() as sock:
        reader = wire.RecordReader(sock)
        for number in range(first, first + count):
            path = ways[number * 37 % len(ways)]  # 37: every way comes, in another order than the list's
            if path == "/new":
                with program.connect() as other:
                    other.sendall(request(path, number))
                    answer = wire.answer(wire.parse_records(wire.receive_all(other)))
            else:
                sock.sendall(request(path, number))
                answer = reader.answer()
            expected = "500 Internal Server Error" if path == "/raise" else "200 OK"
            if answer.status != expected:
                sys.exit(f"request {number}, {path}: {answer}")


def main() -> int:
    """Run; return the exit code."""
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000, help="default: 1000000")
    parser.add_argument("--threads", default="8", help="of the server (default: 8)")
    args = parser.parse_args()
    print(f"gateways {speedups.describe()}, {args.threads} threads, {args.requests} requests")
    sizes: list[int] = []
    with tempfile.TemporaryDirectory(prefix="gateways-soak-") as directory:
        application = Path(__file__).with_name("soak_app.py")
        with running(Path(directory), "--threads", args.threads, application=application) as program:
            for tenth in range(10):
                ask(program, args.requests // 10, tenth * args.requests // 10)
                sizes.append(resident(program))
                print(f"{(tenth + 1) * 10:3} %: {sizes[-1] / 1024:.0f} KiB", flush=True)
    growth = max(sizes[2:]) - sizes[1]
    print(f"grown by {growth / 1024:.0f} KiB since 20 %")
    return int(growth > GROWTH)


if __name__ == "__main__":
    sys.exit(main())

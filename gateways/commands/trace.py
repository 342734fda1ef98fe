"""Relay between a web server and a backend, and show the records, packets and heads that pass."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from contextlib import ExitStack
from types import FrameType

from gateways.addresses import Address as ParsedAddress
from gateways.addresses import check_connectable, parse_address
from gateways.commands.arguments import add_backend, backend_or_none, kind
from gateways.errors import ConfigError
from gateways.server.listeners import open_listeners
from gateways.trace.capture import Writer
from gateways.trace.output import Output
from gateways.trace.printing import Printer, Style
from gateways.trace.replay import replay
from gateways.trace.takeover import TakeOver
from gateways.trace.tracer import PATIENCE, Tracer
from gateways.values import Address, Size

EPILOG = """\
Point the web server at the address of --listen, or have the trace take the place of a Unix socket by --take-over: the
web server notices nothing. Ctrl-C ends it: requests in hand are finished, and the socket is put back.

Passwords, cookies and tokens are shown as ****, as far as they are known by their names; bodies only by how they begin.
A file of --write has everything.

exit status:
  0  ended as asked, all requests in hand were finished
  1  requests were broken off, or what is shown could not be written
  2  the command line, or the file of --read, cannot be used
  4  the address of --listen cannot be listened on, or the socket not be taken over
"""


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of ``gateways trace``."""
    add_backend(parser, required=False)
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--listen", metavar="ADDR", type=kind(Address()), help="where the web server connects instead")
    place.add_argument("--take-over", action="store_true", help="take the place of the backend's Unix socket meanwhile")
    place.add_argument("--read", metavar="FILE", help="decode captures of this file, and relay nothing")
    parser.add_argument("--write", metavar="FILE", help="write all bytes to this new file as well, for --read")
    parser.add_argument("--json", action="store_true", help="print a JSON document on a line for each item")
    parser.add_argument("--secrets", action="store_true", help="show passwords, cookies and tokens, too")
    parser.add_argument(
        "--body",
        metavar="SIZE",
        default=80,
        type=kind(Size(0, 65536)),
        help="how much of a body to show, where it begins (default: 80 bytes)",
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG


def run(arguments: argparse.Namespace) -> int:
    """Trace until a signal comes, or decode a file; return the exit status."""
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    printer = Printer(Style(arguments.secrets, colours, arguments.json, arguments.body))
    protocol, address = backend_or_none(arguments)
    if arguments.read is not None:
        if protocol or arguments.write:
            raise ConfigError("--read decodes a file: it goes without a backend and without --write")
        return _read(arguments.read, printer)
    if protocol is None or address is None:
        raise ConfigError("which backend? Give --fastcgi ADDR, --scgi ADDR or their like, or --read FILE")
    if not (arguments.listen or arguments.take_over):
        raise ConfigError(
            "where does the web server connect? Give --listen ADDR and point it there, or --take-over for a Unix socket"
        )
    parsed = parse_address(address)
    check_connectable(parsed)
    return _trace(arguments, protocol, parsed, printer)


def _read(path: str, printer: Printer) -> int:
    empty = True
    for line in replay(path, printer):
        empty = False
        print(line)
    if empty:
        print(f"gateways trace: {path}: no captures in it", file=sys.stderr)
    return 0


def _trace(arguments: argparse.Namespace, protocol: str, address: ParsedAddress, printer: Printer) -> int:
    with ExitStack() as stack:
        # Until it is known how to undo what is done here, a signal waits.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        stack.callback(signal.pthread_sigmask, signal.SIG_SETMASK, mask)
        with ExitStack() as failed:  # a start that fails leaves no file, which the next would not overwrite
            writer = Writer(arguments.write) if arguments.write else None
            if writer is not None:
                stack.callback(writer.close)
                failed.callback(writer.remove)
            place = TakeOver(address) if arguments.take_over else _Beside(arguments.listen, address)
            stack.callback(_release, place)
            output = Output(printer, _print, writer)
            tracer = Tracer(place.sock, protocol, place.backend, output)
            failed.pop_all()

        def stop(number: int, frame: FrameType | None) -> None:
            signal.signal(number, signal.SIG_DFL)
            tracer.stop()

        for number in _SIGNALS:
            stack.callback(signal.signal, number, signal.signal(number, stop))
        if arguments.take_over:  # Ctrl-Z would stop the site
            stack.callback(signal.signal, signal.SIGTSTP, signal.signal(signal.SIGTSTP, signal.SIG_IGN))
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            where = f"{protocol} on {place.where}, passed on to {place.backend}"
            print(f"gateways trace: {where}", file=sys.stderr, flush=True)
            tracer.run()
        finally:
            problem = place.put_back()
            broken = tracer.finish(PATIENCE)
            place.release()  # only now: those in the backlog were still passed on to it
            unseen = output.close()
    _say(problem)
    if broken:
        print(f"gateways trace: {broken} connections were broken off", file=sys.stderr)
    if unseen:
        print(f"gateways trace: {unseen} items were not shown: nobody reads them", file=sys.stderr)
    if isinstance(output.failed, BrokenPipeError):
        raise output.failed
    if output.failed is not None:
        print(f"gateways trace: cannot write what passes: {output.failed.strerror}", file=sys.stderr)
    return int(bool(broken or unseen or output.failed))


def _release(place: TakeOver | _Beside) -> None:
    """Leave the place of a trace that did not begin."""
    _say(place.release())


def _say(problem: str) -> None:
    if problem:
        print(f"gateways trace: {problem}", file=sys.stderr)


class _Beside:
    """A place of its own for the trace: a Unix socket is for whoever may connect to the backend's."""

    def __init__(self, asked: str, backend: ParsedAddress) -> None:
        """Listen. Raises ``ConfigError`` and ``BindError``."""
        mode, owner, group = 0o666, None, None
        if backend.kind == "unix":
            try:
                found = os.stat(backend.path)
            except OSError:
                pass  # it may come later
            else:
                mode, owner, group = found.st_mode & 0o777, str(found.st_uid), str(found.st_gid)
        wanted = parse_address(asked)
        if _same(wanted, backend):
            raise ConfigError(
                f"--listen {wanted} is where the backend is; listen on another address, or use --take-over"
            )
        if wanted.kind == "tcp" and not (wanted.host.startswith("127.") or wanted.host in ("::1", "localhost")):
            raise ConfigError(
                f"--listen {wanted}: a trace is for this machine; listen on 127.0.0.1 or on a Unix socket"
            )
        [self._listener] = open_listeners(
            "fastcgi",  # whatever is spoken: of that, a relay of bytes needs no more than the address
            wanted,
            socket_mode=mode,
            socket_owner=owner if os.geteuid() == 0 else None,
            socket_group=group if os.geteuid() == 0 else None,
            environ={},
        )
        self.sock = self._listener.sock
        self.where = str(self._listener.address)
        self.backend = backend

    def put_back(self) -> str:
        """Remove the file of the socket, so that nobody connects any more."""
        self._listener.remove_file()
        return ""

    def release(self) -> str:
        """Close the socket."""
        self._listener.close()
        return ""


def _same(one: ParsedAddress, other: ParsedAddress) -> bool:
    """Return whether a trace that listens on ``one`` would be its own backend."""
    if one.kind == other.kind == "unix":
        return os.path.realpath(one.path) == os.path.realpath(other.path)
    if one.kind == other.kind == "tcp":
        hosts = [address.host.replace("localhost", "127.0.0.1") for address in (one, other)]
        return one.port == other.port and hosts[0] == hosts[1]
    return one == other


def _print(text: str) -> None:
    """Write to standard output past Python's buffer, whose lock a write that never ends would hold at exit."""
    view = memoryview(text.encode(sys.stdout.encoding or "utf-8", "backslashreplace"))
    while view:
        view = view[os.write(sys.stdout.fileno(), view) :]

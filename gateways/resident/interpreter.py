"""``gateways-cgi`` in Python: the interpreter of a CGI script whose process stays.

The program in C does the usual request by itself and becomes this for all else. Where there was no compiler this does
everything, so it imports what a request needs and no more.
"""

from __future__ import annotations

import os
import sys

from gateways.adapters.standardstreams import complete_standard_streams
from gateways.resident import place, relay

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Sequence

_USAGE = "gateways-cgi is the interpreter of a CGI script: let its first line be #! and the whole path of gateways-cgi"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the CGI request that this process was started for; return the exit status.

    ``arguments`` are the script and what follows it, by default those of the command line.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if not words or words[0].startswith("-"):
        print(f"gateways: error: {_USAGE}", file=sys.stderr)
        return 2
    script = words[0]
    if "REQUEST_METHOD" not in os.environ:
        return _become(script, words[1:])  # a person, who wants to see what the script does
    complete_standard_streams()
    return _serve(script)


def _serve(script: str, again: bool = False) -> int:
    """Have the script's process serve the request; return the exit status."""
    try:
        sock = _connection(script)
    except place.BusyError:
        relay.say(f"{script}: its process has taken no request for {place.PATIENCE // 1000} s")
        relay.answer("503 Service Unavailable", "The application is busy. Try again later.")
        return 1
    if sock is None:
        # What a query without "=" leaves on the command line is the client's (CVE-2012-1823).
        return _become(script, [])
    status = relay.serve(sock, script, again)
    return _serve(script, again=True) if status is None else status


def _connection(script: str) -> _socket.socket | None:
    """Return a connection to the script's process, started if need be; None where it cannot be."""
    name = place.socket_name(script, sys.argv[0])  # processes belong to a script, and to where this program is
    found = place.find()
    if found is not None:
        try:
            sock = found.connect(name)
        finally:
            found.close()
        if sock is not None:
            return sock
    from gateways.resident.starting import Unavailable, start

    try:
        return start(script, name)
    except Unavailable as error:
        relay.say(f"{script}: no process can stay for it: {error}; served as plain CGI")
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        relay.say(f"{script}: no process can stay for it: {error.strerror}{where}; served as plain CGI")
    return None


def _become(script: str, arguments: Sequence[str]) -> int:
    """Run the script in the place of this program, as Python does. Returns when that is impossible."""
    sys.stdout.flush()
    try:
        os.execv(sys.executable, [sys.executable, script, *arguments])
    except OSError as error:
        relay.say(f"{script}: cannot execute {sys.executable}: {error.strerror}")
    return relay.fail() if "REQUEST_METHOD" in os.environ else 1

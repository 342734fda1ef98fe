"""The descriptors 0 to 2 of a process that a web server has started. A CGI script pays for what this imports."""

from __future__ import annotations

import os
import stat
import sys

_READ_SIZE = 65536


def complete_standard_streams() -> None:
    """Open /dev/null on each of the descriptors 0 to 2 that is closed (FastCGI 1.0, section 2.2, allows it).

    Otherwise the next connection would get number 1 or 2, and what a library prints would be sent to its peer.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            fd = os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
            os.set_inheritable(fd, True)
            if getattr(sys, name) is None:
                setattr(sys, name, os.fdopen(fd, "r" if number == 0 else "w", closefd=False))


def leave_body(stdin: int) -> None:
    """Let the web server know that the rest of the body on a descriptor will not be read. A socket is closed then.

    mod_cgid gives a script one socket for both directions. Closed with unread bytes in it, that socket is reset,
    and Apache loses the response: so it is ended first, and then emptied of what it holds.
    """
    import _socket

    try:
        if not stat.S_ISSOCK(os.fstat(stdin).st_mode):
            return
        sock = _socket.socket(fileno=stdin)
        try:
            sock.shutdown(_socket.SHUT_RD)
            while sock.recv(_READ_SIZE):
                pass
        finally:
            sock.close()
    except OSError:
        pass  # the web server has closed it: nobody waits for the response

"""How was this process started, and is the web server that started it still there?

What real programs leave for a process they start (measured; Debian 12):

=======================  =====================  ===================  ====================  =======================
..                       mod_fcgid 2.3.9        lighttpd 1.4.69      spawn-fcgi 1.6.4      cgi-fcgi -start (2.4.2)
=======================  =====================  ===================  ====================  =======================
descriptor 0             listening              listening            listening             listening
descriptors 1 and 2      error log              /dev/null, errors    /dev/null             closed
session leader           no                     no                   yes (setsid)          no
parent                   the process manager    lighttpd             exits after 0.1 s     exits after the answer
variables added          none                   PHP_FCGI_CHILDREN    none                  none
=======================  =====================  ===================  ====================  =======================

``spawn-fcgi -n`` becomes the program itself: its parent is the shell or the supervisor that runs it.

A parent that is gone means that the web server was killed, if it is one that would have stayed. spawn-fcgi and
systemd make a session of their own for what they start, and what it starts lives without them. cgi-fcgi closes
descriptors 1 and 2, as FastCGI 1.0, section 2.2, has it, and no web server seen does. So the parent is watched, unless
one of these two facts speaks against it.

It matters to notice at once: a lighttpd that is started again finds the old process alive on its socket, uses it and
starts none of its own. When that process ends afterwards, lighttpd answers 503 until someone restarts it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from gateways.errors import ConfigError
from gateways.server.inherited import passed_count, why_not_listening, why_not_passed
from gateways.server.origin import origin
from gateways.server.transports import TRANSPORTS

#: Taken down at once: the web server may be killed while the application is being imported.
_PID, _PARENT = os.getpid(), os.getppid()
if origin.parent is not None:  # this program has taken the place of another, and the parent may have ended since then
    _PARENT = origin.parent


@dataclass(frozen=True)
class Start:
    """How this process was started.

    ``kind``       ``fastcgi``, ``scgi``, …: by a web server or spawner, with a listening socket on descriptor 0;
                   ``systemd``: with sockets in LISTEN_FDS; ``cgi``: for one request; ``terminal``: none of these
    ``protocol``   ``fastcgi``, ``scgi``, … where there is a listening socket, else ""
    ``addresses``  what to listen on, as texts for ``parse_address``
    ``reason``     the facts that decided, for a person
    """

    kind: str
    protocol: str
    addresses: tuple[str, ...]
    reason: str


def detect(environ: Mapping[str, str]) -> Start:
    """Say how this process was started, by facts alone; nothing is changed.

    GATEWAYS_PROTOCOL (``fastcgi``, the default, ``scgi``, …) says what is spoken on a listening socket: the socket does
    not tell. A listening socket on descriptor 0 wins over CGI variables, which a FastCGI process can inherit from
    whatever started its web server. Raises ``ConfigError`` for another GATEWAYS_PROTOCOL.
    """
    protocol = environ.get("GATEWAYS_PROTOCOL") or "fastcgi"
    if protocol not in TRANSPORTS:
        raise ConfigError(f"GATEWAYS_PROTOCOL={protocol!r}: give {' or '.join(TRANSPORTS)}")
    count = passed_count(environ)
    if count:
        addresses = tuple(f"systemd:{number}" for number in range(count))
        return Start("systemd", protocol, addresses, f"systemd passed {count} socket{'s' * (count > 1)} (LISTEN_FDS)")
    problem = why_not_listening(0)
    if not problem:
        return Start(protocol, protocol, ("fd:0",), "standard input is a listening socket")
    for name in ("GATEWAY_INTERFACE", "REQUEST_METHOD"):  # the second where a server forgets the first
        if name in environ:
            return Start("cgi", "", (), f"{name} is set, and standard input {problem}")
    reason = f"standard input {problem}, and GATEWAY_INTERFACE is not set: neither FastCGI nor CGI"
    if "LISTEN_FDS" in environ:
        reason += f"; {why_not_passed(environ)}"
    return Start("terminal", "", (), reason)


class ParentWatch:
    """Notices the end of the web server that started this process; in a child of it, the end of that process.

    ``fileno()`` becomes readable at that moment, where the system has pidfd_open (Linux 5.3); elsewhere it is -1, and
    ``gone()`` has to be asked again and again.
    """

    __slots__ = ("_fd", "parent")

    def __init__(self) -> None:
        #: The process that is watched, 0 when there is none.
        self.parent = _PARENT if os.getpid() == _PID else os.getppid()
        if self.parent != origin.parent and _was_detached():
            self.parent = 0
        self._fd = _open_process(self.parent)

    def gone(self) -> bool:
        """Say whether the web server has ended. One cheap system call."""
        return self.parent != 0 and os.getppid() != self.parent

    def fileno(self) -> int:
        """Return the descriptor to wait on, or -1."""
        return self._fd

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _was_detached() -> bool:
    """Say whether the parent was never meant to stay: see the table above."""
    session_leader = os.getsid(0) == os.getpid()
    closed_at_start = sys.__stdout__ is None and sys.__stderr__ is None
    return session_leader or closed_at_start


def _open_process(pid: int) -> int:
    """Return a descriptor that becomes readable when the process ends, or -1."""
    if not pid or not hasattr(os, "pidfd_open"):
        return -1
    try:
        return os.pidfd_open(pid)
    except OSError:
        return -1  # an older system, a sandbox, or gone already

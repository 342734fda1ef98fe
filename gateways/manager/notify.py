"""Tell systemd how things stand, as sd_notify(3) does, without its library.

A message is one datagram to the socket that NOTIFY_SOCKET names. Nothing here raises or waits: where systemd does not
take a message at once, it is kept and sent before the next one. The variables stay in the environment, because the
program that the master executes in its own place needs them again; workers take them out (``withhold``).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, MutableMapping

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")

#: Messages that wait for systemd to take them; the oldest gives way. A state is in the last one.
_MAX_WAITING = 16
#: Longest text of a status, characters. systemd takes 4096 bytes of a whole message.
_MAX_STATUS = 500


class Notifier:
    """Sends to the socket that ``environ`` names; without one every method does nothing.

    ``watchdog_interval`` is how often systemd wants to hear ``watchdog``, seconds: half of what it tolerates. 0: never.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._waiting: list[bytes] = []
        self._sock: socket.socket | None = None
        if self._address:
            try:
                # Opened now, for the time when the process has no descriptor to spare.
                self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._sock.setblocking(False)
            except OSError:
                self._sock = None
        self.watchdog_interval = _watchdog_interval(environ) if self._sock else 0.0

    @property
    def active(self) -> bool:
        """Whether anybody listens."""
        return self._sock is not None

    @property
    def owes(self) -> bool:
        """Whether a message waits to be sent: by ``flush``, or before the next one."""
        return bool(self._waiting)

    def ready(self, status: str = "") -> None:
        """The program serves: after its start, and again after each reload, a failed one too."""
        self._send("READY=1", status)

    def reloading(self, status: str = "") -> None:
        """A reload has begun. Until ``ready`` systemd holds ``systemctl reload`` back."""
        # The time tells systemd (Type=notify-reload) that this is the answer to its signal and not an older message.
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}", status)

    def stopping(self, status: str = "") -> None:
        """The program is about to end."""
        self._send("STOPPING=1", status)

    def status(self, text: str) -> None:
        """Show ``text`` in ``systemctl status``."""
        self._send("", text)

    def watchdog(self) -> None:
        """A sign of life. A lost one is made up for by the next: it does not wait."""
        if self.watchdog_interval and self.flush():
            self._try(b"WATCHDOG=1")

    def flush(self) -> bool:
        """Send what waits. False: it still waits."""
        while self._waiting:
            if not self._try(self._waiting[0]):
                return False
            del self._waiting[0]
        return True

    def close(self) -> None:
        """Give the descriptor back; nothing is sent any more."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        self._waiting.clear()

    def _send(self, state: str, status: str) -> None:
        if self._sock is None:
            return
        # A line end would begin a field of its own.
        text = "".join(c if c.isprintable() else " " for c in status[:_MAX_STATUS])
        lines = [state] if state else []
        if text:
            lines.append(f"STATUS={text}")
        self._waiting = self._waiting[1 - _MAX_WAITING :]
        self._waiting.append("\n".join(lines).encode("utf-8", "replace"))
        self.flush()

    def _try(self, message: bytes) -> bool:
        """Send one message. False: to be tried again; one that nobody will ever take counts as sent."""
        if self._sock is None:
            return True
        try:
            # Not connected: systemd may open its socket anew at any time.
            self._sock.sendto(message, self._address)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True


def withhold(environ: MutableMapping[str, str]) -> None:
    """Take the variables out of the environment of a process that is not to speak to systemd."""
    for variable in VARIABLES:
        environ.pop(variable, None)


def _address(text: str) -> str:
    """Return the address of a Unix socket, "" for none and for other kinds (vsock:)."""
    if text.startswith("/") and len(text) > 1:
        return text
    return "\0" + text[1:] if text.startswith("@") and len(text) > 1 else ""


def _watchdog_interval(environ: Mapping[str, str]) -> float:
    pid = environ.get("WATCHDOG_PID", "")
    if pid and pid != str(os.getpid()):
        return 0.0  # it is for our parent, a shell perhaps
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 2e6 if text.isascii() and text.isdecimal() and len(text) < 16 else 0.0

"""One connection of the control socket: a line comes in, lines go out, nothing waits."""

from __future__ import annotations

import json
import select
import socket
from typing import Callable

from gateways.manager.questions import MAX_QUESTION
from gateways.manager.tickets import Line, Ticket, refused

#: How long a peer may take to ask, and to take anything of the answer, seconds. It is a program on this machine.
ASK_TIMEOUT = 5.0
STALL_TIMEOUT = 10.0
#: How often a follower hears something, seconds.
HEARTBEAT = 5.0
#: What may wait to be sent: the figures of a thousand workers are a tenth of it.
MAX_UNSENT = 4 << 20

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Conversation:
    """``sock`` is the connection; ``over`` says that it can be closed."""

    __slots__ = ("_answered", "_asked", "_clock", "_incoming", "_outgoing", "_ticket", "deadline", "fd", "over", "sock")

    def __init__(self, sock: socket.socket, clock: Callable[[], float]) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.fd = sock.fileno()
        self._clock = clock
        self._incoming = b""
        self._outgoing = bytearray()
        self._asked = False
        self._answered = False
        self._ticket: Ticket | None = None
        self.deadline = clock() + ASK_TIMEOUT
        self.over = False

    @property
    def interest(self) -> int:
        """What to poll for. After the question only a hang-up: a peer may have closed its side of the connection."""
        if not self._asked:
            return select.POLLIN
        return select.POLLOUT if self._outgoing else 0

    @property
    def following(self) -> bool:
        """True while it waits for the end of something."""
        return self._ticket is not None

    def on_events(self, events: int) -> bytes | None:
        """Read or write. Returns the question, once."""
        if not self._asked:
            return self._receive()  # also after a hang-up: what was asked before it counts
        if events & _GONE:
            self.over = True
        elif events & select.POLLOUT:
            self._send()
        return None

    def tell(self, line: Line) -> None:
        """Send a line, now or as soon as the peer takes it; after the last one the connection is over."""
        if self.over:
            return
        if not self._outgoing:
            self.deadline = self._clock() + (HEARTBEAT if self._ticket is not None else STALL_TIMEOUT)
        self._outgoing += json.dumps(line).encode() + b"\n"
        if "done" in line or "replaced" in line:
            self._answered = True
            self._let_go()
        self._send()

    def follow(self, ticket: Ticket) -> None:
        """Pass on what ``ticket`` is told, until its end."""
        self._ticket = ticket
        self.deadline = self._clock() + HEARTBEAT
        ticket.follow(self.tell)

    def on_deadline(self, now: float) -> None:
        """Nothing has come or gone for too long; or a follower is to hear that we live."""
        if not self._asked or self._outgoing:
            self.over = True
        else:
            self.tell({"state": "alive"})

    def close(self) -> None:
        """Close the connection."""
        self.over = True
        self._let_go()
        self.sock.close()

    def _let_go(self) -> None:
        if self._ticket is not None:
            self._ticket.leave(self.tell)
            self._ticket = None

    def _receive(self) -> bytes | None:
        try:
            data = self.sock.recv(MAX_QUESTION)
        except BlockingIOError:
            return None
        except OSError:
            self.over = True
            return None
        self._incoming += data
        line, end, _ = self._incoming.partition(b"\n")
        if data and not end and len(line) < MAX_QUESTION:
            return None
        self._asked = True
        self._incoming = b""
        self.deadline = self._clock() + STALL_TIMEOUT
        if len(line) >= MAX_QUESTION:
            self.tell(refused(f"a question is one line of less than {MAX_QUESTION} bytes"))
        elif not data and not line:
            self.over = True  # it has closed without a question
        else:
            return line
        return None

    def _send(self) -> None:
        try:
            sent = self.sock.send(self._outgoing)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.over = True
            return
        if sent:
            del self._outgoing[:sent]
            self.deadline = self._clock() + (HEARTBEAT if self._ticket is not None else STALL_TIMEOUT)
        if len(self._outgoing) > MAX_UNSENT or (self._answered and not self._outgoing):
            self.over = True

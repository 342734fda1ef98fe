"""The control socket: one question on each connection, a line of JSON, answered by lines of JSON.

It is part of the master's loop, which must never wait for anybody: what cannot be sent is kept, up to a limit, and a
peer that does not read is cut off. Whoever follows a reload gets a line now and then even if nothing happens, so that
it can tell a long reload from a master that hangs.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from typing import TYPE_CHECKING, Callable

from gateways.errors import BindError, ConfigError
from gateways.manager.conversation import Conversation
from gateways.manager.questions import HARMLESS, Answer, Answers, answer, read
from gateways.manager.tickets import Ticket, done, refused
from gateways.server.unixsockets import SocketFile, listen_unix

if TYPE_CHECKING:
    from gateways.server.errorlog import ErrorLog

#: Connections at once, and how many of them may be those that wait for the end of something: the operator who wants to
#: know why nothing ends finds room.
MAX_CONNECTIONS = 32
MAX_FOLLOWERS = 24

#: How long no connection is taken after descriptors have run out, seconds.
_RESPITE = 1.0


class ControlSocket:
    """Listens at ``path`` and answers by ``answers``.

    The loop asks for ``interests()`` each time before it polls, gives what it finds to ``handle``, and calls ``expire``
    when ``deadline()`` has come. Raises ``BindError``: another master listens there, or the path cannot be used.
    """

    def __init__(
        self,
        path: str,
        answers: Answers,
        error_log: ErrorLog,
        *,
        inherited: tuple[socket.socket, SocketFile] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = os.path.abspath(path)
        self._answers = answers
        self._log = error_log
        self._clock = clock
        self._conversations: dict[int, Conversation] = {}
        self._resume_at = 0.0
        self.sock, self.file = inherited or _listen(self.path)
        self.sock.setblocking(False)

    def replaced(self) -> None:
        """Tell all who are connected that another program goes on in this process: they have to connect again."""
        for conversation in self._conversations.values():
            conversation.tell({"replaced": True})

    # For the loop

    def interests(self) -> dict[int, int]:
        """Return the descriptors to poll, and for what: ``select.POLLIN``, ``POLLOUT``, or 0 for a hang-up only.

        Connections that are over are closed here and not before: what is left out now has to be forgotten at once, as
        the next file that is opened gets its number.
        """
        for conversation in [conversation for conversation in self._conversations.values() if conversation.over]:
            del self._conversations[conversation.fd]
            conversation.close()
        wanted = {fd: conversation.interest for fd, conversation in self._conversations.items()}
        if len(wanted) < MAX_CONNECTIONS and not self._resume_at:
            wanted[self.sock.fileno()] = select.POLLIN
        return wanted

    def handle(self, fd: int, events: int) -> None:
        """Do what can be done now that ``events`` were found on ``fd``; nothing for a descriptor that is not ours."""
        if fd == self.sock.fileno():
            self._accept()
        elif fd in self._conversations:
            self._go_on(self._conversations[fd], events)

    def deadline(self) -> float | None:
        """Return when ``expire`` has to be called, monotonic seconds; None for never."""
        times = [conversation.deadline for conversation in self._conversations.values()]
        if self._resume_at:
            times.append(self._resume_at)
        return min(times, default=None)

    def expire(self) -> None:
        """Cut off those whose time is up, and let the followers know that we live."""
        now = self._clock()
        if now >= self._resume_at:
            self._resume_at = 0.0
        for conversation in list(self._conversations.values()):
            if now >= conversation.deadline:
                conversation.on_deadline(now)

    def close(self) -> None:
        """Close everything, and remove the file if it is still ours."""
        self.file.remove()
        self.close_in_child()

    def close_in_child(self) -> None:
        """Close all descriptors and nothing else: in a forked child, which must not hold connections open."""
        for conversation in list(self._conversations.values()):
            conversation.close()
        self._conversations.clear()
        self.sock.close()

    # Connections

    def _accept(self) -> None:
        for _ in range(MAX_CONNECTIONS - len(self._conversations)):
            try:
                sock, _ = self.sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ECONNABORTED:  # out of descriptors or memory: the socket stays readable
                    self._resume_at = self._clock() + _RESPITE
                return
            conversation = Conversation(sock, self._clock)
            self._conversations[conversation.fd] = conversation
            self._go_on(conversation, select.POLLIN)

    def _go_on(self, conversation: Conversation, events: int) -> None:
        line = conversation.on_events(events)
        if line is not None:
            self._ask(conversation, line)

    def _ask(self, conversation: Conversation, line: bytes) -> None:
        """Have the master answer, and never fail: it has better things to do than to die of a question."""
        try:
            who = _admitted(conversation.sock)
            question = read(line)
            if question["ask"] not in HARMLESS:
                self._log.notice(f"control: {question['ask']} asked by {who}")
            self._pass_on(answer(self._answers, question), conversation)
        except ConfigError as error:
            conversation.tell(refused(str(error)))
        except Exception as error:
            self._log.exception("control: a question was not answered", error)
            conversation.tell(refused(f"the master failed to answer: {type(error).__name__}; its error log says more"))

    def _pass_on(self, found: Answer, conversation: Conversation) -> None:
        if not isinstance(found, Ticket):
            conversation.tell(found)
        elif found.outcome is None and self._followers() >= MAX_FOLLOWERS:
            conversation.tell(done("it was begun, but too many wait for its end already; the log will tell"))
        else:
            conversation.follow(found)

    def _followers(self) -> int:
        return sum(conversation.following for conversation in self._conversations.values())


def _listen(path: str) -> tuple[socket.socket, SocketFile]:
    try:
        return listen_unix(path, MAX_CONNECTIONS, 0o600, -1, -1)
    except BindError as error:
        raise BindError(f"control socket: {error}") from None


def _admitted(sock: socket.socket) -> str:
    """Name the peer. Raises ``ConfigError`` unless it is root or of our own user: a mode of 0600 can be changed."""
    if not hasattr(socket, "SO_PEERCRED"):
        return "a process that may write to the socket"
    credentials = struct.Struct("3i")
    pid, uid, _ = credentials.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size))
    if uid not in (0, os.geteuid()):
        raise ConfigError(f"user {uid} may not ask: be user {os.geteuid()} or root")
    return f"process {pid} of user {uid}"

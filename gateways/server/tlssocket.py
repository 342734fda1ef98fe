"""A connected socket with TLS on it, used like the plain one: by ``recv``, ``send`` and ``sendmsg`` that never wait.

The TLS engine has no socket of its own: what it reads and writes goes through two buffers, so that all waiting stays
where it is for every connection (wire.py), under the same timeouts, the handshake under ``header_timeout``.
"""

from __future__ import annotations

import errno
import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gateways.server.wire import Socket

#: What is encrypted at once, bytes: four TLS records. So much can have left us that the system has not taken.
PIECE = 65536
#: What a peer does not read of that, and of answers to its handshake and key updates, bytes.
MAX_UNREAD = 2 * PIECE
#: A TLS record with a handshake message begins with it (RFC 8446, section 5.1).
_HANDSHAKE = 22

_NOW = socket.MSG_DONTWAIT
_SEND = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)

#: What a client sees that speaks HTTP on a port for HTTPS.
PLAIN_HTTP = b"This port speaks HTTPS: the address has to begin with https://\n"
_PLAIN_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
    % (len(PLAIN_HTTP), PLAIN_HTTP)
)


class Engine(ssl.SSLObject):
    """The TLS side of one connection, which remembers the name that the client asked for (SNI)."""

    asked: str | None = None


class TlsSocket:
    """``sock`` with TLS by ``context`` on it. ``shaken`` is called after the handshake with the variables it gives.

    ``report`` gets a line of text when there is no handshake. Every method raises ``OSError`` as that of a socket does.

    A send that the system takes only in part has encrypted more than it says: the caller sends the same bytes again,
    as one does with a socket, and is told then that they have been sent.
    """

    def __init__(
        self,
        sock: Socket,
        context: ssl.SSLContext,
        shaken: Callable[[list[tuple[bytes, bytes]]], None],
        report: Callable[[str], None],
    ) -> None:
        self._sock = sock
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._engine = context.wrap_bio(self._in, self._out, server_side=True)
        self._shaken: Callable[[list[tuple[bytes, bytes]]], None] | None = shaken
        self._report = report
        self._begun = False  # the first byte has come
        self._ended = False  # the peer sends nothing more
        self._parted = False  # we send nothing more
        self._rest = b""  # encrypted, and not taken by the system
        self._owed = 0  # plain bytes that are in ``_rest``, and not told to be sent
        self.family = sock.family

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what has come: ``size`` bytes, or one TLS record more. Nothing that can be read stays in the engine.

        With MSG_PEEK, and once we have said that we end, it is what is on the wire: that something has come is all that
        anybody wants to know.
        """
        if self._parted or flags & socket.MSG_PEEK:
            return self._sock.recv(size, flags)
        if self._ended:
            return b""
        data = self._sock.recv(size, _NOW)
        if not self._begun:
            self._begin(data)
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()
        parts = self._read(size)
        if parts or self._ended:
            return b"".join(parts)
        raise BlockingIOError(errno.EAGAIN, "no whole record has come")

    @property
    def arriving(self) -> bool:
        """True from the first byte to the end of the handshake, and within what is before the handshake."""
        return (self._begun and self._shaken is not None) or getattr(self._sock, "arriving", False)

    def _begin(self, data: bytes) -> None:
        """Look at the first byte: it says whether this is TLS."""
        self._begun = True
        if data and data[0] != _HANDSHAKE:
            if data[:1].isalpha():  # a method
                try:
                    self._sock.send(_PLAIN_ANSWER, _SEND)
                except OSError:
                    pass
                self._report("plain HTTP on a port for HTTPS, answered 400 Bad Request")
            else:
                self._report("neither TLS nor HTTP on a port for HTTPS, closed")
            raise ConnectionAbortedError(errno.ECONNABORTED, "no TLS")

    def _read(self, size: int) -> list[bytes]:
        """Decrypt all that can be; shake hands first."""
        parts: list[bytes] = []
        try:
            if self._shaken is not None:
                self._engine.do_handshake()
                shaken, self._shaken = self._shaken, None
                shaken(self._variables())
            while True:
                part = self._engine.read(size)
                if not part:  # close_notify
                    self._ended = True
                    break
                parts.append(part)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._fail(error)
        self._answer()
        return parts

    def _fail(self, error: ssl.SSLError) -> None:
        """End after what cannot be read. Without close_notify it is an end, too: all that we serve has a length."""
        self._ended = True
        if self._shaken is not None and not isinstance(error, ssl.SSLEOFError):
            self._report(f"no TLS handshake, closed: {_reason(error)}")

    def _answer(self) -> None:
        """Send what the engine has to say of its own."""
        if not self._flush() and len(self._rest) > MAX_UNREAD:
            raise ConnectionResetError(errno.ECONNRESET, "the peer does not read what TLS has to say")

    def _variables(self) -> list[tuple[bytes, bytes]]:
        """Return what is known of the connection, under the names that Apache's mod_ssl gave it."""
        name, _, bits = self._engine.cipher() or ("", "", 0)
        found = {
            "HTTPS": "on",
            "REQUEST_SCHEME": "https",
            "SSL_PROTOCOL": self._engine.version() or "",
            "SSL_CIPHER": name,
            "SSL_CIPHER_USEKEYSIZE": str(bits),
            "SSL_SESSION_RESUMED": "Resumed" if self._engine.session_reused else "Initial",
        }
        asked = getattr(self._engine, "asked", None)
        if asked:
            found["SSL_TLS_SNI"] = asked
        return [(name.encode(), value.encode("latin-1", "replace")) for name, value in found.items()]

    def send(self, data: bytes | memoryview, flags: int = 0) -> int:
        """Send as much as the system takes, and return how much that is. Raises ``BlockingIOError`` for nothing."""
        if self._owed:
            if not self._flush():
                raise BlockingIOError(errno.EAGAIN, "no room")
            sent, self._owed = self._owed, 0
            return sent
        view = memoryview(data)
        total = 0
        while total < len(view):
            count = self._encrypt(view[total : total + PIECE])
            if not self._flush():
                self._owed = count
                if total:
                    return total
                raise BlockingIOError(errno.EAGAIN, "no room")
            total += count
        return total

    def sendmsg(self, parts: Sequence[bytes | memoryview], ancillary: object = (), flags: int = 0) -> int:
        """``send`` for several pieces."""
        total = 0
        for piece in _pieces(parts):
            try:
                sent = self.send(piece)
            except BlockingIOError:
                if total:
                    return total
                raise
            total += sent
            if sent < len(piece):
                break
        return total

    def _encrypt(self, view: memoryview) -> int:
        done = 0
        try:
            while done < len(view):
                done += self._engine.write(view[done:])
        except ssl.SSLError as error:
            raise ConnectionAbortedError(errno.ECONNABORTED, f"TLS: {_reason(error)}") from None
        return done

    def _flush(self) -> bool:
        """Send what is encrypted; false when the system does not take all of it."""
        if self._out.pending:
            self._rest += self._out.read()
        while self._rest:
            try:
                sent = self._sock.send(self._rest, _SEND)
            except BlockingIOError:
                return False
            self._rest = self._rest[sent:]
        return True

    def shutdown(self, how: int) -> None:
        """Say that nothing more is sent (close_notify), and shut the socket down."""
        if self._shaken is None and not self._parted:
            self._parted = True
            try:
                self._engine.unwrap()
            except ssl.SSLError:
                pass  # the peer has not said so yet, and need not
            try:
                self._flush()
            except OSError:
                pass  # nobody is there to be told
        self._sock.shutdown(how)

    def setsockopt(self, level: int, option: int, value: bytes | int) -> None:
        """Set an option of the socket."""
        self._sock.setsockopt(level, option, value)

    def close(self) -> None:
        """Close the socket, without a word to the peer."""
        self._sock.close()


def _pieces(parts: Sequence[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Give all bytes of ``parts`` in pieces of ``PIECE`` bytes; only the last is shorter."""
    held: list[bytes | memoryview] = []
    size = 0
    for part in parts:
        view = memoryview(part)
        while size + len(view) >= PIECE:
            cut = PIECE - size
            yield b"".join([*held, view[:cut]])
            view = view[cut:]
            held, size = [], 0
        if view:
            held.append(view)
            size += len(view)
    if held:
        yield b"".join(held)


def _reason(error: ssl.SSLError) -> str:
    """Say in a few words what OpenSSL says in capitals, and with a line of its source."""
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    return str(reason).lower().replace("_", " ")

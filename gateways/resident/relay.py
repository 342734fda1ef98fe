"""Pass one CGI request on by FastCGI: a twin of gateways-cgi-relay.c, for where that is not.

A web server starts a process for each request, so this imports next to nothing, and not the client of this package.
"""

from __future__ import annotations

import _socket
import os
import select

from gateways.adapters.standardstreams import leave_body

#: As in gateways-cgi-relay.c, with their reasons.
_HELD = 65536
_MAX_HELD = 16 << 20
_ROOM = 4096
_READ_SIZE = 65536
_MAX_CONTENT = 65528

_BEGIN_REQUEST, _END_REQUEST, _PARAMS, _STDIN, _STDOUT, _STDERR = 1, 3, 4, 5, 6, 7
_HEADER = 8
_GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL


def serve(sock: _socket.socket, script: str, again: bool = False) -> int | None:
    """Serve the CGI request of this process over a connection; return the exit status.

    None where another process should serve it, unless this is ``again`` such a try: the process has ended before it has
    taken the connection, of which it says a word, and the request is safe to repeat (RFC 9110, section 9.2.1).
    """
    relay = _Relay(sock)
    repeats = not again and not relay.left and os.environ["REQUEST_METHOD"] in ("GET", "HEAD")
    ended = relay.run()
    unread = relay.left != 0
    sock.close()
    silent = not (ended or relay.heard or relay.gone or relay.lie)
    if silent and repeats:
        return None
    status = bytes(relay.ending).ljust(_HEADER, b"\0")
    failed = not ended or relay.lie or status[4]
    if failed and not relay.gone:
        reason = "it has refused the request" if ended else "it has ended, or closed the connection"
        say(f"{script}: the process that stays for it did not answer: {relay.lie or reason}")
        if not relay.answered:
            answer("502 Bad Gateway", "The application has ended without an answer. The error log says more.")
    if unread:
        leave_body(0)
    if failed or relay.gone:
        return 1
    return 1 if any(status[:3]) else status[3]


class _Relay:
    """The request on its way there, and the response on its way back."""

    def __init__(self, sock: _socket.socket) -> None:
        self._sock = sock
        self._up = bytearray(_begin())
        self._open = True
        #: Bytes of the body that may still be read; -1: up to its end.
        self.left = _body_length()
        if not self.left:
            self._end_body()
        self._down = memoryview(b"")
        self._header = b""
        self._content = self._padding = 0
        self._blocked = False
        #: The content of END_REQUEST.
        self.ending = bytearray()
        self.answered = self.gone = self.heard = False
        #: What is wrong with the process's records.
        self.lie = ""

    def run(self) -> bool:
        """Send and receive both at once: a process may answer before it has read the body. True when it was ended."""
        while not self._take_records():
            if self.gone:
                return False
            waits = select.poll()  # standard input and output may be one descriptor's two sides
            held = len(self._up)
            events = (0 if self._down else select.POLLIN) | (select.POLLOUT if held else 0)
            if events:
                waits.register(self._sock.fileno(), events)
            if self._open and held < (_MAX_HELD if self._blocked else _HELD):
                waits.register(0, select.POLLIN)
            waits.register(1, select.POLLOUT if self._blocked else 0)  # without events: when the reader has gone
            ready = dict(waits.poll())  # without end: the web server has timeouts, and ends the script at them
            if ready.get(1, 0) & _GONE:
                self.gone = True
                return False
            if ready.get(1, 0) & select.POLLOUT:
                self._blocked = False
            if 0 in ready:
                self._read_body()
            told = ready.get(self._sock.fileno(), 0)
            if held and told & (select.POLLOUT | _GONE):
                self._send()
            if not self._down and told & (select.POLLIN | _GONE) and not self._receive():
                return False
        return True

    def _read_body(self) -> None:
        size = _MAX_CONTENT if self.left < 0 else min(self.left, _MAX_CONTENT)
        try:
            data = os.read(0, size)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._up += _record(_STDIN, data)
            if self.left > 0:
                self.left -= len(data)
        if not data or not self.left:
            self._end_body()  # too short: the process will see it

    def _end_body(self) -> None:
        self._up += _record(_STDIN, b"")
        self._open = False

    def _send(self) -> None:
        try:
            del self._up[: self._sock.send(self._up, _socket.MSG_DONTWAIT)]
        except BlockingIOError:
            pass
        except OSError:  # nobody reads the body any more, and may have answered nevertheless
            self._open = False
            self._up.clear()

    def _receive(self) -> bool:
        try:
            data = self._sock.recv(_READ_SIZE, _socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._down = memoryview(data)
        self.heard = self.heard or bool(data)
        return bool(data)

    def _take_records(self) -> bool:
        """Take the records that are there; return true at the end of the request."""
        while self._down and not self._blocked and not self.gone:
            if len(self._header) < _HEADER:
                missing = _HEADER - len(self._header)
                self._header += bytes(self._down[:missing])
                self._down = self._down[missing:]
                if len(self._header) < _HEADER:
                    continue
                if self._header[0] != 1:
                    self.lie = "it does not speak FastCGI"
                    return True
                self._content = self._header[4] << 8 | self._header[5]
                self._padding = self._header[6]
            elif self._content:
                taken = self._take_content(self._down[: self._content])
                self._content -= taken
                self._down = self._down[taken:]
            else:
                skipped = min(self._padding, len(self._down))
                self._padding -= skipped
                self._down = self._down[skipped:]
            if not self._content and not self._padding and len(self._header) == _HEADER:
                if self._header[1] == _END_REQUEST:
                    if len(self.ending) < _HEADER:
                        self.lie = "its END_REQUEST is too short"
                    return True
                self._header = b""
        return False

    def _take_content(self, data: memoryview) -> int:
        """Take of a record's content what can be taken; return how much."""
        kind = self._header[1]
        if kind == _STDOUT:
            return self._write(data)
        if kind == _STDERR:
            write_all(2, data)
        elif kind == _END_REQUEST:
            self.ending += data
        return len(data)

    def _write(self, data: memoryview) -> int:
        """Write a piece of the response: while the body is on its way, no more than there is room for."""
        if self._open or self._up:
            room = select.poll()
            room.register(1, select.POLLOUT)
            if not any(events & (select.POLLOUT | select.POLLERR) for _, events in room.poll(0)):
                self._blocked = True
                return 0
            data = data[:_ROOM]
        self.gone = not write_all(1, data)
        self.answered = True
        return len(data)


def answer(status: str, text: str) -> None:
    """Write an error page of our own."""
    body = f"{text}\n"
    head = f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\nStatus: {status}\r\n\r\n"
    write_all(1, (head + body).encode())


def say(text: str) -> None:
    """Write a line for the error log; what is not printable ASCII in it is escaped."""
    line = "".join([chr(c) if 32 <= c <= 126 else f"\\x{c:02x}" for c in os.fsencode(text)[:1023]])
    write_all(2, f"gateways: {line}\n".encode())


def write_all(fd: int, data: bytes | memoryview) -> bool:
    """Write all of it; false when the reader has gone.

    It waits as long as it takes, as any script's write does: the web server has timeouts, and ends the script at them.
    """
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:  # somebody has made it non-blocking
            room = select.poll()
            room.register(fd, select.POLLOUT)
            room.poll()
        except OSError:
            return False
    return True


def _begin() -> bytes:
    """BEGIN_REQUEST and PARAMS (sections 5.1 and 5.2), of the environment."""
    pieces = [_record(_BEGIN_REQUEST, b"\0\1\0\0\0\0\0\0")]  # a responder; the connection is for this request alone
    pairs = []
    for name, value in os.environb.items():
        if name:
            pairs += [_length(len(name)), _length(len(value)), name, value]
    block = b"".join(pairs)
    for start in range(0, len(block), _MAX_CONTENT):
        pieces.append(_record(_PARAMS, block[start : start + _MAX_CONTENT]))
    pieces.append(_record(_PARAMS, b""))
    return b"".join(pieces)


def _record(kind: int, content: bytes) -> bytes:
    return bytes((1, kind, 0, 1, len(content) >> 8, len(content) & 255, 0, 0)) + content


def _length(size: int) -> bytes:
    return bytes((size,)) if size < 128 else (size | 1 << 31).to_bytes(4, "big")


def _body_length() -> int:
    """Say how far standard input may be read, as gateways-cgi-relay.c does."""
    text = os.environb.get(b"CONTENT_LENGTH", b"")
    if text.isdigit():
        length = int(text[:20])  # one digit more than 2**63 has
        return length if length < 1 << 63 else 0
    if text[:1].isdigit():
        return 0
    return -1 if os.environb.get(b"HTTP_TRANSFER_ENCODING", b"").lower() == b"chunked" else 0


def fail() -> int:
    """Answer for a request that cannot be served, when the error log has the reason; return the exit status."""
    answer("500 Internal Server Error", "The request could not be served. The error log says why.")
    return 1

"""A FastCGI connection that carries several requests at a time, for those who ask for it (``fcgi_multiplex``).

    worker.Server           a descriptor is readable
      Multiplexed.read        one recv; records go to the inboxes of their requests
      Server.start_soon         for each request that is new
    worker.Server           serves what is to start, one request in each thread
      Stream.run              as Connection does with a request of its own
        Multiplexed.input_for   wsgi.input asks for body: whoever needs some reads for all
        Multiplexed.send        whole records, one thread at a time

There is one socket and no flow control in the protocol. Where the peer does not read, every request waits to send.
Where one application does not read its body, and ``MAX_INBOX`` bytes of it have come, nothing is read for any request
until that one goes on or ends.
"""

from __future__ import annotations

import select
from time import monotonic
from typing import TYPE_CHECKING, cast

from gateways.adapters.events import Limits
from gateways.adapters.fastcgi.multiplex import Abort, Begun, Demultiplexer
from gateways.errors import ClientDisconnected, ProtocolError
from gateways.server.connection import STOP_PATIENCE
from gateways.server.serving import FOREVER
from gateways.server.sharing import SharedConnection
from gateways.server.stream import Stream
from gateways.server.wire import NOW, READ_AHEAD, READ_SIZE

if TYPE_CHECKING:
    import socket

    from gateways.adapters.interface import ServerConnection
    from gateways.server.worker import Server
    from gateways.settings import Settings

#: Bytes of the input of one request that are held for an application that does not ask for them; one read may go past.
#: As many as are read ahead on other connections: some web servers send a whole body before they read.
MAX_INBOX = READ_AHEAD


class Multiplexing:
    """Opens such connections, each with at most ``fcgi_multiplex`` requests in hand."""

    def __init__(self, settings: Settings) -> None:
        self._limits = Limits(settings.max_header_size, settings.max_headers)
        self._most = settings.fcgi_multiplex

    def open(self, server: Server, sock: socket.socket, peer: str) -> Multiplexed:
        """Return a new connection."""
        connection = Multiplexed()
        connection.open_shared(server, Demultiplexer(self._limits, self._most), sock, peer)
        return connection


class Multiplexed(SharedConnection):
    """A connection with several requests in hand.

    ``_lock`` (sharing.py) guards the demultiplexer and the inboxes, too.
    """

    __slots__ = ("_closing", "_demux", "_ignored", "_in_hand", "_streams")

    def open_shared(self, server: Server, demux: Demultiplexer, sock: socket.socket, peer: str) -> None:
        """Get ready to be served."""
        self.share(server, cast("ServerConnection", demux), sock, peer)  # as far as one without requests is asked
        self._demux = demux
        self._streams: dict[int, Stream] = {}  # by request id, until the end of the answer leaves
        self._in_hand: set[Stream] = set()  # until a thread has let go of them
        self._closing = False  # no new requests; to be closed after the last one in hand
        self._ignored = False  # there was a new one

    @property
    def no_input(self) -> str:
        """Why a request gets no more input."""
        if self._ended:
            return "the body broke off: the connection was closed"
        return f"no byte of the body for {self._server.body_timeout:g} s"

    # What the loop calls

    def read(self) -> None:
        """Read once; what is new is served by the loop, afterwards. Called by the leading thread only."""
        if self._lingering:
            super().read()
        elif self._claim():
            self._receive()
            self._yield_claim()

    def on_deadline(self) -> None:
        """Close, unless requests are in hand: they have deadlines of their own."""
        if self._lingering:
            super().on_deadline()
        elif self._claim():
            if self._in_hand or self.has_data():
                self._yield_claim()
                return
            self._log_late()
            self.close()

    def on_stop(self) -> None:
        """The server stops: close when nothing is in hand. Called by the leading thread while waiting."""
        if self._lingering or not self._in_hand:
            self.deadline = min(self.deadline, monotonic() + STOP_PATIENCE)
            self.read()

    # What a request asks for

    def start(self, stream: Stream) -> bool:
        """Say whether a request that has waited for a thread is to be served still."""
        with self._lock:
            stream.started = self._streams.get(stream.id) is stream and not self.lost
        if not stream.started:
            self.leave(stream, broken=False)
        return stream.started

    def leave(self, stream: Stream, broken: bool) -> None:
        """Forget a request. ``broken`` says that its answer is not complete: so the connection cannot stay."""
        self._release(stream)
        with self._lock:
            self._in_hand.discard(stream)
            self._closing = self._closing or broken or not stream.keep
        if self._claim():
            self._yield_claim()

    def input_for(self, stream: Stream) -> bytes:
        """Wait for input of a request and return it; ``b""`` when none comes: it was given up, or see ``no_input``."""
        deadline = monotonic() + self._server.body_timeout
        while True:
            with self._lock:
                if stream.inbox:
                    data = bytes(stream.inbox)
                    stream.inbox.clear()
                    self._changed.notify_all()  # somebody may have waited for room
                    break
                left = deadline - monotonic()
                if stream.given_up or self.lost or self._ended or left <= 0:
                    return b""
                if self._reading or not self._has_room():
                    self._changed.wait(left)
                    continue
                self._reading = True
                self._server.unwatch(self)
            poll = select.poll()
            poll.register(self.fd, select.POLLIN)
            if poll.poll(left * 1000):
                self._receive()
            self._yield_claim()
        if self._claim():
            self._yield_claim()
        return data

    def send(self, stream: Stream, parts: list[bytes | memoryview]) -> None:
        """Send whole records of a request, waiting for room. Raises ``ClientDisconnected``."""
        if stream.answered:  # its end is among them, and the id may come again when that is out
            self._release(stream)
        with self._writing:
            if self.lost:
                raise ClientDisconnected(self.lost)
            try:
                self._send_parts(parts)
            except ClientDisconnected as error:
                self._lose(str(error))
                raise
        self._flush_held()

    # Reading

    def _yield_claim(self) -> None:
        """Let others read: the poller for all, or those that wait for their input; or close, after the last."""
        with self._lock:
            last = not self._in_hand
            over = last and (self._closing or self._ended or bool(self.lost) or self._stops())
            if not over:
                self._reading = False
                self._set_deadline(last)
                self._watch()
                self._changed.notify_all()
        self._flush_held()
        if over:
            self._end()  # still claimed: nobody else touches it

    def _stops(self) -> bool:
        """Say whether the server stops, and nothing can be lost here; a new connection's first request is awaited."""
        over = self._demux.idle or self._demux.draining
        return self._server.stopping and over and (self.waiting or not self.fresh)

    def _set_deadline(self, last: bool) -> None:
        """Note until when what is waited for may take."""
        if not last:
            self.waiting = False
            self.deadline = FOREVER
        elif self._demux.idle:
            if not self.fresh:
                self.waiting = self.fresh = True
                self.deadline = monotonic() + self._server.keepalive_timeout
        elif self._demux.draining:  # in the middle of a piece of a body that nobody reads
            self.waiting = True
            self.deadline = monotonic() + self._server.body_timeout
        elif self.waiting or self.deadline == FOREVER:
            self.waiting = False
            self.deadline = monotonic() + self._server.header_timeout

    def _has_room(self) -> bool:
        """Say whether more may be read."""
        return not any(len(stream.inbox) > MAX_INBOX for stream in self._streams.values())

    def _receive(self) -> None:
        """Receive once, and hand out what has come. The caller has the claim."""
        try:
            data = self.sock.recv(READ_SIZE, NOW)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        try:
            with self._lock:
                self._take_in(data)
        except ProtocolError as error:
            self._log_refusal(error)
            answered = bool(self._demux.outgoing)
            self._flush_held()
            self._lose(str(error), broken=not answered)

    def _take_in(self, data: bytes) -> None:
        if not data:
            if not (self._demux.idle or self._streams):
                self._server.error_log.debug(f"{self.peer}: closed in the middle of a request")
            self._ended = True
            return
        self.fresh = False
        demux = self._demux
        demux.receive_data(data)
        while (event := demux.next_event()) is not None:
            if isinstance(event, Begun):
                self._begin(event)
            elif event.id in self._streams:
                stream = self._streams[event.id]
                if isinstance(event, Abort):
                    stream.given_up = True
                    stream.inbox.clear()
                elif not stream.given_up:
                    stream.inbox += event.data
                    if len(stream.inbox) > MAX_INBOX and not stream.started:
                        self._refuse_waiting(stream)
        self._closing = self._closing or demux.closing

    def _begin(self, event: Begun) -> None:
        """Have a new request served, unless the connection is to be closed after those in hand."""
        if self._in_hand and (self._closing or self._server.stopping):
            self._demux.done(event.id)  # no answer: with the close the web server asks elsewhere
            self._ignored = True
            return
        stream = Stream(self, event.id, event.protocol, event.request)
        self._streams[event.id] = stream
        self._in_hand.add(stream)
        self._server.start_soon(stream)

    def _refuse_waiting(self, stream: Stream) -> None:
        """Answer a request 503 that waits for a thread still: it has no claim to hold all others up.

        Nothing of it is kept: the web server may send the next one at once, and no thread be free for long.
        """
        self._demux.refuse(stream.id)
        del self._streams[stream.id]
        stream.inbox.clear()
        if self._server.start_never(stream):
            self._in_hand.discard(stream)
            self._closing = self._closing or not stream.keep

    def _release(self, stream: Stream) -> None:
        """Take a request off the connection: what still comes of it is ignored."""
        with self._lock:
            if self._streams.get(stream.id) is stream:
                del self._streams[stream.id]
                self._demux.done(stream.id)

    def _end(self) -> None:
        """Close after the last answer, which must arrive even where more requests have been sent."""
        if (self._ignored or self._server.stopping) and not (self._ended or self._broken):
            self._linger()
        else:
            super()._end()

    def _input_ends(self) -> bool:
        return self._ended or self._demux.input_complete

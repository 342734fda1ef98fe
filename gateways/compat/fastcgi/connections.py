"""FastCGI connections as classes to derive from. What derives from them is served by them, and not by the engine.

One thread has one connection, and every record is a method call: for those who change what happens between records.
"""

from __future__ import annotations

import socket
import struct
import threading
import traceback
from time import monotonic
from typing import TYPE_CHECKING, Any

from gateways.adapters.fastcgi import records as wire
from gateways.compat import waiting
from gateways.compat.fastcgi import records as fcgi
from gateways.compat.fastcgi.records import Record
from gateways.compat.fastcgi.streams import Inputs, InputStream, MultiplexedInputStream
from gateways.errors import ProtocolError

if TYPE_CHECKING:
    from gateways.compat.fastcgi.requests import Request

#: How long a peer may stay silent before it is looked whether the server goes on, seconds.
_LOOK = 1.0
#: The most bytes of parameters of one request; more ends the connection.
MAX_PARAMS = 1 << 20
#: How long to read on after our end of the connection is closed, seconds.
_LINGER = 2.0


class Connection:
    """One connection from a web server, with one request at a time. ``run`` serves it until it ends."""

    _multiplexed = False
    _inputStreamClass: Any = InputStream

    def __init__(self, sock: socket.socket, addr: Any, server: Any, timeout: float | None) -> None:
        sock.settimeout(waiting.SILENCE)
        self._sock = sock
        self._addr = addr
        self.server = server
        self._timeout = timeout
        self._requests: dict[int, Any] = {}
        self._params: dict[int, bytearray] = {}
        self._keepGoing = True

    def run(self) -> None:
        """Serve until the web server ends the connection, or does not want it any more."""
        self._keepGoing = True
        try:
            while self._keepGoing:
                self.process_input()
        except (EOFError, KeyboardInterrupt, OSError, ValueError, struct.error, ProtocolError):
            pass  # the peer is gone, or speaks no FastCGI
        finally:
            self._cleanupSocket()

    def _cleanupSocket(self) -> None:
        """End the connection, in the way that what was sent arrives."""
        try:
            self._sock.shutdown(socket.SHUT_WR)
            while waiting.wait(self._sock, timeout=_LINGER) and self._sock.recv(65536):
                pass
        except (OSError, ValueError):
            pass  # closed already
        self._sock.close()

    def process_input(self) -> None:
        """Receive one record and do what it asks for. Raises ``EOFError`` at the end of the connection."""
        deadline = monotonic() + waiting.SILENCE
        while not waiting.wait(self._sock, timeout=min(_LOOK, waiting.SILENCE)):
            if not self._keepGoing:
                return
            if self._expects() and monotonic() >= deadline:
                raise EOFError("the peer stays silent in the middle of a request")
        record = Record()
        record.read(self._sock)
        handlers = {
            fcgi.FCGI_GET_VALUES: self._do_get_values,
            fcgi.FCGI_BEGIN_REQUEST: self._do_begin_request,
            fcgi.FCGI_ABORT_REQUEST: self._do_abort_request,
            fcgi.FCGI_PARAMS: self._do_params,
            fcgi.FCGI_STDIN: self._do_stdin,
            fcgi.FCGI_DATA: self._do_data,
        }
        handler = handlers.get(record.type)
        if handler is not None:
            handler(record)
        elif record.requestId == fcgi.FCGI_NULL_REQUEST_ID:
            self._do_unknown_type(record)

    def _expects(self) -> bool:
        """Say whether the peer owes us something."""
        return bool(self._requests)

    def writeRecord(self, rec: Record) -> None:
        """Send a record."""
        rec.write(self._sock)

    def end_request(
        self, req: Request, appStatus: int = 0, protocolStatus: int = fcgi.FCGI_REQUEST_COMPLETE, remove: bool = True
    ) -> None:
        """Send END_REQUEST; where the web server did not ask to keep it, this was the connection's last request."""
        self._answer(
            fcgi.FCGI_END_REQUEST, struct.pack(fcgi.FCGI_EndRequestBody, appStatus, protocolStatus), req.requestId
        )
        if remove:
            self._requests.pop(req.requestId, None)
        if not (req.flags & fcgi.FCGI_KEEP_CONN or self._requests):
            self._keepGoing = False

    def _answer(self, kind: int, content: bytes, request_id: int = fcgi.FCGI_NULL_REQUEST_ID) -> None:
        record = Record(kind, request_id)
        record.contentData = content
        record.contentLength = len(content)
        self.writeRecord(record)

    def _do_get_values(self, inrec: Record) -> None:
        known = {name.encode("latin-1"): str(value).encode() for name, value in self.server.capability.items()}
        asked = [name for name, _ in wire.decode_pairs(inrec.contentData) if name in known]
        self._answer(fcgi.FCGI_GET_VALUES_RESULT, wire.encode_pairs([(name, known[name]) for name in asked]))

    def _do_begin_request(self, inrec: Record) -> None:
        role, flags = struct.unpack(fcgi.FCGI_BeginRequestBody, inrec.contentData)
        req = self.server.request_class(self, self._inputStreamClass, self._timeout)
        req.requestId, req.role, req.flags, req.aborted = inrec.requestId, role, flags, False
        if self._requests and not self._multiplexed:
            self.end_request(req, 0, fcgi.FCGI_CANT_MPX_CONN, remove=False)
        else:
            self._requests[inrec.requestId] = req
            self._params[inrec.requestId] = bytearray()

    def _do_abort_request(self, inrec: Record) -> None:
        req = self._requests.get(inrec.requestId)
        if req is None:
            return
        req.aborted = True
        if self._params.pop(inrec.requestId, None) is not None:  # it has not begun: this is its answer (section 5.4)
            self.end_request(req)
        else:
            req.stdin.break_off()
            req.data.break_off()

    def _start_request(self, req: Request) -> None:
        self._run_request(req)

    def _run_request(self, req: Request) -> None:
        """Serve a request. One that breaks off takes the connection along: an END_REQUEST would call it complete."""
        try:
            req.run()
        except BaseException:  # SystemExit too: the connection would wait for a request that is no more
            try:
                if not req.aborted:
                    traceback.print_exc(file=req.stderr)
                req.stderr.flush()
            except (OSError, ValueError):
                pass  # the peer is gone, perhaps after all was said
            finally:
                self._keepGoing = False
                self._requests.pop(req.requestId, None)

    def _do_params(self, inrec: Record) -> None:
        req = self._requests.get(inrec.requestId)
        params = self._params.get(inrec.requestId)
        if req is None or params is None:
            return
        if inrec.contentLength:
            params += inrec.contentData
            if len(params) > MAX_PARAMS:
                raise ValueError("too many parameters")
            return
        for name, value in wire.decode_pairs(bytes(params)):
            req.params[name.decode("latin-1")] = value.decode("latin-1")
        del self._params[inrec.requestId]
        self._start_request(req)

    def _do_stdin(self, inrec: Record) -> None:
        req = self._requests.get(inrec.requestId)
        if req is not None:
            req.stdin.add_data(inrec.contentData)

    def _do_data(self, inrec: Record) -> None:
        req = self._requests.get(inrec.requestId)
        if req is not None:
            req.data.add_data(inrec.contentData)

    def _do_unknown_type(self, inrec: Record) -> None:
        self._answer(fcgi.FCGI_UNKNOWN_TYPE, struct.pack(fcgi.FCGI_UnknownTypeBody, inrec.type))


class MultiplexedConnection(Connection):
    """The same with several requests at a time, each in a thread of its own."""

    _multiplexed = True
    _inputStreamClass = MultiplexedInputStream

    def __init__(self, sock: socket.socket, addr: Any, server: Any, timeout: float | None) -> None:
        super().__init__(sock, addr, server, timeout)
        self._lock = threading.Condition(threading.RLock())
        self.inputs = Inputs()

    def _cleanupSocket(self) -> None:
        with self._lock:
            for request_id in self._params:  # what is not complete will never be served
                self._requests.pop(request_id, None)
            for req in self._requests.values():
                req.stdin.break_off()  # nothing more will come for those who wait
                req.data.break_off()
            while self._requests:
                self._lock.wait()
        super()._cleanupSocket()

    def _expects(self) -> bool:
        # Of a request that waits for nothing, the thread may be working.
        return bool(self._params or self.inputs.hungry)

    def writeRecord(self, rec: Record) -> None:
        """Send a record, between those of other requests."""
        with self._lock:
            super().writeRecord(rec)

    def end_request(
        self, req: Request, appStatus: int = 0, protocolStatus: int = fcgi.FCGI_REQUEST_COMPLETE, remove: bool = True
    ) -> None:
        """Send END_REQUEST; where the web server did not ask to keep it, the last request ends the connection."""
        with self._lock:
            super().end_request(req, appStatus, protocolStatus, remove)
            self._lock.notify_all()

    def _start_request(self, req: Request) -> None:
        try:
            threading.Thread(target=self._run_request, args=(req,), daemon=True).start()
        except RuntimeError:  # no thread can be had
            self.end_request(req, 0, fcgi.FCGI_OVERLOADED, remove=True)

    def _run_request(self, req: Request) -> None:
        super()._run_request(req)
        req.stdin.add_data(b"")  # nobody reads any more: nothing has to wait for that
        req.data.add_data(b"")
        with self._lock:
            self._lock.notify_all()
            if not (self._keepGoing or self._requests):
                # The thread that receives waits for the peer: this wakes it.
                try:
                    self._sock.shutdown(socket.SHUT_RDWR if req.aborted else socket.SHUT_RD)
                except OSError:
                    pass

    def _do_begin_request(self, inrec: Record) -> None:
        with self._lock:
            super()._do_begin_request(inrec)

    def _do_abort_request(self, inrec: Record) -> None:
        with self._lock:
            super()._do_abort_request(inrec)

    def _do_params(self, inrec: Record) -> None:
        with self._lock:
            super()._do_params(inrec)

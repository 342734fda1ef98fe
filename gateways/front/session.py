"""One connection from a client of the front: request after request, each handed to the backend.

read_head, parse_head       bytes -> RequestHead
Body.measure                the body, into memory or a temporary file: SCGI needs its length before the first byte
variables_for               RequestHead -> CGI variables
Client.send                 to the backend
Reply                       its response to the client, block by block
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from time import monotonic
from typing import TYPE_CHECKING

from gateways.client.body import Body
from gateways.client.variables import NotBelowMount, variables_for
from gateways.errors import BackendTimeout, ClientDisconnected, GatewayError, ProtocolError
from gateways.front.head import RequestHead, parse_head
from gateways.front.reader import Reader
from gateways.front.reply import Reply

if TYPE_CHECKING:
    from gateways.front import Front

#: How long the rest of a refused request is read, so that the client sees the refusal and not a reset.
LINGER = 2.0


class Session:
    """Serves one connection. ``idle`` is true while no request is in hand."""

    def __init__(self, front: Front, sock: socket.socket, remote: tuple[str, int]) -> None:
        self._front = front
        self._sock = sock
        self._remote = remote
        self._reader = Reader(sock, front.header_timeout, front.body_timeout)
        self.idle = True

    def run(self) -> None:
        """Serve requests until the client or the front ends the connection."""
        with closing(self._sock):
            try:
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while self._next_request() and self._serve():
                    pass
            except OSError:
                pass  # the client has gone; what it asked for is logged

    def wake(self) -> None:
        """Stop waiting for another request."""
        try:
            self._sock.shutdown(socket.SHUT_RD)
        except OSError:
            pass

    def _next_request(self) -> bool:
        # In this order, and the other way round in Front.shutdown: one of the two sees the other.
        self.idle = True
        if self._front.stopping:
            return False
        there = self._reader.wait(self._front.keepalive_timeout)
        self.idle = False
        return there

    def _serve(self) -> bool:
        """Serve one request; true when the connection can go on."""
        reply = Reply(self._sock, self._front.write_timeout)
        started = monotonic()
        line = "-"
        remark = ""
        try:
            block = self._reader.read_head()
            line = block.partition(b"\r\n")[0].decode("latin-1")
            head = parse_head(block)
            reply.prepare(head, may_keep=not self._front.stopping)
            remark = self._forward(head, reply)
        except ProtocolError as error:
            remark = str(error)
            self._refuse(reply, error)
        except ClientDisconnected as error:
            remark = str(error)
            reply.keep = False
        self._front.log.access(self._remote[0], line, reply.status, reply.sent, monotonic() - started, remark)
        return reply.keep

    def _forward(self, head: RequestHead, reply: Reply) -> str:
        """Hand the request to the backend and its response to the client; return what is to remark about it.

        Raises ``ProtocolError`` and ``ClientDisconnected`` for what the client does.
        """
        with closing(Body(self._blocks(head, reply))) as body:
            _store(body)
            try:
                variables = self._variables(head, body)
            except NotBelowMount:
                reply.answer("404 Not Found", f"only paths below {self._front.script_name} are served here")
                return ""
            except ValueError as error:
                raise ProtocolError(str(error), "400 Bad Request") from None
            try:
                response = self._front.client.send(variables, body)
            except ValueError as error:  # AJP13 and uwsgi have no room for long headers
                raise ProtocolError(str(error), "400 Bad Request") from None
            except GatewayError as error:
                return reply.fail(_gateway_status(error), str(error))
            try:
                with response:
                    return reply.relay(response)
            except ClientDisconnected:
                raise
            except GatewayError as error:
                return reply.fail(_gateway_status(error), str(error))

    def _variables(self, head: RequestHead, body: Body) -> list[tuple[bytes, bytes]]:
        has_body = head.chunked or head.content_length is not None
        return variables_for(
            head.method,
            head.target,
            head.headers,
            body.length if has_body else None,
            script_name=self._front.script_name,
            remote=self._remote,
            server=self._front.address,
            protocol=head.version,
        )

    def _blocks(self, head: RequestHead, reply: Reply) -> Iterator[bytes]:
        """Yield the request's body, up to the limit; ask for it first when the client waits to be asked."""
        limit = self._front.max_body
        too_large = ProtocolError(f"request body of more than {limit} bytes", "413 Content Too Large")
        if head.content_length and head.content_length > limit:
            raise too_large
        if head.expects and (head.content_length or head.chunked):
            reply.ask_for_body()
        size = 0
        for block in self._reader.body(head):
            size += len(block)
            if size > limit:
                raise too_large
            yield block

    def _refuse(self, reply: Reply, error: ProtocolError) -> None:
        """Answer a request that cannot be served, and read on for a while, so that the client gets to see the answer
        and not a reset (RFC 9112, section 9.6)."""
        deadline = monotonic() + LINGER
        try:
            reply.refuse(error.status, str(error))
            self._sock.shutdown(socket.SHUT_WR)
            while (left := deadline - monotonic()) > 0:
                self._sock.settimeout(left)
                if not self._sock.recv(65536):
                    break
        except OSError:
            pass  # the client has gone


def _store(body: Body) -> None:
    try:
        body.measure()
    except ClientDisconnected:
        raise
    except OSError as error:
        raise ProtocolError(f"the request body cannot be stored: {error}", "500 Internal Server Error") from None


def _gateway_status(error: GatewayError) -> str:
    if isinstance(error, BackendTimeout):
        return "504 Gateway Timeout"
    status: str | None = getattr(error, "status", None)
    return status if status and status.startswith("5") else "502 Bad Gateway"

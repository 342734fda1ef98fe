"""Which protocol does an address speak? It is asked, one connection for each protocol, with what does nothing there.

FastCGI, uwsgi and AJP13 have such a question in the protocol itself (GET_VALUES, a ping, CPING). HTTP and SCGI have
none: there it is a HEAD request for "/".
"""

from __future__ import annotations

import re
import socket
from time import monotonic

from gateways.addresses import Address, connect
from gateways.client import Client
from gateways.client.transports import TRANSPORTS
from gateways.errors import BackendTimeout, ConnectError, GatewayError

#: Enough to tell an answer by; no more of it is read.
_PREFIX = 16

#: A FCGI_GET_VALUES record that asks for FCGI_MPXS_CONNS (FastCGI 1.0, section 4.1). Who does not know management
#: records is asked with a request.
_GET_VALUES = b"\x01\x09\0\0\0\x11\x07\0\x0f\0FCGI_MPXS_CONNS" + b"\0" * 7
#: uwsgi: modifier1 100 is a ping; it is echoed with modifier2 1.
_UWSGI_PING = b"\x64\0\0\0"
#: AJP13: CPING, answered by CPONG.
_CPING = b"\x12\x34\0\x01\x0a"
_HEAD = b"HEAD / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: gateways-doctor\r\nConnection: close\r\n\r\n"

#: In this order they are tried: the most usual first; SCGI is last, because to ask it means to run the application.
_QUESTIONS = {
    "fastcgi": (_GET_VALUES, re.compile(rb"\x01[\x03\x06\x07\x0a\x0b]", re.DOTALL)),
    "http": (_HEAD, re.compile(rb"HTTP/")),
    "uwsgi": (_UWSGI_PING, re.compile(rb"\x64\0\0[\0\x01]", re.DOTALL)),
    "ajp": (_CPING, re.compile(rb"AB\0\x01\x09", re.DOTALL)),
}


def names(protocol: str) -> str:
    """Return what a person calls the protocol with that key: "FastCGI"."""
    return TRANSPORTS[protocol].name


def spoken(address: Address, timeout: float, first: str | None = None) -> str | None:
    """Return the protocol that ``address`` speaks, or None when it speaks none that is known.

    ``first`` is tried before the others. ``timeout``, in seconds, holds for each of them. Raises ``ConnectError`` when
    nothing listens, and ``BackendTimeout`` when it takes connections and never sent a byte nor closed one of them.
    """
    order = sorted([*_QUESTIONS, "scgi"], key=lambda protocol: protocol != first)
    silent = 0
    for protocol in order:
        try:
            if speaks(protocol, address, timeout):
                return protocol
        except BackendTimeout:
            silent += 1
    if silent == len(order):
        raise BackendTimeout(f"{address}: no answer in any protocol for {timeout:g} s each")
    return None


def speaks(protocol: str, address: Address, timeout: float) -> bool:
    """Say whether ``address`` answers in ``protocol``.

    Raises ``ConnectError`` when nothing listens, and ``BackendTimeout`` when it said nothing for ``timeout`` seconds:
    then it is another protocol, or nobody is free to answer.
    """
    if protocol in _QUESTIONS:
        question, answer = _QUESTIONS[protocol]
        return _answers(address, question, answer, timeout) or (
            protocol == "fastcgi" and _responds(protocol, address, timeout)
        )
    return _responds(protocol, address, timeout)


def _answers(address: Address, question: bytes, answer: re.Pattern[bytes], timeout: float) -> bool:
    """Send a question, and say whether what comes is the answer."""
    data = b""
    end = monotonic() + timeout
    with connect(address, timeout) as sock:
        try:
            sock.sendall(question)
            while not answer.match(data) and len(data) < _PREFIX:
                sock.settimeout(max(0.001, end - monotonic()))
                block = sock.recv(_PREFIX)
                if not block:
                    break
                data += block
        except (socket.timeout, TimeoutError):
            if not data:
                raise BackendTimeout(f"{address}: no answer for {timeout:g} s") from None
        except OSError:
            pass  # reset: it did not like the question
    return bool(answer.match(data))


def _responds(protocol: str, address: Address, timeout: float) -> bool:
    """Say whether a whole request is answered. An answer that breaks off or is wrong is none: it may be an accident."""
    try:
        with Client(protocol, str(address), timeout=timeout, keep=False, limit=timeout).request("HEAD", "/"):
            return True
    except (ConnectError, BackendTimeout):
        raise
    except GatewayError:
        return False

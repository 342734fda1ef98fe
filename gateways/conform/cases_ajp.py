"""The cases of AJP13 (numbers A), after the protocol overview of Apache's mod_proxy_ajp and Tomcat's tests."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

from gateways.adapters.ajp import packets as ajp
from gateways.conform.ajp_checks import (
    closing,
    never_asked_again,
    pongs,
    says_it_ends,
)
from gateways.conform.case import HALF_CLOSE, LEAVE, Await, Case, Flood, Trial, case
from gateways.conform.judgement import TOO_LARGE, bounded, broken_off, closed, either, served, unserved

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateways.conform.case import Fair

#: Numbers that nobody can check from outside within seconds.
NOT_RUN = {"A23": "a piece of the body that is asked for and does not come: the backend's own body timeout"}

_PORT = b"\x0a" + ajp.string(b"AJP_REMOTE_PORT") + ajp.string(b"4711")
_LENGTH, _AUTHORIZATION = 0xA008, 0xA005
GET, POST = 2, 4

Header = tuple["bytes | int", "bytes | None"]


class Forward:
    """Writes FORWARD_REQUEST for fair requests, with whatever is wrong in them."""

    def __init__(self, fair: Fair) -> None:
        self._uri = fair.uri
        self.secret = fair.secret

    def __call__(
        self,
        *headers: Header,
        method: int = GET,
        attributes: bytes = _PORT,
        count: int | None = None,
        end: bytes = b"\xff",
        secret: bool = True,
    ) -> bytes:
        path, mark, query = self._uri.partition(b"?")
        fields = [ajp.string(text) for text in (b"HTTP/1.1", path, b"192.0.2.1")]
        fields += [b"\xff\xff", ajp.string(b"example.test"), pack(">HB", 80, 0)]
        lines = [_name(name) + (b"\xff\xff" if value is None else ajp.string(value)) for name, value in headers]
        number = ajp.integer(len(lines) if count is None else count)
        if mark:
            attributes += bytes((ajp.QUERY_STRING,)) + ajp.string(query)
        if secret and self.secret is not None:
            attributes += coded(ajp.SECRET, self.secret)
        return packet(b"".join([bytes((ajp.FORWARD_REQUEST, method)), *fields, number, *lines, attributes, end]))

    def post(self, data: bytes, *headers: Header) -> bytes:
        """Write a POST request whose body is one piece."""
        return self((_LENGTH, b"%d" % len(data)), *headers, method=POST) + body(data)


def _name(name: bytes | int) -> bytes:
    return ajp.integer(name) if isinstance(name, int) else ajp.string(name)


def packet(payload: bytes) -> bytes:
    """Frame a packet of the web server."""
    return ajp.packet(ajp.FROM_WEB_SERVER, payload)


def body(data: bytes) -> bytes:
    """Frame a piece of a body."""
    return packet(ajp.integer(len(data)) + data)


def coded(code: int, value: bytes) -> bytes:
    """Write an attribute that has a code."""
    return bytes((code,)) + ajp.string(value)


def named(name: bytes, value: bytes) -> bytes:
    """Write an attribute that has a name."""
    return bytes((ajp.REQ_ATTRIBUTE,)) + ajp.string(name) + ajp.string(value)


def cases(fair: Fair) -> list[Case]:
    """Return all cases that can be run, in order."""
    forward = Forward(fair)
    found = [*_packets(forward), *_requests(forward), *_attributes(forward), *_bodies(forward), *_answers(forward)]
    return sorted(found, key=lambda one: one.number)


def _packets(forward: Forward) -> Iterable[Case]:
    good = forward.post(b"hello")
    wrong = "close: a packet of the web server begins with 12 34"
    yield case(
        "A01",
        "a packet that begins with 41 42; HTTP",
        wrong,
        *(Trial((data,), closed, unserved) for data in (b"AB\0\1\x09" + good, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")),
    )
    yield case("A02", "a packet of no bytes", "close", Trial((packet(b"") + good,), closed, unserved))
    yield case(
        "A03",
        "packets of 8189 and of 65535 bytes",
        "close before anything is allocated (Packet Size)",
        *(
            Trial((data,), closed, unserved)
            for data in (b"\x12\x34\x1f\xfd" + bytes(8189), b"\x12\x34\xff\xff" + bytes(65535))
        ),
    )
    ping = packet(bytes((ajp.CPING,)))
    yield case(
        "A04",
        "CPING before a request, between two, and without end",
        "CPONG for each; output is bounded",
        Trial((ping * 3, Await(0, 3), good, Await(), ping, Await(1, 4), LEAVE), pongs(4, b"hello"), unserved, "asked"),
        Trial((Flood(ping * 10_000, 640), LEAVE), bounded, unserved, "without end"),
    )
    yield case(
        "A18",
        "SHUTDOWN",
        "ignored: nobody ends the backend by it",
        Trial(
            (packet(bytes((ajp.SHUTDOWN,))) + good, Await(), LEAVE),
            served(b"hello"),
            unserved,
        ),
    )


def _requests(forward: Forward) -> Iterable[Case]:
    behind = forward.post(b"evil", (b"X-Evil", b"1"))

    def refuse(number: str, sent: str, right: str, *data: bytes, statuses: tuple[int, ...] = (400,)) -> Case:
        return case(number, sent, right, *(Trial((piece + behind,), closing(*statuses), unserved) for piece in data))

    cut = "400, and END_RESPONSE without reuse"
    yield refuse(
        "A05",
        "a string that goes past the end of the packet",
        f"{cut} (CVE-2026-34032)",
        packet(b"\x02\x02\0\x20HTTP/1.1\0"),
    )
    yield refuse("A06", "a string without NUL at its end", cut, packet(b"\x02\x02\0\x08HTTP/1.1x"))
    yield refuse("A07", "an integer at the last byte", f"{cut} (CVE-2026-33857)", packet(b"\x02\x02\0"))
    yield case(
        "A08",
        "a header whose value is not there (ffff)",
        "an empty value, or none",
        Trial(
            (forward((_AUTHORIZATION, None), (b"X-A", None)), Await(), LEAVE),
            served(b""),
            unserved,
        ),
    )
    yield refuse(
        "A09",
        "65535 headers, of which there is one; 9",
        "refuse, with a limit",
        forward((b"A", b"1"), count=65535),
        forward((b"A", b"1"), count=9),
        statuses=TOO_LARGE,
    )
    yield refuse(
        "A10", "method codes 0, 28, ff without a stored method", cut, *(forward(method=code) for code in (0, 28, 255))
    )
    both = forward((b"Transfer-Encoding", b"chunked"), (_LENGTH, b"5"), method=POST)
    yield refuse("A11", "Transfer-Encoding and Content-Length", f"{cut} (CVE-2022-26377)", both)
    yield refuse("A12", "Content-Length 9, and 99", cut, forward((_LENGTH, b"9"), (_LENGTH, b"99"), method=POST))
    yield refuse("A17", "the attribute of code 15; no end", cut, forward(attributes=coded(15, b"x")), forward(end=b""))
    yield refuse(
        "A21",
        "headers of the codes a000, a00f, a0ff",
        f"{cut}: there are 01 to 0e",
        *(forward((code, b"x")) for code in (0xA000, 0xA00F, 0xA0FF)),
    )


def _attributes(forward: Forward) -> Iterable[Case]:
    names = (b"javax.servlet.include.path_info", b"wsgi.input", b"REMOTE_USER", b"SERVER_NAME")
    evil = b"".join(named(name, b"evil") for name in names)
    yield case(
        "A15",
        "attributes named javax.servlet.include.path_info, wsgi.input, REMOTE_USER, SERVER_NAME",
        "no variables of these names (Ghostcat, CVE-2020-1938)",
        Trial(
            (forward(attributes=_PORT + evil), Await(), LEAVE),
            served(b"", lacks=(b"REMOTE_USER", b"wsgi.input", *names[:1]), has=((b"SERVER_NAME", b"example.test"),)),
            unserved,
        ),
    )
    user = coded(ajp.REMOTE_USER, b"alice") + coded(ajp.AUTH_TYPE, b"Basic")
    yield case(
        "A16",
        "the user whom the web server has checked",
        "REMOTE_USER, or nothing of it",
        Trial(
            (forward(attributes=_PORT + user), Await(), LEAVE),
            served(b""),
            unserved,
        ),
    )
    if forward.secret is not None:
        without = forward(secret=False)
        wrong = forward(attributes=_PORT + coded(ajp.SECRET, b"wrong"), secret=False)
        yield case(
            "A14",
            "no secret; a wrong one; the right one",
            "403, and END_RESPONSE without reuse; served",
            *(Trial((data,), closing(403), unserved) for data in (without, wrong)),
            Trial((forward(), Await(), LEAVE), served(b"")),
        )


def _bodies(forward: Forward) -> Iterable[Case]:
    announced = forward((_LENGTH, b"9"), method=POST)
    pieces = {
        "no piece": (announced, HALF_CLOSE),
        "a piece whose length lies": (announced + packet(b"\xff\xffx"), HALF_CLOSE),
    }
    lies = [Trial(steps, broken_off, None, label) for label, steps in pieces.items()]
    early = Trial((announced + body(b"abc") + body(b""),), says_it_ends(b"abc"), broken_off, "an early end")
    yield case(
        "A13",
        "a body of 9 bytes that does not come, or lies about its length",
        "no answer as if it were whole",
        *lies,
        early,
    )
    evil = forward((b"X-Evil", b"1"))
    unread = forward((_LENGTH, b"%d" % len(evil * 9)), (b"X-Echo", b"early"), method=POST) + body(evil * 9) + evil
    yield case(
        "A19",
        "a request in the body of another, whose application does not read it",
        "the body is dropped, or the connection closed: it is never a request",
        Trial((unread, Await(), HALF_CLOSE), never_asked_again, unserved),
    )
    empty = [forward(method=POST), forward((_LENGTH, b"0"), method=POST)]
    yield case(
        "A20",
        "POST without a body",
        "no GET_BODY_CHUNK, and the connection stays",
        *(
            Trial(
                (data, Await(), forward(), Await(2), LEAVE),
                served(b"", b"", end="left"),
                either(unserved, served(b"", b"")),
            )
            for data in empty
        ),
    )


def _answers(forward: Forward) -> Iterable[Case]:
    long = (b"X-Long", bytes(range(0x80, 0xFF)) * 40)
    yield case(
        "A22",
        "a header of 5 KB, which an echo answers with 15 KB",
        "packets of at most 8192 bytes",
        Trial(
            (forward(long), Await(), LEAVE),
            served(b"", has=((b"HTTP_X_LONG", long[1]),)),
            unserved,
        ),
    )

"""The cases of the uwsgi protocol (numbers U), after uWSGI's Protocol.rst."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

from gateways.conform.case import HALF_CLOSE, Case, Drip, Trial, case
from gateways.conform.judgement import TOO_LARGE, broken_off, closed, either, noted, refused, served, unserved

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateways.conform.case import Fair, Pairs

#: Numbers that nobody can check from outside within seconds.
NOT_RUN: dict[str, str] = {}

EVIL = (b"EVIL", b"1")


def block(items: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Encode variables, whatever they are."""
    return b"".join([pack("<H", len(text)) + text for item in items for text in item])


def packet(data: bytes, modifier1: int = 0, modifier2: int = 0, size: int | None = None) -> bytes:
    """Frame a block; ``size`` is what is said of it."""
    return pack("<BHB", modifier1, len(data) if size is None else size, modifier2) + data


def request(params: Pairs, body: bytes = b"") -> bytes:
    """Frame a request."""
    return packet(block(params)) + body


def cases(fair: Fair) -> list[Case]:
    """Return all cases that can be run, in order."""
    return sorted([*_whole(fair), *_modifiers(fair), *_blocks(fair), *_bodies(fair)], key=lambda one: one.number)


def _whole(fair: Fair) -> Iterable[Case]:
    good = request(fair.post(5), b"hello")
    yield case("U01", "a request", "an answer, and the connection is closed", Trial((good,), served(b"hello")))
    yield case("U02", "U01, one byte per send", "as U01", Trial((Drip(good),), served(b"hello")))
    yield case(
        "U07",
        "modifier2 1",
        "ignored: it has no meaning with modifier1 0",
        Trial(
            (packet(block(fair.post(5)), 0, 1) + b"hello",),
            served(b"hello"),
            unserved,
        ),
    )
    plain = block(fair.post(5, (b"HTTP_X", b"")))
    full = (b"HTTP_X", b"v" * (65535 - len(plain)))
    yield case(
        "U15",
        "a block of 65535 bytes",
        "served: the size is a number of 16 bits",
        Trial(
            (request(fair.post(5, full), b"hello"),),
            served(b"hello", has=(full,)),
            unserved,
        ),
    )
    names = (b"FILE", b"SCRIPT", b"MODULE", b"CALLABLE", b"SETENV", b"CHDIR", b"PYHOME")
    loads = tuple((b"UWSGI_" + name, b"/no/such/" + name) for name in names)
    yield case(
        "U20",
        "UWSGI_FILE and its like",
        "plain text: nothing is loaded or set by it",
        Trial(
            (request(fair.post(5, *loads), b"hello"),),
            served(b"hello"),
            unserved,
        ),
    )
    doubles = ((b"HTTP_X_A", b"1"), (b"HTTP_X_A", b"2"))
    joined = Trial(
        (request(fair.post(5, *doubles), b"hello"),),
        served(b"hello", has=((b"HTTP_X_A", b"1, 2"),)),
        either(unserved, served(b"hello")),
        "headers",
    )
    users = Trial(
        (request(fair.post(5, (b"REMOTE_USER", b"a"), (b"REMOTE_USER", b"b")), b"hello"),),
        refused(),
        either(unserved, served(b"hello")),
        "REMOTE_USER",
    )
    yield case("U23", "variables twice", "headers joined (nginx sends them), two users refused", joined, users)


def _modifiers(fair: Fair) -> Iterable[Case]:
    code = b"raise SystemExit(3)"
    behind = request(fair.get(EVIL))
    yield case(
        "U03",
        "modifier1 22: evaluate Python code",
        "refuse, and evaluate nothing",
        Trial(
            (packet(code, 22) + behind,),
            closed,
            unserved,
        ),
    )
    ping = packet(b"", 100)
    yield case(
        "U04",
        "modifier1 100: a ping",
        "a pong (64 00 00 01), or closed",
        Trial(
            (ping, HALF_CLOSE),
            either(noted("pong", then=lambda seen: not seen.answers), closed),
            unserved,
        ),
    )
    for number, modifier in (("U05", 255), ("U06", 5)):
        yield case(
            number,
            f"modifier1 {modifier}",
            "refuse: only 0 (and 30) are requests",
            Trial(
                (packet(code, modifier) + behind,),
                closed,
                unserved,
            ),
        )
    http = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Filler: y\r\n" * 4200 + b"\r\n"
    yield case("U21", "HTTP, 54 KB of it", "close: modifier1 71", Trial((http,), closed, unserved))


def _blocks(fair: Fair) -> Iterable[Case]:
    good = block(fair.get())

    def refuse(number: str, sent: str, right: str, *data: bytes) -> Case:
        return case(number, sent, right, *(Trial((piece + bytes(100),), refused(), unserved) for piece in data))

    past = "refuse: it goes past the end of the block"
    yield refuse("U08", "a block of no bytes", "refuse: there is no REQUEST_METHOD", packet(b""))
    yield case(
        "U09",
        "a block that breaks off, then a half-close",
        "close, and ask no application",
        Trial(
            (packet(good)[:-1], HALF_CLOSE),
            closed,
            unserved,
        ),
    )
    yield refuse("U10", "the last pair cut off", past, packet(good[:-1]))
    yield refuse("U11", "a name of 65535 bytes", past, packet(good + b"\xff\xffNAME"))
    yield refuse("U12", "a value of 255 bytes, of which there is one", past, packet(good + b"\4\0NAME\xff\0v"))
    yield case(
        "U13",
        "a pair without a name",
        "refused, or dropped",
        Trial(
            (packet(good + b"\0\0\1\0x"),),
            either(refused(), served(b"", lacks=(b"",))),
            unserved,
        ),
    )
    yield refuse("U14", "a byte behind the last pair", "refuse", packet(good + b"\0"))
    nul = [packet(good + block([pair])) for pair in ((b"HTTP_X", b"a\0b"), (b"HTTP_X\0Y", b"ab"))]
    yield refuse("U22", "NUL in a value, in a name", "refuse", *nul)
    yield case(
        "U25",
        "13 000 variables",
        "431 or 400: there is a limit",
        Trial(
            (packet(b"\1\0A\0\0" * 13107),),
            refused(*TOO_LARGE),
            unserved,
        ),
    )
    long = block(fair.get((b"HTTP_X", b"x" * 65_400), (b"HTTP_Y", b"y" * 1000)))
    yield case(
        "U24",
        "variables of 66 KB, their size cut to 16 bits by the sender",
        "refuse; the rest is no request",
        Trial((packet(long, size=len(long) & 0xFFFF),), refused(), unserved),
    )


def _bodies(fair: Fair) -> Iterable[Case]:
    for number, value in (("U16", b"-1"), ("U17", b"5x")):
        yield case(
            number,
            f"CONTENT_LENGTH '{value.decode('ascii')}'",
            "400 (RFC 3875, 4.1.2)",
            Trial(
                (request(fair.post(value), b"hello"),),
                refused(),
                unserved,
            ),
        )
    yield case(
        "U18",
        "CONTENT_LENGTH 5, and a body of 3, then a half-close",
        "not answered as if it were whole",
        Trial(
            (request(fair.post(5), b"abc"), HALF_CLOSE),
            broken_off,
            served(b"abc"),
        ),
    )
    evil = request(fair.get(EVIL))
    undeclared = Trial((request(fair.get()) + evil,), served(b"", lacks=EVIL[:1]), unserved, "no length")
    declared = Trial((request(fair.post(3), b"abc") + evil,), served(b"abc", lacks=EVIL[:1]), unserved, "length 3")
    yield case("U19", "a second packet behind the request", "never a request (uWSGI #2336)", undeclared, declared)

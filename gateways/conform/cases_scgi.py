"""The cases of SCGI (numbers S). Sections are those of its protocol of 2008-06-23."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.conform.case import HALF_CLOSE, Case, Drip, Trial, case
from gateways.conform.judgement import TOO_LARGE, broken_off, closed, either, refused, served, unserved

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateways.conform.case import Fair, Pairs
    from gateways.conform.seen import Seen

#: Numbers that nobody can check from outside within seconds.
NOT_RUN: dict[str, str] = {}

EVIL = (b"EVIL", b"1")
_MIB = 1 << 20
_SCGI = (b"SCGI", b"1")


def netstring(block: bytes) -> bytes:
    """Frame a header block."""
    return b"%d:%s," % (len(block), block)


def headers(items: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Encode headers in this order, whatever they are."""
    return b"".join([b"%s\0%s\0" % item for item in items])


def request(params: Pairs, body: bytes = b"") -> bytes:
    """Frame a request; the first of ``params`` is its CONTENT_LENGTH."""
    return netstring(headers((params[0], _SCGI, *params[1:]))) + body


def cases(fair: Fair) -> list[Case]:
    """Return all cases that can be run, in order."""
    return sorted([*_whole(fair), *_netstrings(fair), *_headers(fair), *_bodies(fair)], key=lambda one: one.number)


def _whole(fair: Fair) -> Iterable[Case]:
    good = request(fair.post(5), b"hello")
    yield case("S01", "a request", "an answer, and the connection is closed (2)", Trial((good,), served(b"hello")))
    yield case("S02", "S01, one byte per send", "as S01", Trial((Drip(good),), served(b"hello")))
    yield case(
        "S25",
        "a second request on the connection",
        "one request per connection (2): it is ignored",
        Trial(
            (request(fair.post(3), b"one") + request(fair.post(3, EVIL), b"two"),),
            served(b"one", lacks=EVIL[:1]),
            broken_off,
        ),
    )
    yield case("S26", "20 bytes, then closed", "no answer", Trial((good[:20], HALF_CLOSE), closed, unserved))
    large = (b"HTTP_X", b"x" * 60_000)
    yield case(
        "S28",
        "a value of 60 000 bytes",
        "served, or refused by a limit",
        Trial(
            (request(fair.post(5, large), b"hello"),),
            served(b"hello", has=(large,)),
            unserved,
        ),
    )
    least = tuple(pair for pair in fair.post(0) if pair[0] not in (b"SCRIPT_NAME", b"REQUEST_METHOD"))
    yield case(
        "S31",
        "no SCRIPT_NAME and no REQUEST_METHOD",
        "400, or their defaults; never an exception",
        Trial(
            (request(least),),
            either(refused(), served(b"")),
            lambda seen: unserved(seen) and _no_failure(seen),
        ),
    )
    odd = (b"HTTP_A", bytes(range(1, 256)))
    yield case(
        "S32",
        "a value of all bytes but NUL",
        "the same bytes (PEP 3333: latin-1 text)",
        Trial(
            (request(fair.post(5, odd), b"hello"),),
            served(b"hello", has=(odd,)),
            unserved,
        ),
    )


def _no_failure(seen: Seen) -> bool:
    return all(answer.status < 500 for answer in seen.answers)


def _netstrings(fair: Fair) -> Iterable[Case]:
    good = request(fair.post(5), b"hello")

    def refuse(number: str, sent: str, right: str, data: bytes, large: bool = False) -> Case:
        either_way = either(closed, refused(*TOO_LARGE if large else (400,)))
        return case(number, sent, right, Trial((data,), either_way, unserved))

    netstrings = "refuse (4, netstrings)"
    yield refuse("S07", "a length with a zero before it", netstrings, b"0" + good)
    yield refuse("S08", "the length 1x", netstrings, b"1x:")
    yield refuse("S09", "no length at all", netstrings, b":")
    yield refuse("S10", "the length -5", netstrings, b"-5:")
    yield refuse("S11", "a length of 20 digits", "refuse at once, by a limit", b"9" * 20 + b":", True)
    yield refuse("S12", "100 000 digits", "refuse after some digits", b"9" * 100_000, True)
    yield refuse("S13", "no comma behind the headers", netstrings, good.replace(b"\0,hello", b"\0;hello"))
    yield refuse("S27", "HTTP", netstrings, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    yield refuse("S30", "0:,", "refuse: there is no CONTENT_LENGTH (3)", b"0:,")
    large = request(fair.post(0, (b"HTTP_X", b"x" * _MIB)))
    yield case(
        "S29",
        "1 MiB of headers",
        "431 or 400: there is a limit",
        Trial(
            (large,),
            either(refused(*TOO_LARGE), closed),
            either(unserved, served(b"")),
        ),
    )


def _headers(fair: Fair) -> Iterable[Case]:
    post = fair.post(5)
    rest = post[1:]

    def refuse(number: str, sent: str, right: str, *blocks: bytes) -> Case:
        return case(number, sent, right, *(Trial((block + b"hello",), refused(), unserved) for block in blocks))

    def lengths(value: bytes) -> bytes:
        return request(fair.post(value))

    first = "refuse (3: the first header is CONTENT_LENGTH)"
    yield refuse("S03", "CONTENT_LENGTH not first", first, netstring(headers((_SCGI, post[0], *rest))))
    yield refuse("S04", "no CONTENT_LENGTH", first, netstring(headers((_SCGI, *rest))))
    yield refuse("S05", "no SCGI header", "refuse (3)", netstring(headers(post)))
    yield refuse("S06", "SCGI 2", "refuse (3)", netstring(headers((post[0], (b"SCGI", b"2"), *rest))))
    block = headers((post[0], _SCGI, *rest))
    yield refuse("S14", "a name without a value", "refuse (3)", netstring(block + b"ODD\0"))
    yield refuse("S15", "no NUL at the end", "refuse (3)", netstring(block[:-1]))
    yield refuse("S16", "a header without a name", "refuse (3: name ::= notnull+)", netstring(block + b"\0x\0"))
    users = request(fair.post(5, (b"REMOTE_USER", b"alice"), (b"REMOTE_USER", b"root"))) + b"hello"
    yield case(
        "S17",
        "two values of REMOTE_USER",
        "refuse (3: duplicate names are not allowed)",
        Trial(
            (users,),
            refused(),
            either(unserved, served(b"hello")),
        ),
    )
    yield refuse("S18", "CONTENT_LENGTH 5, and 3", "refuse (3)", request(fair.post(5, (b"CONTENT_LENGTH", b"3"))))
    digits = "refuse (3: digits)"
    for number, value in (("S19", b"-1"), ("S20", b"+5"), ("S21", b""), ("S22", b"0x5")):
        yield refuse(number, f"CONTENT_LENGTH '{value.decode('ascii')}'", digits, lengths(value))


def _bodies(fair: Fair) -> Iterable[Case]:
    short: Sequence[Case] = (
        case(
            "S23",
            "CONTENT_LENGTH 5, and a body of 3, then a half-close",
            "not answered as if it were whole (2)",
            Trial((request(fair.post(5), b"abc"), HALF_CLOSE), broken_off, served(b"abc")),
        ),
        case(
            "S24",
            "a body longer than CONTENT_LENGTH",
            "what is more is ignored",
            Trial((request(fair.post(3), b"abcdefgh"),), served(b"abc"), unserved),
        ),
        case(
            "S33",
            "10 GB announced, nothing sent, then a half-close",
            "not answered as if it were whole",
            Trial((request(fair.post(10**10)), HALF_CLOSE), broken_off, served(b"")),
        ),
    )
    return short

"""The cases of FastCGI 1.0 that are about its streams: variables, bodies, and how both are cut into records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.adapters.fastcgi import records as fcgi
from gateways.conform import fastcgi_checks as checks
from gateways.conform.case import HALF_CLOSE, LEAVE, Await, Case, Trial, case
from gateways.conform.fastcgi_frames import EVIL, block, cut, raw, request, start, stdin
from gateways.conform.judgement import (
    TOO_LARGE,
    closed,
    either,
    ends,
    refused,
    served,
    unserved,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateways.conform.case import Fair


def streams(fair: Fair) -> Iterable[Case]:
    """Give the cases of how streams are cut, padded and ended."""
    pairs = fcgi.encode_pairs

    def serve(number: str, sent: str, right: str, data: bytes, *has: tuple[bytes, bytes], limit: bool = False) -> Case:
        body = b"hello"
        return case(number, sent, right, Trial((data,), served(body, has=has), unserved if limit else None))

    good = request(fair.post(5), b"hello")
    padded = (
        fcgi.begin_request(1)
        + cut(fcgi.PARAMS, 1, pairs(fair.post(5)), 999, 255)
        + cut(fcgi.STDIN, 1, b"hello", 2, 255)
    )
    yield serve("F15", "255 bytes of padding on every record", "skipped (3.3)", padded)
    large = pairs(fair.post(5, (b"HTTP_X", b"v" * 65535)))
    yield serve(
        "F16",
        "a value of 65535 bytes",
        "served with all of it (3.3)",
        fcgi.begin_request(1) + cut(fcgi.PARAMS, 1, large, 65535, 255) + stdin(b"hello"),
        (b"HTTP_X", b"v" * 65535),
        limit=True,
    )
    long = (b"HTTP_LONG", b"a long value, " * 20)
    sevens = fcgi.begin_request(1) + cut(fcgi.PARAMS, 1, pairs(fair.post(5, long)), 7) + stdin(b"hello")
    yield serve("F17", "PARAMS in records of 7 bytes", "the stream counts, not how it is cut (3.3)", sevens, long)
    wide = b"".join((len(text) | 1 << 31).to_bytes(4, "big") for pair in [(b"A", b"1")] for text in pair) + b"A1"
    yield serve(
        "F18",
        "lengths of four bytes for short strings",
        "served (3.4)",
        block(wide + pairs(fair.post(5))),
        (b"A", b"1"),
    )
    late = cut(fcgi.PARAMS, 1, pairs([(b"REMOTE_USER", b"root")]), 99)
    yield case(
        "F38",
        "PARAMS behind their end (REMOTE_USER=root)",
        "never merged: the stream is over (3.3)",
        Trial(
            (start(fair.post(5)) + late + stdin(b"hello"),),
            served(b"hello", lacks=(b"REMOTE_USER",)),
            unserved,
        ),
    )
    hidden = request(fair.get(EVIL))
    steps = (
        request(fair.post(3), b"one", keep=True) + stdin(hidden),
        Await(),
        request(fair.post(3), b"two", id=2, keep=True),
        Await(2),
        LEAVE,
    )
    yield case(
        "F39",
        "STDIN behind its end, with a request in it, then another request",
        "ignored (3.3)",
        Trial(
            steps,
            served(b"one", b"two", lacks=EVIL[:1]),
            checks.first_then_closed,
        ),
    )
    odd = cut(fcgi.PARAMS, 1, pairs(fair.post(5)), 65535, 0, 255) + cut(fcgi.STDIN, 1, b"hello", 9, 0, 255)
    yield serve("F44", "ff in the reserved byte", "ignored (3.3)", fcgi.begin_request(1) + odd)
    strange = start(fair.post(5)) + cut(fcgi.DATA, 1, b"xx", 9) + stdin(b"hello")
    yield case(
        "F51",
        "DATA in a request of a responder",
        "ignored or closed, never body (6.2)",
        Trial(
            (strange,),
            either(served(b"hello"), closed),
            unserved,
        ),
    )
    early = fcgi.begin_request(1) + raw(fcgi.STDIN, 1, b"hel") + start(fair.post(5))[16:] + stdin(b"lo")
    yield case(
        "F14",
        "STDIN before the end of PARAMS",
        "kept for later, or closed (6.1)",
        Trial(
            (early,),
            either(closed, served(b"hello")),
            unserved,
        ),
    )
    yield case(
        "F41",
        "a request, then a half-close",
        "the whole answer (3.5)",
        Trial(
            (good, HALF_CLOSE),
            served(b"hello"),
        ),
    )


def parameters(fair: Fair) -> Iterable[Case]:
    """Give the cases of what may be in PARAMS, and what may not."""
    pairs = fcgi.encode_pairs

    def refuse(number: str, sent: str, right: str, *data: bytes, statuses: Sequence[int] = ()) -> Case:
        return case(number, sent, right, *(Trial((piece,), refused(*statuses), unserved) for piece in data))

    yield refuse(
        "F19",
        "lengths of 2 GiB before 8 bytes",
        "400: nothing is allocated from a length that lies (3.4, CVE-2025-23016)",
        block(b"\xff" * 8 + b"8 bytes."),
        statuses=TOO_LARGE,
    )
    yield refuse("F20", "the last pair cut off", "400 (3.4)", block(pairs(fair.post(5, (b"HTTP_X", b"cut")))[:-1]))
    empty = block(pairs(fair.post(5, (b"", b"value"))))
    yield case(
        "F21",
        "a pair without a name",
        "dropped, or refused",
        Trial(
            (empty,),
            either(served(b"hello", lacks=(b"",)), refused()),
            unserved,
        ),
    )
    nul = [block(pairs(fair.post(5, pair))) for pair in ((b"HTTP_\0X", b"1"), (b"HTTP_X", b"a\0b"))]
    yield refuse("F22", "NUL in a name, in a value", "400 (6.1)", *nul)
    doubles = ((b"REMOTE_USER", b"alice"), (b"REMOTE_USER", b"bob"), (b"HTTP_X_A", b"1"), (b"HTTP_X_A", b"2"))
    policy = ((b"REMOTE_USER", b"bob"), (b"HTTP_X_A", b"1, 2"))
    yield case(
        "F23",
        "variables twice",
        "single values: the last; headers joined (nginx, HAProxy send them)",
        Trial(
            (block(pairs(fair.post(5, *doubles))),),
            served(b"hello", has=policy),
            either(unserved, served(b"hello")),
        ),
    )
    yield refuse("F24", "no variables at all", "400: there is no REQUEST_METHOD (RFC 3875, 4.1.12)", block(b"", b""))
    kinds = (b"5, 5", b"5x", b"+5", b"0x5")
    yield refuse(
        "F28",
        "CONTENT_LENGTH '5, 5', '5x', '+5', '0x5'",
        "400 (RFC 3875, 4.1.2)",
        *(request(fair.post(kind), b"hello") for kind in kinds),
    )
    proxy = block(pairs(fair.post(5, (b"HTTP_PROXY", b"http://evil.test/"))))
    yield case(
        "F43",
        "HTTP_PROXY",
        "dropped (httpoxy, CVE-2016-5385)",
        Trial(
            (proxy,),
            served(b"hello", lacks=(b"HTTP_PROXY",)),
            unserved,
        ),
    )
    many = block(pairs(fair.post(5, *((b"HTTP_%d" % number, b"x") for number in range(10_000)))))
    yield case(
        "F45",
        "10 000 variables",
        "431 or 400: there is a limit, and an answer",
        Trial(
            (many,),
            refused(*TOO_LARGE),
            either(unserved, served(b"hello")),
        ),
    )
    odd = ((b"wsgi.input", b"x"), (b"wsgi.errors", b"x"), (b"A=B", b"1"), (b"\xff", b"\xfe"))
    yield case(
        "F52",
        "variables named wsgi.input, A=B, \\xff",
        "they never take the place of what the gateway says (PEP 3333)",
        Trial(
            (block(pairs(fair.post(5, *odd))),),
            either(served(b"hello", lacks=(b"wsgi.input", b"wsgi.errors")), refused()),
            unserved,
        ),
    )


def bodies(fair: Fair) -> Iterable[Case]:
    """Give the cases of the body and its CONTENT_LENGTH, and roles that have another."""
    yield case(
        "F25",
        "CONTENT_LENGTH 5, and a body of 3",
        "3 bytes and the end (6.2)",
        Trial(
            (request(fair.post(5), b"abc"),),
            served(b"abc"),
            either(unserved, whole(1)),
        ),
    )
    yield case(
        "F26",
        "CONTENT_LENGTH 3, and a body of 8",
        "3 bytes (RFC 3875, 4.2), the rest dropped",
        Trial(
            (request(fair.post(3), b"abcdefgh"),),
            served(b"abc"),
            unserved,
        ),
    )
    yield case(
        "F27",
        "CONTENT_LENGTH -1, as Caddy sends for a chunked body",
        "all of the body, up to its end",
        Trial(
            (request(fair.post(b"-1"), b"hello"),),
            served(b"hello"),
            unserved,
        ),
    )
    hidden = request(fair.get(EVIL), keep=True) * 20
    steps = (
        request(fair.post(len(hidden), (b"HTTP_X_ECHO", b"early")), hidden, keep=True),
        Await(),
        request(fair.post(3), b"two", id=2, keep=True),
        Await(2),
        LEAVE,
    )
    yield case(
        "F57",
        "an answer before the body was read, then another request",
        "the rest of STDIN is ignored, and is no request (3.3)",
        Trial(steps, served(b"", b"two", lacks=EVIL[:1]), checks.first_then_closed),
    )
    authorizer = start(tuple(pair for pair in fair.get() if pair[0] not in _NOT_FOR_AUTHORIZERS), role=fcgi.AUTHORIZER)
    yield case(
        "F58",
        "an authorizer: no path, no body, no STDIN",
        "served with FCGI_ROLE (6.3), or UNKNOWN_ROLE",
        Trial(
            (authorizer,),
            either(served(b"", has=((b"FCGI_ROLE", b"AUTHORIZER"),)), ends(fcgi.UNKNOWN_ROLE)),
            either(unserved, served(b"")),
        ),
    )


_NOT_FOR_AUTHORIZERS = frozenset((b"PATH_INFO", b"SCRIPT_NAME", b"CONTENT_LENGTH"))

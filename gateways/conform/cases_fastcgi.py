"""The cases of FastCGI 1.0 (numbers F). Sections are those of its specification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.adapters.fastcgi import records as fcgi
from gateways.conform import fastcgi_checks as checks
from gateways.conform.case import HALF_CLOSE, LEAVE, PAUSE, RESET, Await, Case, Drip, Flood, Trial, case
from gateways.conform.cases_fastcgi_streams import bodies, parameters, streams
from gateways.conform.fastcgi_frames import EVIL, cut, raw, request, start, stdin
from gateways.conform.judgement import (
    anything,
    bounded,
    closed,
    either,
    ends,
    noted,
    served,
    unserved,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateways.conform.case import Fair

#: Numbers that nobody can check from outside within seconds, or that are not about a connection.
NOT_RUN = {
    "F54": "a peer that stops reading 100 MB: the backend's own write timeout",
    "F55": "a header in drops: the backend's own header timeout",
    "F56": "a body that does not come: the backend's own body timeout",
    "F59": "what descriptor 0 is when the backend starts",
    "F60": "FCGI_WEB_SERVER_ADDRS in the backend's environment",
}

_ASKED = (b"FCGI_MAX_CONNS", b"FCGI_MAX_REQS", b"FCGI_MPXS_CONNS")


def cases(fair: Fair) -> list[Case]:
    """Return all cases that can be run, in order."""
    found = [*_whole(fair), *_forbidden(fair), *_ids(fair), *streams(fair), *parameters(fair), *bodies(fair)]
    return sorted([*found, *_peers(fair)], key=lambda one: one.number)


def _whole(fair: Fair) -> Iterable[Case]:
    one, two = (request(fair.post(3), body, keep=True) for body in (b"one", b"two"))
    good = request(fair.post(5), b"hello")
    yield case(
        "F01",
        "a request, flags 0",
        "an answer, END_REQUEST, and the application closes (5.1)",
        Trial((good,), served(b"hello", end="closed")),
    )
    yield case(
        "F02",
        "KEEP_CONN, then a second request",
        "both answered, and the connection stays (5.1, 3.5)",
        Trial((one, Await(), two, Await(2), LEAVE), served(b"one", b"two", end="left"), checks.first_then_closed),
    )
    yield case("F03", "F01, one byte per send", "as F01 (3.3)", Trial((Drip(good),), served(b"hello")))
    yield case(
        "F04",
        "a management record of type 99, then F01",
        "UNKNOWN_TYPE 99, and on with the request (4.2)",
        Trial(
            (raw(99, 0, b"what?") + good,),
            noted("UNKNOWN_TYPE 99", then=served(b"hello")),
            either(unserved, served(b"hello")),
        ),
    )
    asking = fcgi.record(fcgi.GET_VALUES, 0, fcgi.encode_pairs((name, b"") for name in (*_ASKED, b"UNKNOWN")))
    yield case(
        "F05",
        "GET_VALUES with the three names and an unknown one",
        "GET_VALUES_RESULT with the known ones, the unknown one left out (4.1)",
        Trial((asking, Await(0, 1), LEAVE), checks.values(3), checks.values(0)),
    )
    asking = fcgi.record(fcgi.GET_VALUES, 0, fcgi.encode_pairs([(b"FCGI_MPXS_CONNS", b"")]))
    yield case(
        "F47",
        "GET_VALUES in the middle of a request",
        "answered at any time (4.1), and the request goes on",
        Trial((start(fair.post(5)) + asking + stdin(b"hello"),), checks.asked_meanwhile, served(b"hello")),
    )


def _forbidden(fair: Fair) -> Iterable[Case]:
    good = request(fair.post(5), b"hello")
    ignored = served(b"hello")

    def refuse(number: str, sent: str, right: str, *data: bytes, also: bool = False) -> Case:
        other = either(unserved, ignored) if also else unserved
        return case(number, sent, right, *(Trial((piece,), closed, other) for piece in data))

    yield refuse(
        "F06", "GET_VALUES with half a length (80 00)", "close (3.4)", raw(fcgi.GET_VALUES, 0, b"\x80\0") + good
    )
    yield refuse("F07", "version 2", "close (3.3, 8)", b"\2" + good[1:])
    zero = request(fair.post(5), b"hello", id=0)
    yield refuse("F10", "a request with id 0", "close: application records have an id (3.3)", zero)
    yield refuse("F11", "BEGIN_REQUEST of 3 bytes", "close (5.1)", raw(fcgi.BEGIN_REQUEST, 1, b"\0\1\0") + good[16:])
    yield refuse(
        "F12", "BEGIN_REQUEST of 16 bytes", "close (5.1)", raw(fcgi.BEGIN_REQUEST, 1, b"\0\1" + bytes(14)) + good[16:]
    )
    wrong = "close: the wrong direction (appendix A)"
    end = fcgi.end_request(1)
    yield case(
        "F36",
        "END_REQUEST from the web server",
        "close, or ignore it: its id is not active (3.3)",
        Trial((end + good,), either(closed, ignored), unserved),
    )
    yield refuse("F37", "STDOUT from the web server", wrong, raw(fcgi.STDOUT, 1, b"x") + good, also=True)
    text = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Filler: y\r\n" * 4200
    yield refuse("F42", "HTTP, 54 KB of it", "close: version 71", text)
    zero_type = Trial(
        (raw(0, 0) + good,), noted("UNKNOWN_TYPE 0", then=ignored), either(unserved, ignored), label="type 0"
    )
    middle = start(fair.post(5)) + raw(12, 1) + stdin(b"hello")
    twelve = Trial((middle,), either(closed, ignored), unserved, label="type 12, id 1")
    yield case(
        "F46", "record types 0 and 12", "UNKNOWN_TYPE for management (4.2); else close or ignore", zero_type, twelve
    )
    asking = raw(fcgi.GET_VALUES, 3, fcgi.encode_pairs([(b"FCGI_MPXS_CONNS", b"")]))
    yield refuse("F48", "GET_VALUES with id 3", "close: management has id 0 (3.3)", asking + good, also=True)


def _ids(fair: Fair) -> Iterable[Case]:
    begin = fcgi.begin_request
    nine = begin(1, 9) + start(fair.get())[16:] + stdin(b"")
    kept = begin(1, 9, True) + start(fair.get())[16:] + stdin(b"")
    again = request(fair.post(3), b"two", id=2, keep=True)
    yield case(
        "F08",
        "role 9",
        "END_REQUEST UNKNOWN_ROLE (5.5); a kept connection stays",
        Trial((nine,), ends(fcgi.UNKNOWN_ROLE), unserved, "closing"),
        Trial((kept, Await(), again, Await(2), LEAVE), checks.unknown_role_then(b"two"), unserved, "kept"),
    )
    data = ((b"FCGI_DATA_LAST_MOD", b"1234567890"), (b"FCGI_DATA_LENGTH", b"4"))
    filtered = start(fair.post(5, *data), role=fcgi.FILTER) + stdin(b"hello") + cut(fcgi.DATA, 1, b"data", 4)
    yield case(
        "F09",
        "role FILTER",
        "served as a filter (6.4), or END_REQUEST UNKNOWN_ROLE (5.5)",
        Trial(
            (filtered,),
            either(served(b"hello", has=((b"FCGI_ROLE", b"FILTER"),)), ends(fcgi.UNKNOWN_ROLE)),
            unserved,
        ),
    )
    evil = fcgi.encode_pairs([EVIL])
    good = request(fair.post(5), b"hello")
    stray = cut(fcgi.PARAMS, 7, evil, 99)
    yield case(
        "F13",
        "PARAMS of id 7, which is not active, then F01",
        "ignored (3.3)",
        Trial((stray + good,), served(b"hello", lacks=EVIL[:1]), unserved),
    )
    yield case(
        "F31",
        "ABORT_REQUEST of id 7, which is not active, then F01",
        "ignored (3.3)",
        Trial((raw(fcgi.ABORT_REQUEST, 7) + good,), served(b"hello"), unserved),
    )
    yield case(
        "F32",
        "BEGIN_REQUEST for an id that is active",
        "close: an id becomes active once (3.3)",
        Trial((begin(1) + good,), closed, either(unserved, checks.second_begin_refused(b"hello"))),
    )
    first = start(fair.post(4), keep=True) + raw(fcgi.STDIN, 1, b"bo")
    second = request(fair.post(3, EVIL), b"two", id=2, keep=True)
    yield case(
        "F33",
        "two requests interleaved on a connection",
        "END_REQUEST CANT_MPX_CONN for the second and the first goes on (5.5), or both, unmixed",
        Trial((first + second + stdin(b"dy"), Await(2), LEAVE), checks.interleaved(b"body", b"two"), unserved),
    )
    yield case(
        "F34",
        "id 65535",
        "the same id in every record (3.3)",
        Trial(
            (request(fair.post(5), b"hello", id=65535),),
            checks.with_ids(served(b"hello"), 65535),
        ),
    )
    both = request(fair.post(3), b"one", keep=True) + request(fair.post(3), b"two", id=2, keep=True)
    yield case(
        "F35",
        "two requests in one segment, KEEP_CONN",
        "both answered, in order (3.3)",
        Trial((both, Await(2), LEAVE), served(b"one", b"two"), checks.first_then_closed),
    )
    many = b"".join(begin(number, fcgi.RESPONDER, True) for number in range(2, 1001))
    finish = start(fair.post(5))[16:] + stdin(b"hello")
    yield case(
        "F50",
        "BEGIN_REQUEST for 1000 ids",
        "END_REQUEST CANT_MPX_CONN or OVERLOADED for each but the first (5.5)",
        Trial(
            (begin(1, fcgi.RESPONDER, True) + many + finish, Await(1000), LEAVE),
            checks.overloaded(b"hello", 999),
            either(unserved, checks.multiplexed(b"hello")),
        ),
    )


def _peers(fair: Fair) -> Iterable[Case]:
    good = request(fair.post(5), b"hello")
    abort = raw(fcgi.ABORT_REQUEST, 1)
    two = request(fair.post(3), b"two", keep=True)
    half = fcgi.begin_request(1, fcgi.RESPONDER, True) + raw(fcgi.PARAMS, 1, fcgi.encode_pairs(fair.get()))
    yield case(
        "F29",
        "ABORT_REQUEST in PARAMS, then another request",
        "END_REQUEST soon (5.4), the next is served",
        Trial((half + abort, Await(), two, Await(2), LEAVE), checks.aborted_then(b"two"), unserved),
    )
    half = start(fair.post(9), keep=True) + raw(fcgi.STDIN, 1, b"half")
    yield case(
        "F30",
        "ABORT_REQUEST in STDIN, then another request",
        "one END_REQUEST (5.4), the next is served",
        Trial(
            (half, PAUSE, abort + raw(fcgi.STDIN, 1), Await(), two, Await(2), LEAVE),
            checks.aborted_then(b"two"),
            unserved,
        ),
    )
    yield case("F40", "5 bytes, and a half-close", "close", Trial((good[:5], HALF_CLOSE), closed, unserved))
    flood = fcgi.record(fcgi.GET_VALUES, 0, fcgi.encode_pairs([(b"FCGI_MAX_CONNS", b"")])) * 1024
    yield case(
        "F49",
        "32 MB of GET_VALUES by a peer that never reads",
        "stop reading, or close: output is bounded",
        Trial((Flood(flood, 1024), LEAVE), bounded, checks.said_nothing),
    )
    yield case("F53", "a reset while an answer is awaited", "the backend serves on", Trial((good, RESET), anything))

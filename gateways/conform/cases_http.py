"""The cases of HTTP/1.1 (numbers H). Sections are those of RFC 9112, or of RFC 9110 where it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.conform.case import HALF_CLOSE, LEAVE, Await, Case, Drip, Trial, case
from gateways.conform.http_checks import continued, refused_alone
from gateways.conform.judgement import broken_off, closed, either, served, unserved, whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateways.conform.case import Fair

#: Numbers that nobody can check from outside within seconds, or that need an application of their own.
NOT_RUN = {
    "H22": "chunk extensions and millions of chunks: what they cost the backend",
    "H29": "a body of gigabytes that the application does not read: what it costs the backend",
    "H36": "an application that frames its own response",
    "H37": "an application that answers HEAD, 204 and 304 with a body",
    "H40": "heads and bodies in drops: the backend's own time limits",
}

_CHUNKED = b"Transfer-Encoding: chunked"
_CLOSE = b"Connection: close"
_BIG = 1 << 20
_TOO_LARGE = (431, 414, 400, 413)
_CODING = (400, 501)


class Write:
    """Writes requests for the page that is asked for, with whatever is wrong in them."""

    def __init__(self, fair: Fair) -> None:
        self.uri = fair.uri

    def __call__(
        self, *fields: bytes, line: bytes = b"", method: bytes = b"GET", body: bytes = b"", host: bytes = b"Host: a\r\n"
    ) -> bytes:
        first = line or method + b" " + self.uri + b" HTTP/1.1"
        return b"".join([first, b"\r\n", host, *[field + b"\r\n" for field in fields], b"\r\n", body])

    def post(self, body: bytes, *fields: bytes) -> bytes:
        """Write a POST request with a body of known length."""
        return self(*fields, b"Content-Length: %d" % len(body), method=b"POST", body=body)

    def chunked(self, body: bytes, *fields: bytes) -> bytes:
        """Write a POST request around a body that is chunked already."""
        return self(*fields, _CHUNKED, method=b"POST", body=body)


def cases(fair: Fair) -> list[Case]:
    """Return all cases that can be run, in order."""
    write = Write(fair)
    found = [*_lines(write), *_fields(write), *_lengths(write), *_bodies(write), *_connections(write), *_foreign(write)]
    return sorted(found, key=lambda one: one.number)


def _refuse(write: Write, number: str, sent: str, right: str, *data: bytes, codes: tuple[int, ...] = (400,)) -> Case:
    """A case of requests that are refused: another behind them must not run."""
    behind = write(b"X-Evil: 1")
    return case(number, sent, right, *(Trial((piece + behind,), refused_alone(*codes), unserved) for piece in data))


def _lines(write: Write) -> Iterable[Case]:
    good = write(_CLOSE)
    yield case(
        "H01", "an empty line before the request", "skipped (2.2)", Trial((b"\r\n" + good,), served(b""), unserved)
    )
    yield _refuse(
        write,
        "H02",
        "a bare CR in the request line, in a header",
        "400 (2.2)",
        write(line=b"GET /\r HTTP/1.1"),
        write(b"X: a\rb"),
    )
    yield case(
        "H03",
        "line ends without CR",
        "400: what two programs may read in two ways (2.2, CVE-2019-16785)",
        Trial((good.replace(b"\r\n", b"\n"),), refused_alone(400), either(unserved, served(b""))),
    )
    yield _refuse(
        write,
        "H04",
        "a control in the target, two spaces, tabs",
        "400 (3)",
        *(write(line=line) for line in (b"GET /\x01 HTTP/1.1", b"GET  / HTTP/1.1", b"GET\t/\tHTTP/1.1")),
    )
    versions = (b"GET /", b"GET / HTTP/1.11", b"GET / HTTP/2.0", b"GET / FTP/1.1", b"GET / HTTP/111")
    yield _refuse(
        write, "H05", "no version, and others", "400 or 505 (2.3)", *(write(line=x) for x in versions), codes=(400, 505)
    )
    methods = (b"bla:rgh", b"GET:", b"G\xc3\x89T")
    yield _refuse(
        write,
        "H06",
        "what is no method: bla:rgh, GET:, GÉT",
        "400 or 501 (RFC 9110, 9.1)",
        *(write(method=method) for method in methods),
        codes=_CODING,
    )
    targets = (b"GET foo HTTP/1.1", b"GET host:443 HTTP/1.1", b"GET * HTTP/1.1")
    yield _refuse(
        write, "H07", "targets that are no path: foo, host:443, *", "400 (3.2)", *(write(line=x) for x in targets)
    )
    yield _refuse(write, "H08", "a fragment", "400 (3.2)", write(line=b"GET /#x HTTP/1.1"))


def _fields(write: Write) -> Iterable[Case]:
    hosts = (b"", b"Host: a\r\nHost: b\r\n", b"Host: a b\r\n", b"Host: a/b\r\n")
    yield _refuse(write, "H09", "no Host, two, what is none", "400 (3.2)", *(write(host=host) for host in hosts))
    yield _refuse(
        write, "H10", "a space before the colon", "400 (5.1)", write(b"Content-Length : 3", method=b"POST", body=b"abc")
    )
    yield _refuse(write, "H11", "a folded line", "400 (5.2)", write(b"X: a", b" b"))
    names = (b"a b: 1", b"a\x01: 1", b": 1", b"nocolon", b"a\x85: 1")
    yield _refuse(write, "H12", "what is no name of a header", "400 (5.1, RFC 9110 5.6.2)", *(write(x) for x in names))
    hidden = write(b"X_Evil: 1", b"Transfer_Encoding: chunked", _CLOSE)
    yield case(
        "H19",
        "Transfer_Encoding: chunked",
        "dropped, or 400: never framing",
        Trial((hidden,), either(served(b"", lacks=(b"HTTP_TRANSFER_ENCODING",)), refused_alone(400)), unserved),
    )
    large = (write(b"X: " + b"x" * _BIG), write(*[b"X%d: 1" % number for number in range(2000)]))
    yield _refuse(
        write,
        "H26",
        "a header of 1 MiB; 2000 headers",
        "431 or 414: there is a limit",
        *large,
        codes=_TOO_LARGE,
    )


def _lengths(write: Write) -> Iterable[Case]:
    def framed(*fields: bytes, version: bytes = b"HTTP/1.1", body: bytes = b"0\r\n\r\n") -> bytes:
        return write(*fields, line=b"POST " + write.uri + b" " + version, body=body)

    values = (b"-1", b"+5", b"0x5", b"5, 5", b"", b"9" * 300)
    yield _refuse(
        write,
        "H13",
        "Content-Length -1, +5, 0x5, '5, 5', '', of 300 digits; 5 and 6",
        "400 (6.3)",
        *(framed(b"Content-Length: " + value, body=b"hello") for value in values),
        framed(b"Content-Length: 5", b"Content-Length: 6", body=b"hello"),
        codes=(400, 413),
    )
    yield case(
        "H14",
        "Content-Length and Transfer-Encoding",
        "400; or chunked, and closed (6.1)",
        Trial(
            (framed(b"Content-Length: 5", _CHUNKED),), either(refused_alone(400), served(b"", end="closed")), unserved
        ),
    )
    doubled = (framed(_CHUNKED, _CHUNKED), framed(b"Transfer-Encoding: chunked, identity"))
    yield _refuse(write, "H15", "chunked twice, and not last", "400 (6.1, 7.1)", *doubled, codes=_CODING)
    others = (framed(b"Transfer-Encoding: gzip"), framed(b"Transfer-Encoding: xchunked"))
    yield _refuse(
        write, "H16", "codings that are not known", "501 or 400, never by length (6.1)", *others, codes=_CODING
    )
    yield _refuse(
        write, "H17", "chunked in HTTP/1.0", "400 (6.1)", framed(_CHUNKED, version=b"HTTP/1.0"), codes=_CODING
    )
    nearly = (b"\x0bchunked", b"chunked\xa0", b"chunked;q=1")
    yield _refuse(
        write,
        "H18",
        "what is nearly chunked: \\x0bchunked, chunked\\xa0, chunked;q=1",
        "400",
        *(framed(b"Transfer-Encoding: " + value) for value in nearly),
        codes=_CODING,
    )


def _bodies(write: Write) -> Iterable[Case]:
    yield _refuse(
        write,
        "H20",
        "chunk data followed by something else than CRLF",
        "400 (7.1, CVE-2025-43859)",
        write.chunked(b"5\r\nhelloXX0\r\n\r\n"),
    )
    sizes = (b"-5", b"+5", b"0x5", b"5_0", b"", b"f" * 17)
    yield _refuse(
        write,
        "H21",
        "chunk sizes -5, +5, 0x5, 5_0, '', of 17 digits",
        "400 (7.1)",
        *(write.chunked(size + b"\r\nhello\r\n0\r\n\r\n") for size in sizes),
        codes=(400, 413),
    )
    early = Trial((write.chunked(b"5\r\nhello\r\n0\r\n"), HALF_CLOSE), broken_off, unserved)
    yield case("H23", "the end before that of a chunked body", "not answered as if it were whole (8)", early)
    trailed = write.chunked(b"5\r\nhello\r\n0\r\nX-Evil: 1\r\n\r\n", _CLOSE)
    yield case(
        "H24",
        "a trailer",
        "never merged with the headers (RFC 9110, 6.5.1)",
        Trial((trailed,), either(served(b"hello", lacks=(b"HTTP_X_EVIL",)), refused_alone(400)), unserved),
    )
    asking = write(b"Expect: 100-continue", b"Content-Length: 5", _CLOSE, method=b"POST")
    yield case(
        "H25",
        "Expect: 100-continue",
        "100 once, then the answer (RFC 9110, 10.1.1)",
        Trial((asking, Await(0, 1), b"hello"), continued(b"hello"), unserved),
    )
    yield case(
        "H28",
        "GET with a body, another request behind it",
        "the body is no request (6.3)",
        Trial(
            (write(b"Content-Length: 5", body=b"hello") + write(_CLOSE),),
            served(b"hello", b""),
            either(unserved, served(b"hello")),
        ),
    )
    half = Trial((write(b"Content-Length: 9", method=b"POST", body=b"half"), HALF_CLOSE), broken_off, unserved)
    yield case("H33", "the client leaves in the middle of a body", "not answered as if it were whole (8)", half)


def _connections(write: Write) -> Iterable[Case]:
    one, two = write.post(b"one"), write.post(b"two", _CLOSE)
    yield case(
        "H27",
        "three requests at once",
        "answered one after another, in order (9.3.2)",
        Trial((one + one + two,), served(b"one", b"one", b"two", end="closed"), either(unserved, whole(1))),
    )
    yield case(
        "H30",
        "a bad request before a good one",
        "400, closed, and the good one never runs (CVE-2024-49768)",
        Trial((write(b"X : 1") + write(),), refused_alone(400), unserved),
    )
    old = write(line=b"GET " + write.uri + b" HTTP/1.0")
    kept = Trial((one, Await(), one, Await(2), LEAVE), served(b"one", b"one", end="left"), whole(1), "kept")
    yield case(
        "H31",
        "a kept connection; Connection: close; HTTP/1.0",
        "kept, and closed, as was asked for (9.3)",
        kept,
        Trial((two,), served(b"two", end="closed"), label="close"),
        Trial((old,), served(b"", end="closed"), label="1.0"),
    )
    yield case(
        "H34",
        "a half-close behind the request",
        "the whole answer (9.6)",
        Trial((write(), HALF_CLOSE), served(b"", end="closed"), broken_off),
    )
    yield case(
        "H35",
        "HTTP/1.0, one byte per send",
        "answered without chunks (6.1)",
        Trial((Drip(old),), served(b"", end="closed"), unserved),
    )


def _foreign(write: Write) -> Iterable[Case]:
    upgrade = write(b"Upgrade: websocket", b"Connection: Upgrade, close")
    yield case(
        "H32",
        "Upgrade; the preface of HTTP/2",
        "ignored; 505, 400 or closed (RFC 9110, 7.8)",
        Trial((upgrade,), either(served(b""), refused_alone(400, 426)), unserved, "upgrade"),
        Trial((b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",), either(refused_alone(400, 505), closed), unserved, "preface"),
    )
    nul = write(line=b"GET /%00 HTTP/1.1")
    yield case(
        "H38", "NUL in the path (%00)", "400", Trial((nul,), refused_alone(400, 404), either(unserved, whole(1)))
    )
    hello = b"\x16\x03\x01\0\x2e\1\0\0\x2a\3\3" + bytes(35)
    yield case("H39", "TLS", "400, or closed", Trial((hello, HALF_CLOSE), either(refused_alone(400), closed), unserved))

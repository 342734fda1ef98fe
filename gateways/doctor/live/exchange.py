"""Sends requests to a site by HTTP, byte for byte as they are meant, and takes what comes."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Timer
from time import monotonic
from urllib.parse import quote, urlsplit

from gateways.doctor.targets import LONGEST
from gateways.errors import ConfigError

#: Bytes of a body that are kept; no page that says why is larger.
MAX_BODY = 1 << 20
_STREAM = "text/event-stream"
_BLOCK = 65536
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True)
class Answer:
    """What came back. ``seconds`` is how long the first byte took; ``whole`` is False when it broke off.

    ``endless``: the answer was left before its end, since it took too long.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float
    whole: bool = True
    endless: bool = False

    def header(self, name: str) -> str:
        """Return the value of a header, the first if there are several, or ""."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), "")

    def __str__(self) -> str:
        return f"{self.status} {self.reason}".rstrip()


class Site:
    """Where a URL leads. ``path`` is that of the URL without its slashes at the end: requests are for paths below it.

    ``timeout``, in seconds, is how long the site may be silent; a request takes twice that at most. Raises
    ``ConfigError`` for a URL that cannot be used.
    """

    def __init__(self, url: str, timeout: float) -> None:
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise ConfigError(f"{url!r} is no URL: {error}") from None
        try:
            port = parts.port
        except ValueError:
            raise ConfigError(f"{url!r}: the port is not a number from 0 to 65535") from None
        if not parts.hostname:
            raise ConfigError(f"{url!r} has no host name; write http://example.org/")
        self.url = url if parts.password is None else url.replace(f":{parts.password}@", ":***@", 1)
        self.https = parts.scheme == "https"
        self.host = parts.hostname
        self.port = port or (443 if self.https else 80)
        self.path = quote(parts.path, safe=_PRINTABLE).rstrip("/")
        self.query = parts.query
        self.timeout = timeout
        self.verify = True
        #: Our own address in the last connection.
        self.ours = ""

    @property
    def named(self) -> str:
        """The host as it stands in a ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.https else 80) else f"{host}:{self.port}"

    @property
    def root(self) -> str:
        """The URL of the path "/" below it."""
        return f"{'https' if self.https else 'http'}://{self.named}{self.path}/"

    def ask(
        self,
        method: str = "GET",
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] | None = None,
    ) -> Answer:
        """Send a request for a path below the URL's, and return the answer. A body in pieces is sent without a length.

        Of an event stream only the beginning is taken. Raises ``OSError`` and ``http.client.HTTPException``.
        """
        with self._started(method, path, headers, body) as (response, seconds, over):
            content, whole, endless = _read(response, over)
            endless = endless or over.is_set()
            answered = (response.status, response.reason, tuple(response.getheaders()))
            return Answer(*answered, content, seconds, whole or endless, endless)

    def stream(self, path: str, headers: Mapping[str, str]) -> tuple[int, float]:
        """Return the status, and the seconds from the first byte of the body to its end. Raises what ``ask`` does."""
        with self._started("GET", path, headers, None) as (response, _, _):
            response.read(1)
            start = monotonic()
            response.read(MAX_BODY)
            return response.status, monotonic() - start

    @contextmanager
    def _started(
        self, method: str, path: str, headers: Mapping[str, str] | None, body: bytes | Iterable[bytes] | None
    ) -> Iterator[tuple[http.client.HTTPResponse, float, Event]]:
        """Give the response, the seconds to its first byte, and what is set when the time is over."""
        connection = self._connection()
        over = Event()
        timer: Timer | None = None
        try:
            connection.connect()
            timer = Timer(LONGEST * self.timeout, _end, (connection.sock, over))
            timer.start()
            self.ours = str(connection.sock.getsockname()[0])
            sent = {"Host": self.named, "User-Agent": "gateways-doctor", "Accept": "*/*", "Connection": "close"}
            sent.update(headers or {})
            chunked = body is not None and not isinstance(body, bytes)
            if chunked:
                sent["Transfer-Encoding"] = "chunked"
            start = monotonic()
            try:
                connection.request(method, self.path + path, body, sent, encode_chunked=chunked)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it reads no further, and may have answered
            try:
                response = connection.getresponse()
            except (OSError, http.client.HTTPException):
                self._check(over)
                raise
            with response:
                self._check(over)  # headers may end with the connection
                yield response, monotonic() - start, over
        finally:
            if timer is not None:
                timer.cancel()
                timer.join()
            connection.close()

    def _check(self, over: Event) -> None:
        if over.is_set():
            raise OSError(f"its answer has not begun in {LONGEST * self.timeout:g} s")

    def _connection(self) -> http.client.HTTPConnection:
        if not self.https:
            return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        context = ssl.create_default_context()
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=context)


def _end(sock: socket.socket, over: Event) -> None:
    """Make whoever reads from a socket read its end, in another thread: drops that come for ever keep nobody."""
    over.set()
    with suppress(OSError):  # the peer has closed it
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # and not SSLSocket's, which takes the TLS from the reader


def _read(response: http.client.HTTPResponse, over: Event) -> tuple[bytes, bool, bool]:
    """Return the body, whether that is all of it or as much as is kept, and whether it has stopped without an end."""
    stream = (response.getheader("Content-Type") or "").startswith(_STREAM)
    length = response.length  # read1 counts it down, in some versions of Python
    wanted = MAX_BODY if length is None else min(length, MAX_BODY)
    content = b""
    try:
        while len(content) < wanted:
            block = response.read1(min(_BLOCK, wanted - len(content)))
            content += block
            if stream or not block:
                break
    except http.client.IncompleteRead:
        return content, False, False
    except (socket.timeout, TimeoutError):
        if not content and not stream:
            raise
        return content, True, not stream
    except OSError:
        if not over.is_set():
            raise
        return content, True, True  # what comes after our end is answered by a reset
    return content, stream or length is None or len(content) == wanted, False

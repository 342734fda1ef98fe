"""Sends requests to a site by HTTP, byte for byte as they are meant, and takes what comes."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from urllib.parse import quote, urlsplit

from gateways.errors import ConfigError

#: Bytes of a body that are kept; no page that says why is larger.
MAX_BODY = 1 << 20
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True)
class Answer:
    """What came back. ``seconds`` is how long the first byte took; ``whole`` is False when it broke off."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float
    whole: bool = True

    def header(self, name: str) -> str:
        """Return the value of a header, the first if there are several, or ""."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), "")

    def __str__(self) -> str:
        return f"{self.status} {self.reason}".rstrip()


class Site:
    """Where a URL leads. ``path`` is that of the URL without its slashes at the end: requests are for paths below it.

    ``timeout``, in seconds, is how long the site may be silent. Raises ``ConfigError`` for a URL that cannot be used.
    """

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            raise ConfigError(f"{url!r}: the port is not a number from 0 to 65535") from None
        if not parts.hostname:
            raise ConfigError(f"{url!r} has no host name; write http://example.org/")
        self.url = url
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

    def ask(
        self,
        method: str = "GET",
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] | None = None,
    ) -> Answer:
        """Send a request for a path below the URL's, and return the answer. A body in pieces is sent without a length.

        Raises ``OSError`` and ``http.client.HTTPException``.
        """
        with self._started(method, path, headers, body) as (response, seconds):
            whole = True
            try:
                content = response.read(MAX_BODY)
                whole = not response.length or len(content) == MAX_BODY
            except http.client.IncompleteRead as error:
                content, whole = error.partial, False
            return Answer(response.status, response.reason, tuple(response.getheaders()), content, seconds, whole)

    def stream(self, path: str, headers: Mapping[str, str]) -> tuple[int, float]:
        """Return the status, and the seconds from the first byte of the body to its end. Raises what ``ask`` does."""
        with self._started("GET", path, headers, None) as (response, _):
            response.read(1)
            start = monotonic()
            response.read(MAX_BODY)
            return response.status, monotonic() - start

    @contextmanager
    def _started(
        self, method: str, path: str, headers: Mapping[str, str] | None, body: bytes | Iterable[bytes] | None
    ) -> Iterator[tuple[http.client.HTTPResponse, float]]:
        connection = self._connection()
        try:
            connection.connect()
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
            response = connection.getresponse()
            with response:
                yield response, monotonic() - start
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if not self.https:
            return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        context = ssl.create_default_context()
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=context)

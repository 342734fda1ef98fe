"""One connection, decoded: whatever its protocol, and whatever goes wrong with the decoding."""

from __future__ import annotations

from typing import Callable

from gateways.adapters.foreign import PREFIX, recognise
from gateways.trace.ajp import AJPDecoder
from gateways.trace.fastcgi import FastCGIDecoder
from gateways.trace.http import HTTPDecoder
from gateways.trace.items import Decoder, Item
from gateways.trace.onerequest import OneRequestDecoder

#: By the name that the flags have for it.
DECODERS: dict[str, Callable[[], Decoder]] = {
    "fastcgi": FastCGIDecoder,
    "scgi": lambda: OneRequestDecoder("scgi"),
    "uwsgi": lambda: OneRequestDecoder("uwsgi"),
    "ajp": AJPDecoder,
    "http": HTTPDecoder,
}
_NAMES = {"FastCGI": "fastcgi", "SCGI": "scgi", "uwsgi": "uwsgi", "AJP13": "ajp", "HTTP": "http"}


def protocol_of(data: bytes) -> str:
    """Return the protocol that a connection speaks which begins with ``data``; ``""`` when it is none of ours."""
    return _NAMES.get(recognise(data[:PREFIX]) or "", "")


class Conversation:
    """Decodes both directions. Where its decoder itself fails, the bytes are counted and the relay goes on."""

    def __init__(self, protocol: str) -> None:
        self._decoder = DECODERS[protocol]()
        self._broken = False

    @property
    def idle(self) -> bool:
        """True between requests: nobody loses anything when the connection is closed now."""
        return self._decoder.idle and not self._broken

    def feed(self, backend: bool, data: bytes) -> list[Item]:
        """Take bytes of the ``backend``, or of the web server."""
        if self._broken:
            return [Item("bytes", size=len(data))]
        take = self._decoder.from_backend if backend else self._decoder.to_backend
        return self._guarded(lambda: take(data), len(data))

    def ended(self, backend: bool) -> list[Item]:
        """Take note that a side sends no more."""
        return [] if self._broken else self._guarded(lambda: self._decoder.ended(backend), 0)

    def _guarded(self, decode: Callable[[], list[Item]], size: int) -> list[Item]:
        try:
            return decode()
        except Exception as error:  # a fault of ours: nobody's request may be lost for it
            self._broken = True
            return [Item("bytes", size=size, wrong=f"this program cannot decode it: {type(error).__name__}: {error}")]

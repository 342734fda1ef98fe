"""Each protocol has a decoder, and a decoder that fails ends no relay."""

from __future__ import annotations

import pytest

from gateways.client.transports import TRANSPORTS
from gateways.trace.conversation import DECODERS, Conversation, protocol_of
from gateways.trace.fastcgi import FastCGIDecoder
from tests.support import wire


def test_every_transport_is_decoded() -> None:
    assert list(DECODERS) == list(TRANSPORTS)


@pytest.mark.parametrize(
    ("data", "protocol"),
    [
        (wire.request(), "fastcgi"),
        (wire.scgi(), "scgi"),
        (wire.uwsgi(), "uwsgi"),
        (wire.ajp_forward(), "ajp"),
        (b"GET / HTTP/1.1\r\n", "http"),
        (b"\x16\x03\x01", ""),
        (b"", ""),
    ],
)
def test_the_protocol_is_known_by_the_first_bytes(data: bytes, protocol: str) -> None:
    assert protocol_of(data) == protocol


def test_a_decoder_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: FastCGIDecoder, data: bytes) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(FastCGIDecoder, "to_backend", fail)
    conversation = Conversation("fastcgi")
    assert conversation.idle
    [item] = conversation.feed(False, b"hello")
    assert item.wrong == "this program cannot decode it: RuntimeError: a fault of ours"
    assert not conversation.idle, "who knows what is in hand"
    [item] = conversation.feed(True, b"hello")
    assert (item.what, item.size) == ("bytes", 5)
    assert conversation.ended(True) == []

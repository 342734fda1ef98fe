from __future__ import annotations

import pytest

from gateways.compat.laxity import LaxStart, block, blocks, header_list, text
from gateways.core.filewrapper import FileWrapper


def test_text_and_block():
    assert text(b"\xe4") == "ä"
    assert block("ä") == b"\xe4"
    assert text(7) == block(7) == 7


def test_hop_by_hop_headers_and_status_are_dropped():
    given = [
        (b"Content-Type", "text/plain"),
        ("Connection", b"close"),
        ("Transfer-Encoding", "chunked"),
        ("Status", "9"),
    ]
    assert header_list(given) == [("Content-Type", "text/plain")]


def test_what_is_bytes_already_is_left_alone():
    whole = [b"a", b"b"]
    assert blocks(whole) is whole
    wrapper = FileWrapper(open(__file__, "rb"))  # noqa: SIM115 - the wrapper closes it
    assert blocks(wrapper) is wrapper
    wrapper.close()


@pytest.mark.parametrize("given", [["a", b"b"], ("a", "b"), "ab", b"ab"])
def test_text_becomes_bytes(given):
    assert b"".join(blocks(given)) == b"ab"


def test_an_iterable_is_closed():
    closed = []

    class Result:
        def __iter__(self):
            return iter(["a", b"b"])

        def close(self):
            closed.append(True)

    body = blocks(Result())
    assert list(body) == [b"a", b"b"]
    assert not hasattr(body, "__len__")
    body.close()
    assert closed


def test_one_that_knows_its_length_tells_it():
    class Sized(list):
        pass

    assert len(blocks(Sized(["a"]))) == 1


def test_start_response_takes_bytes_and_so_does_write():
    calls = []
    written = []

    def start_response(status, headers, exc_info=None):
        calls.append((status, headers, exc_info))
        return written.append

    LaxStart(start_response)(b"200 OK", [(b"X-A", b"1")])("text")
    assert calls == [("200 OK", [("X-A", "1")], None)]
    assert written == [b"text"]

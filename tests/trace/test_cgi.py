"""What the corpus has of CGI."""

from __future__ import annotations

import pytest

from gateways.trace.cgi import decode_cgi, is_cgi, split_netstrings
from tests.support import wire

DATA = b"8:A=1\0B=x=,5:hello,5:/a\0-b,1:/,2:no,".replace(b"5:/a\0-b", b"5:/a\0-b")


def test_a_start_of_a_script() -> None:
    assert is_cgi(DATA)
    items = decode_cgi(DATA)
    assert items[0].pairs == [(b"A", b"1"), (b"B", b"x=")]
    assert (items[1].size, items[1].start) == (5, b"hello")
    assert items[2].facts == ["argv ['/a', '-b']", "in /"]


@pytest.mark.parametrize(
    "data", [b"", wire.scgi(), wire.request(), DATA[:-1], DATA + b"0:,", b"GET / HTTP/1.1\r\n\r\n"]
)
def test_other_captures(data: bytes) -> None:
    assert not is_cgi(data)


def test_netstrings() -> None:
    assert split_netstrings(b"1:a,0:,", 2) == [b"a", b""]
    for data in (b"1:a", b"2:a,", b"x:a,", b"1:a,1:b,1:c,"):
        with pytest.raises(ValueError, match="not a netstring"):
            split_netstrings(data, 2)

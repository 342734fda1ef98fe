"""gateways.front.log: one line for each request, and no byte of a peer that a terminal would obey."""

from __future__ import annotations

from pathlib import Path

import requests

from tests.support import wire
from tests.support.backends import Answering, Peer, scripted
from tests.support.fronting import Fronted, fronting
from tests.support.serving import PATIENCE, until


def test_a_line_for_each_request(fronted: Fronted) -> None:
    requests.get(f"{fronted.url}/x?y", timeout=PATIENCE)
    until(lambda: fronted.log.endswith("ms\n"))
    assert fronted.log.startswith('127.0.0.1 "GET /x?y HTTP/1.1" 200 5 ')


def test_14_a_line_is_one_line_whatever_the_client_sends(fronted: Fronted) -> None:
    fronted.ask(b'GET /"\\\xff HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
    fronted.ask(b"GET /\x1b[31m\rx HTTP/1.1\r\n\r\n")
    until(lambda: fronted.log.count("\n") == 2)
    first, second = fronted.log.splitlines()
    assert first.startswith(r'127.0.0.1 "GET /\x22\x5c\xff HTTP/1.1" 200 ')
    assert second.startswith(r'127.0.0.1 "GET /\x1b[31m\x0dx HTTP/1.1" 400 ')
    assert fronted.log.isascii()


def test_a_quiet_front_tells_only_what_goes_wrong(tmp_path: Path, backend: Answering) -> None:
    with scripted(backend) as served, fronting(served.address, quiet=True) as front:
        requests.get(front.url, timeout=PATIENCE)
        front.ask(b"x\r\n\r\n")
        until(lambda: front.log)
        assert front.log.count("\n") == 1
        assert "not an HTTP request line" in front.log


def test_error_text_of_the_backend_is_passed_on_without_controls() -> None:
    def act(peer: Peer) -> None:
        peer.request()
        peer.send(wire.record(wire.STDERR, 1, b"first\nsec\x1bond \xc3\xa9 \xff\n"))
        peer.answer()

    with scripted(act) as served, fronting(served.address, quiet=True) as front:
        requests.get(front.url, timeout=PATIENCE)
        until(lambda: front.log == "first\nsec\\x1bond \xe9 \\xff\n")

"""What waits at a listener, held against connections that were really made."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateways.manager.queues import waiting_at
from tests.support.serving import until


@pytest.mark.parametrize("family", ["unix", "tcp"])
def test_waiting_connections_are_counted(socket_dir: Path, family: str) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX if family == "unix" else socket.AF_INET))
        listener.bind(str(socket_dir / "s") if family == "unix" else ("127.0.0.1", 0))
        listener.listen(10)
        assert waiting_at([listener]) == 0
        for expected in (1, 2, 3):
            peer = stack.enter_context(socket.socket(listener.family))
            peer.connect(listener.getsockname())
            until(lambda expected=expected: waiting_at([listener]) == expected)  # the kernel may be late with TCP
        listener.accept()[0].close()
        assert waiting_at([listener]) == 2


def test_both_kinds_together_and_a_closed_one(socket_dir: Path) -> None:
    with ExitStack() as stack:
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(str(socket_dir / "s"))
        unix.listen()
        tcp = stack.enter_context(socket.socket())
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        for sock in (unix, tcp):
            stack.enter_context(socket.socket(sock.family)).connect(sock.getsockname())
        closed = socket.socket()
        closed.close()
        until(lambda: waiting_at([unix, tcp, closed]) == 2)
    assert waiting_at([]) == 0

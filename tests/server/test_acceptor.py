"""accept(2) and what it can fail with."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any, cast

import pytest

from gateways.server.worker import Server
from gateways.settings import Settings
from tests.support.serving import (
    Recorder,
    RecordingLog,
)


class BrokenListener:
    """A listening socket whose ``accept`` fails."""

    peers = None
    fast_path = None
    address = "unix:/somewhere"
    inherited = refusing = False

    def __init__(self, number: int) -> None:
        self.number = number
        self.sock = self

    def accept(self) -> Any:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize(
    "number", [errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.EINVAL, errno.ENOPROTOOPT]
)
def test_errors_of_accept_are_a_line_in_the_log(number: int) -> None:
    log = RecordingLog()
    server = Server(Recorder(), [], Settings(), cast(Any, log))
    assert not server._acceptor.accept(cast(Any, BrokenListener(number)))
    assert [level for level, _ in log.entries] == ["info"]
    assert os.strerror(number) in log.text()
    server.stop()
    assert server.run() == 0


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_shortages_are_complained_of_once_a_second(number: int) -> None:
    log = RecordingLog()
    server = Server(Recorder(), [], Settings(), cast(Any, log))
    for _ in range(100):
        assert not server._acceptor.accept(cast(Any, BrokenListener(number)))
    assert [level for level, _ in log.entries] == ["error"]
    server.stop()
    assert server.run() == 0


class Nameless(BrokenListener):
    """A listening socket whose ``accept`` does not say who has come."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(0)
        self.accepted = sock

    def accept(self) -> Any:
        return self.accepted, ""


def test_H55_who_comes_by_TCP_without_an_address_is_closed() -> None:
    """Nobody without one is to be taken for a peer on a Unix socket."""
    log = RecordingLog()
    server = Server(Recorder(), [], Settings(), cast(Any, log))
    with socket.socket(socket.AF_INET) as sock:
        assert server._acceptor.accept(cast(Any, Nameless(sock)))
        assert sock.fileno() == -1
    assert not server._connections
    server.stop()
    assert server.run() == 0

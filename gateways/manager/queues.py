"""How many connections wait at a listener to be accepted, as the kernel counts them (Linux).

A TCP listener tells it itself. For a Unix socket the kernel is asked by netlink (sock_diag(7)), as ``ss -lx`` does.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable

_TCP_INFO = 11  # getsockopt(2), IPPROTO_TCP; the fifth 32-bit number is how many wait (tcpi_unacked)
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST, _DUMP = 1, 0x300
_DONE, _ERROR = 3, 2
_STATE_LISTEN = 1 << 10
_SHOW_QUEUES = 16
_ATTRIBUTE_QUEUES = 4
_HEADER = struct.Struct("=LHHLL")
_ASK = struct.Struct("=BBHLLLLL")
_ANSWER = struct.Struct("=BBBBLLL")
#: A machine with very many listening Unix sockets is not read to the end.
_MOST_ANSWERS = 64


def waiting_at(sockets: Iterable[socket.socket]) -> int:
    """Return how many connections wait at ``sockets`` together; those of which nobody can tell count 0."""
    total = 0
    files: set[int] = set()
    for sock in sockets:
        try:
            if sock.family == socket.AF_UNIX:
                files.add(os.fstat(sock.fileno()).st_ino)
            else:
                total += _of_tcp(sock)
        except OSError:
            pass  # closed, or a system that does not tell
    if files:
        try:
            total += _of_unix(files)
        except (OSError, AttributeError, struct.error):
            pass  # no sock_diag in this kernel or container
    return total


def _of_tcp(sock: socket.socket) -> int:
    info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 104)
    return int(struct.unpack_from("=L", info, 24)[0])


def _of_unix(inodes: set[int]) -> int:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as diag:
        diag.settimeout(0.1)
        ask = _ASK.pack(socket.AF_UNIX, 0, 0, _STATE_LISTEN, 0, _SHOW_QUEUES, 0xFFFFFFFF, 0xFFFFFFFF)
        diag.send(_HEADER.pack(_HEADER.size + len(ask), _SOCK_DIAG_BY_FAMILY, _REQUEST | _DUMP, 1, 0) + ask)
        total = 0
        for _ in range(_MOST_ANSWERS):
            waiting, done = _read(diag.recv(65536), inodes)
            total += waiting
            if done:
                break
        return total


def _read(data: bytes, inodes: set[int]) -> tuple[int, bool]:
    """Return what one answer says of ``inodes``, and whether it is the last one."""
    total = position = 0
    while position + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, position)
        if kind in (_DONE, _ERROR) or length < _HEADER.size:
            return total, True
        body = data[position + _HEADER.size : position + length]
        if _ANSWER.unpack_from(body)[4] in inodes:
            total += _queue(body[_ANSWER.size :])
        position += (length + 3) & ~3
    return total, False


def _queue(attributes: bytes) -> int:
    position = 0
    while position + 4 <= len(attributes):
        length, kind = struct.unpack_from("=HH", attributes, position)
        if kind == _ATTRIBUTE_QUEUES:
            return int(struct.unpack_from("=L", attributes, position + 4)[0])
        position += max(4, (length + 3) & ~3)
    return 0

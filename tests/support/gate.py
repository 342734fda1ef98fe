"""Requests that stay in the application until the test lets them go."""

from __future__ import annotations

import socket
import threading
from typing import Any

from tests.support import wire
from tests.support.serving import PATIENCE, Served


class Gate:
    """An application that holds POST requests until the gate is opened, and answers GET at once."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered: list[str] = []
        self.threads: set[str] = set()
        self.multithread: set[bool] = set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.threads.add(threading.current_thread().name)
        self.multithread.add(environ["wsgi.multithread"])
        if environ["REQUEST_METHOD"] == "POST":
            self.entered.append(environ.get("HTTP_NAME", ""))
            assert self.opened.wait(PATIENCE)
        start_response("200 OK", [])
        return [b"through"]


def send_slow(served: Served, name: str = "", *, keep: bool = False) -> socket.socket:
    sock = served.connect()
    sock.sendall(wire.request(wire.post(0, (b"HTTP_NAME", name.encode())), keep=keep))
    return sock


def read_answer(sock: socket.socket) -> wire.Answer:
    with sock:
        return wire.RecordReader(sock).answer()


# Threads

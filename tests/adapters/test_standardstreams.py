"""The descriptors 0 to 2 of a process that a web server has started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from gateways.adapters.standardstreams import leave_body


def run_python(code: str, stdin: int) -> list[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, stdin=stdin, capture_output=True, text=True, check=True).stdout.splitlines()


def test_closed_standard_streams_are_opened() -> None:
    code = """
import os, sys
out = os.dup(1)
for fd in 0, 1, 2:
    os.close(fd)
sys.stdin = sys.stdout = sys.stderr = None
from gateways.adapters.standardstreams import complete_standard_streams
complete_standard_streams()
print("lost")
print("lost", file=sys.stderr, flush=True)
sys.stdout.flush()
os.write(2, b"lost")
links = [os.readlink(f"/proc/self/fd/{fd}") for fd in range(3)]
os.write(out, repr((links, sys.stdin.read(), os.get_inheritable(1))).encode())
"""
    assert run_python(code, subprocess.DEVNULL) == [repr((["/dev/null"] * 3, "", True))]


def test_open_standard_streams_are_left_alone() -> None:
    code = """
import os, sys
from gateways.adapters.standardstreams import complete_standard_streams
before = sys.stdin, sys.stdout, sys.stderr, [os.fstat(fd).st_ino for fd in range(3)]
complete_standard_streams()
print(before == (sys.stdin, sys.stdout, sys.stderr, [os.fstat(fd).st_ino for fd in range(3)]))
"""
    assert run_python(code, subprocess.PIPE) == ["True"]


def test_the_rest_of_a_body_is_taken_from_a_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        ours.sendall(b"the rest")
        leave_body(theirs.detach())
        with pytest.raises(BrokenPipeError):
            ours.send(b"more")
        assert ours.recv(10) == b"", "closed with unread bytes it would be reset"


def test_a_pipe_is_left_alone() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"the rest")
    leave_body(read_end)
    assert os.read(read_end, 10) == b"the rest"
    os.close(read_end)
    leave_body(read_end)  # it is closed
    os.close(write_end)

"""Ask a master on its control socket, from another process: ``gateways status``, ``reload`` and the like."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import time
from collections.abc import Iterator, Mapping
from typing import Any, Callable

from gateways.errors import ConfigError, ConnectError, GatewayError

#: How long the master may be silent before it counts as hanging, seconds. Followers hear from it every 5 seconds.
PATIENCE = 30.0
#: The longest line it may send, bytes: that is some thousand for each of a thousand workers.
_MAX_LINE = 8 << 20
#: How often to try where the backlog is full, seconds.
_RETRY = 0.05

#: Questions whose outcome the successor of the master knows; others are asked anew.
_FOLLOWED = ("reload", "upgrade")

Line = Mapping[str, Any]


class MasterGoneError(ConnectError):
    """The master closed the connection before it answered: it has ended."""


class FailedError(GatewayError):
    """What was asked for was tried, and failed; the text says why."""


def ask(path: str, question: Mapping[str, Any], patience: float = PATIENCE) -> Line:
    """Return the last line of the answer. Raises what ``ask_and_follow`` does."""
    return ask_and_follow(path, question, _say_nothing, patience)


def ask_and_follow(
    path: str, question: Mapping[str, Any], say: Callable[[str], None], patience: float = PATIENCE
) -> Line:
    """Ask, call ``say`` with each line for people until that has ended, and return the last line.

    ``path`` is that of the control socket, ``question`` is such as ``{"ask": "reload"}``, and ``patience`` the seconds
    that the master may be silent. Where another program goes on in the master's process meanwhile, that one is asked,
    for the outcome of a reload or an upgrade.

    Raises ``FailedError`` when it was tried and failed, ``ConfigError`` when the master refuses the question, and
    ``ConnectError`` when none can be reached there or it does not answer; its kind ``MasterGoneError`` when it ends.
    """
    said = ""
    for line in _with_successors(path, question, patience):
        text = line.get("text")
        if isinstance(text, str) and text not in ("", said):
            said = text
            say(text)
        if "done" in line:
            break
    if line.get("refused"):
        raise ConfigError(str(line.get("failure")))
    if line.get("failure"):
        raise FailedError(str(line["failure"]))
    return line


def _say_nothing(text: str) -> None:
    pass


def _with_successors(path: str, question: Mapping[str, Any], patience: float) -> Iterator[Line]:
    """Give the lines up to one with ``done``: of this master, and of those it is replaced by."""
    while True:
        for line in _lines(path, question, patience):
            yield line
            if "done" in line:
                return
            if "replaced" in line:
                break
        if question["ask"] in _FOLLOWED:
            question = {"ask": "outcome"}
        # It waits in the backlog, which the new program has inherited.


def _lines(path: str, question: Mapping[str, Any], patience: float) -> Iterator[Line]:
    """Give the lines of one connection. Never ends by itself but with an error."""
    with _connect(path, patience) as sock:
        try:
            sock.sendall(json.dumps(question).encode() + b"\n")
        except socket.timeout:
            raise _silent(path, patience) from None
        except OSError:
            pass  # it has answered already, or is gone: reading tells
        yield from _received(sock, path, patience)


def _connect(path: str, patience: float) -> socket.socket:
    until = time.monotonic() + patience
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(patience)
    while True:
        try:
            sock.connect(path)
            return sock
        except (BlockingIOError, socket.timeout):  # the backlog is full, and connect does not wait
            if time.monotonic() > until:
                sock.close()
                raise _silent(path, patience) from None
            time.sleep(_RETRY)
        except OSError as error:
            sock.close()
            raise ConnectError(f"no master can be reached at {path}: {_why(path, error)}") from None


def _received(sock: socket.socket, path: str, patience: float) -> Iterator[Line]:
    buffer = bytearray()
    while True:
        try:
            data = sock.recv(65536)
        except socket.timeout:
            raise _silent(path, patience) from None
        except OSError:
            data = b""
        if not data:
            raise MasterGoneError(f"the master at {path} ended before it answered")
        buffer += data
        *texts, rest = buffer.split(b"\n") if b"\n" in data else (buffer,)
        for text in texts:
            yield _parse(bytes(text), path)
        buffer = rest
        if len(buffer) > _MAX_LINE:
            raise ConnectError(f"what listens at {path} is no master: it sends a line without end")


def _parse(text: bytes, path: str) -> Line:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        line = None
    if not isinstance(line, dict):
        raise ConnectError(f"what listens at {path} is no master: it answers {text[:40]!r}")
    return line


def _silent(path: str, patience: float) -> ConnectError:
    return ConnectError(f"the master at {path} did not answer for {patience:g} s: it hangs, or is stopped (SIGCONT)")


def _why(path: str, error: OSError) -> str:
    """Explain a connection that failed, and what can be done about it."""
    if error.errno == errno.ENOENT:
        return "there is no such socket; is it running, and with this setting control?"
    if error.errno == errno.ECONNREFUSED:
        if _is_socket(path):
            return "nobody listens there, the master has ended"
        return "it is not a socket; give the path of the setting control"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"user {os.geteuid()} has no permission; be the user that the master runs as, or root"
    return error.strerror or str(error)  # without an errno: a path that is too long


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return True  # gone in the meantime

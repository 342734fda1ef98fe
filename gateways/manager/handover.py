"""What a master passes on to the program that it executes in its own process: an upgrade keeps sockets and workers.

It is told in the variable GATEWAYS_HANDOVER, as JSON that names inheritable descriptors. The same variable has a new
program tried beforehand, in a child: it looks at its configuration, says so and ends (``trial.py``). A program of
another version reads it, so it says no more than is needed, and what is not known is passed over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple

from gateways.declared import HANDOVER as VARIABLE
from gateways.errors import ConfigError

#: Changes when a program of the version before could not do with it.
VERSION = 1

#: What Linux takes as one variable (MAX_ARG_STRLEN), less its name.
_MAX_TEXT = 131072 - 64

#: Device and inode of the file of a Unix socket.
Identity = tuple[int, int]


class PassedListener(NamedTuple):
    """A listening socket. ``address`` is how the settings name it; ``fd`` is -1 in a trial, where nothing is passed."""

    pool: str
    protocol: str
    address: str
    fd: int = -1
    file: Identity | None = None


class PassedWorker(NamedTuple):
    """A worker that goes on serving. ``fd`` is the master's end of its channel, ``slot`` its place on the scoreboard.

    ``leaving``: it finishes what it has in hand, and accepts no more.
    """

    number: int
    generation: int
    pid: int
    fd: int
    slot: int = -1
    leaving: bool = False


class PassedFile(NamedTuple):
    """The control socket, with the identity of its file, or the pid file."""

    path: str
    fd: int
    file: Identity | None = None


class PassedPool(NamedTuple):
    """What goes on counting, and the workers."""

    next_worker: int
    generation: int
    workers: tuple[PassedWorker, ...] = ()
    graceful_timeout: float = 30.0


class Handover(NamedTuple):
    """All of it. ``board`` and ``stacks`` are descriptors, of the scoreboard and of the file that workers write their
    stacks to, -1 for none; ``why`` says who asked for the upgrade.
    """

    listeners: tuple[PassedListener, ...] = ()
    pools: Mapping[str, PassedPool] = {}
    control: PassedFile | None = None
    pid_file: PassedFile | None = None
    board: int = -1
    stacks: int = -1
    why: str = ""
    trial: bool = False

    def descriptors(self) -> list[int]:
        """Return all descriptors that are passed."""
        found = [listener.fd for listener in self.listeners]
        found += [worker.fd for pool in self.pools.values() for worker in pool.workers]
        found += [file.fd for file in (self.control, self.pid_file) if file is not None]
        found += [self.board, self.stacks]
        return [fd for fd in found if fd >= 0]

    def for_trial(self) -> Handover:
        """Return what a trial has to know: which addresses are in use by the master itself."""
        return Handover(tuple(listener._replace(fd=-1) for listener in self.listeners), why=self.why, trial=True)


def describe(handover: Handover) -> str:
    """Return the value of the variable, for this process or, in a trial, for a child of it.

    Raises ``OverflowError`` when there are more workers than one variable has room for: some thousand.
    """
    whole = {"version": VERSION, "pid": os.getpid(), **handover._asdict()}
    text = json.dumps(whole, separators=(",", ":"))
    if len(text) > _MAX_TEXT:
        raise OverflowError(
            f"too many workers to pass on: {sum(len(pool.workers) for pool in handover.pools.values())}"
        )
    return text


def read(environ: MutableMapping[str, str]) -> Handover | None:
    """Take the variable out of ``environ``, and return what it says; None when it is not set.

    All descriptors are closed on exec from here on. Raises ``ConfigError`` when it is not meant for this process, or
    says what this version does not understand.
    """
    text = environ.pop(VARIABLE, "")
    if not text:
        return None
    try:
        handover, pid = _parse(json.loads(text))
        if pid != (os.getppid() if handover.trial else os.getpid()):
            raise ConfigError(f"environment variable {VARIABLE} is for process {pid}; unset it")
        for fd in handover.descriptors():
            os.set_inheritable(fd, False)
    except (ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError) as error:
        raise ConfigError(
            f"environment variable {VARIABLE} cannot be used ({type(error).__name__}: {error}); it is set by a master "
            f"for its next version, which this is not: unset it, or stop the master and start it anew"
        ) from None
    return handover


def _parse(whole: Mapping[str, Any]) -> tuple[Handover, int]:
    if whole["version"] != VERSION:
        raise ValueError(f"version {whole['version']}, not {VERSION}")
    pools = {}
    for name, (next_worker, generation, rows, timeout) in whole["pools"].items():
        workers = tuple(map(_parse_worker, rows))
        pools[str(name)] = PassedPool(int(next_worker), int(generation), workers, float(timeout))
    handover = Handover(
        tuple(_parse_listener(row) for row in whole["listeners"]),
        pools,
        _parse_file(whole["control"]),
        _parse_file(whole["pid_file"]),
        int(whole["board"]),
        int(whole["stacks"]),
        str(whole["why"]),
        bool(whole["trial"]),
    )
    return handover, int(whole["pid"])


def _parse_worker(row: list[Any]) -> PassedWorker:
    number, generation, pid, fd, slot, leaving = map(int, row)
    return PassedWorker(number, generation, pid, fd, slot, bool(leaving))


def _parse_listener(row: list[Any]) -> PassedListener:
    pool, protocol, address, fd, file = row
    return PassedListener(str(pool), str(protocol), str(address), int(fd), _identity(file))


def _parse_file(row: list[Any] | None) -> PassedFile | None:
    if row is None:
        return None
    path, fd, file = row
    return PassedFile(str(path), int(fd), _identity(file))


def _identity(pair: list[Any] | None) -> Identity | None:
    if pair is None:
        return None
    device, inode = pair
    return int(device), int(inode)

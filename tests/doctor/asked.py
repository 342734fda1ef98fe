"""Reads and examines configurations that a test has written, without looking at what they name; a port to ask."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, TypeVar

import pytest

from gateways.doctor.directives import Directive, Fault
from gateways.doctor.findings import Finding
from gateways.doctor.targets import Options, examine
from gateways.doctor.wholes import Reader

Content = TypeVar("Content")

ONLY_READ = Options(user="root", run=False)


def findings(path: Path, text: str) -> list[Finding]:
    """What is found in a file with that text."""
    path.write_text(text)
    return list(examine(str(path), ONLY_READ))


def codes(path: Path, text: str) -> dict[str, int]:
    """The codes of what is found, each with the line it is in."""
    found = {}
    for finding in findings(path, text):
        line = finding.where.rpartition(":")[2]
        found[finding.code] = int(line) if line.isdigit() else 0
    return found


def read_with(reader: Callable[[str], Reader[Content]], path: Path, text: str) -> Content:
    """What the reader of a server makes of a text."""
    path.write_text(text)
    return reader(str(path)).read(str(path))


def check_refusal(reader: Callable[[str], Reader[object]], path: Path, text: str, line: int, what: str) -> None:
    """The reader says that the server would not read a text, why, and in which line."""
    with pytest.raises(Fault, match=what) as caught:
        read_with(reader, path, text)
    assert caught.value.where == f"{path}:{line}"


def shown(block: Directive) -> list[tuple[object, ...]]:
    """The directives in a block: name, arguments, and what is in them."""
    return [
        (one.name, *one.args, shown(one)) if one.children is not None else (one.name, *one.args)
        for one in block.children or ()
    ]


@contextmanager
def listened_at_another() -> Iterator[int]:
    """A port that is listened on at 127.0.0.2. At 127.0.0.1 nobody does, nor can anybody begin to."""
    with socket.socket() as held, socket.socket() as listener:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        listener.bind(("127.0.0.2", port))
        listener.listen()
        yield port

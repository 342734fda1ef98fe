"""Raw captures in a file, in the form of the corpus: three netstrings and a line feed for each.

    12:1>0.000204 fastcgi,0:,1048:<bytes>,

The first says which connection, who has sent it (``>`` the web server, ``<`` the backend), after how many seconds, and
the protocol; the second, the HTTP request, is empty; the third are the bytes as they came, none where that side ended.
In the corpus of the tests the first is a name, and the third all that a backend received on a connection.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from gateways.errors import ConfigError

_NAME = re.compile(rb"([0-9]{1,9})([<>])([0-9]{1,9}\.[0-9]{1,9}) ([a-z]{1,10})")
#: What a netstring may hold: the longest capture of an upload fits, a file that is none of ours is noticed.
_MOST = 1 << 30
_MAX_DIGITS = 10


class Piece(NamedTuple):
    """Bytes that came at once; of the corpus, all of a connection.

    ``backend`` says who has sent them, ``seconds`` when, after the beginning. ``protocol`` is ``""`` where the file
    does not say it, and ``connection`` 0. ``name`` is what stands in the file.
    """

    name: str
    data: bytes
    connection: int = 0
    backend: bool = False
    seconds: float = 0.0
    protocol: str = ""


class Writer:
    """Writes captures as they come: nothing is kept back, so that nothing is lost when the program is killed."""

    def __init__(self, path: str) -> None:
        """Create the file; only its owner may read it. Raises ``ConfigError``, also where there is one already.

        The mode counts only for a new file: one that others have made, or a link of theirs, would give them everything.
        """
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise ConfigError(
                f"cannot write captures to {path}: it is there already; remove it or give another name"
            ) from None
        except OSError as error:
            raise ConfigError(f"cannot write captures to {path}: {error.strerror}") from None
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._path = os.path.abspath(path)

    def write(self, piece: Piece) -> None:
        """Write one piece."""
        name = f"{piece.connection}{'<' if piece.backend else '>'}{piece.seconds:.6f} {piece.protocol}".encode("ascii")
        data = b"%d:%b,0:,%d:%b,\n" % (len(name), name, len(piece.data), piece.data)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def remove(self) -> None:
        """Remove the file, where nothing will be written to it."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)


def read(path: str) -> Iterator[Piece]:
    """Read captures. Raises ``ConfigError`` for a file that cannot be read or holds something else."""
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise ConfigError(f"cannot read captures from {path}: {error.strerror}") from None
    with file:
        counted = _Counted(file)
        begun = False
        while first := counted.read(1):
            try:
                name, _, data = _netstring(counted, first), _netstring(counted), _netstring(counted)
                if counted.read(1) not in (b"\n", b""):
                    raise ValueError("no line feed behind a capture")
            except EOFError:
                if begun:
                    raise ConfigError(f"{path} ends in the middle of a capture: what came before it is whole") from None
                raise ConfigError(f"{path} is no file of captures: it ends before byte {counted.position}") from None
            except ValueError as error:
                raise ConfigError(f"{path} is no file of captures: {error}, before byte {counted.position}") from None
            begun = True
            yield _piece(name, data)


class _Counted:
    """A file that knows how much of it was read, even where it cannot be sought in, such as a pipe."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.position = 0

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.position += len(data)
        return data


def _piece(name: bytes, data: bytes) -> Piece:
    match = _NAME.fullmatch(name)
    text = name.decode("latin-1")
    if match is None:
        return Piece(text, data)
    return Piece(text, data, int(match[1]), match[2] == b"<", float(match[3]), match[4].decode("ascii"))


def _netstring(file: _Counted, first: bytes = b"") -> bytes:
    digits = b""
    byte = first or file.read(1)
    while byte != b":":
        if not byte:
            raise EOFError
        digits += byte
        if not byte.isdigit() or len(digits) > _MAX_DIGITS:
            raise ValueError("no netstring")
        byte = file.read(1)
    size = int(digits or b"0")
    if not digits or size > _MOST:
        raise ValueError("no netstring")
    data = file.read(size)
    end = file.read(1)
    if not end:
        raise EOFError
    if end != b",":
        raise ValueError("no netstring")
    return data

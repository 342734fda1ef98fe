"""``wsgi.file_wrapper``: an iterable over a file-like object, which a server may send faster than block by block."""

from __future__ import annotations

TYPE_CHECKING = False  # importing ``typing`` costs a CGI script milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    class Readable(Protocol):
        """What ``FileWrapper`` needs of a file; ``close()`` is called when it is there."""

        def read(self, size: int, /) -> bytes: ...


DEFAULT_BLOCK_SIZE = 65536


class FileWrapper:
    """Yield the rest of ``filelike`` in blocks (PEP 3333, "Optional Platform-Specific File Handling").

    ``block_size`` is in bytes, 65536 by default; a size below 1, which would read nothing or everything, counts as the
    default. ``filelike`` and ``block_size`` stay readable, so that a server can use ``sendfile`` instead of iterating.
    """

    def __init__(self, filelike: Readable, block_size: int = DEFAULT_BLOCK_SIZE) -> None:
        self.filelike = filelike
        self.block_size = block_size if block_size > 0 else DEFAULT_BLOCK_SIZE

    def find_file(self) -> tuple[int, int, int] | None:
        """Return descriptor, position and what is left from there, when this is a regular file and nothing else.

        Many objects have a ``fileno`` that is not their content (``gzip``), so only Python's own files count.
        """
        import io
        import os
        import stat

        file = self.filelike
        raw = file.raw if type(file) is io.BufferedReader else file
        if type(raw) is not io.FileIO:
            return None
        try:
            fd, position = raw.fileno(), file.tell()  # type: ignore[attr-defined]
            status = os.fstat(fd)
        except (OSError, ValueError):  # closed: iterating says so
            return None
        return (fd, position, max(0, status.st_size - position)) if stat.S_ISREG(status.st_mode) else None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = self.filelike.read(self.block_size)
        if block:
            return block
        raise StopIteration

    def close(self) -> None:
        """Close the file, if it can be closed."""
        close = getattr(self.filelike, "close", None)
        if close is not None:
            close()

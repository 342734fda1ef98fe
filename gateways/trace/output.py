"""Where lines and captures go. Relays do not wait for who reads the lines: what is not taken in time is left out."""

from __future__ import annotations

import threading
from collections import deque
from time import monotonic
from typing import Callable

from gateways.trace.capture import Piece, Writer
from gateways.trace.items import Item
from gateways.trace.printing import Printer

#: Characters of lines that wait for the reader: some ten thousand requests. What comes when it is full is left out.
MOST_WAITING = 1 << 24
#: Characters that are given to the reader at once, so that it can be seen whether it reads.
_AT_ONCE = 4096
#: How long the reader may take nothing before it is given up at the end, seconds.
READER_PATIENCE = 3.0


class Output:
    """Shows items and writes captures, from any thread.

    ``failed`` is set when the reader of the lines has gone, or the disk is full.
    """

    def __init__(self, printer: Printer, write: Callable[[str], None], writer: Writer | None) -> None:
        self._printer = printer
        self._write = write
        self._writer = writer
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: deque[str] = deque()
        self._size = 0
        self._left_out = 0
        self._ended = False
        self._taken = monotonic()
        self.failed: OSError | None = None
        # A daemon: a write to a reader that has stopped cannot be ended, and must not keep the program.
        self._thread = threading.Thread(target=self._run, name="trace output", daemon=True)
        self._thread.start()

    def items(self, connection: int, seconds: float, backend: bool | None, items: list[Item]) -> None:
        """Show items, or leave them out where too many wait to be shown."""
        for item in items:
            if self._full():
                continue
            text = "".join([f"{line}\n" for line in self._printer.lines(connection, seconds, backend, item)])
            with self._lock:
                self._add(text)

    def _full(self) -> bool:
        with self._lock:
            if self.failed is not None or self._ended:
                return True
            if self._size > MOST_WAITING:
                self._left_out += 1
                return True
            if self._left_out:
                note = Item("not shown", [f"{self._left_out} items: they came faster than they were read"])
                self._left_out = 0
                self._add("".join([f"{line}\n" for line in self._printer.lines(0, 0.0, None, note)]))
            return False

    def _add(self, text: str) -> None:
        if not self._waiting:
            self._taken = monotonic()
        self._waiting.append(text)
        self._size += len(text)
        self._changed.notify_all()

    def piece(self, piece: Piece) -> None:
        """Write a capture. That waits for the disk: a file with gaps is of no use."""
        writer = self._writer
        if writer is not None and self.failed is None:
            with self._lock:
                try:
                    writer.write(piece)
                except OSError as error:  # requests go on
                    self.failed = error

    def close(self, patience: float = READER_PATIENCE) -> int:
        """Wait until all is shown, or the reader takes nothing for so long; return how many items were not shown."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            while self._thread.is_alive() and self.failed is None:
                if monotonic() - self._taken >= patience and self._waiting:
                    return self._left_out + len(self._waiting)
                self._changed.wait(0.05)
            return 0 if self.failed is not None else self._left_out

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._waiting or self._ended):
                    self._changed.wait()
                if not self._waiting or self.failed is not None:
                    return
                number, text = self._some()
            try:
                self._write(text)
            except OSError as error:  # the reader is gone: requests go on
                self.failed = error
            with self._changed:
                # Taken out only now, so that those are counted that nobody has read.
                for _ in range(number):
                    self._waiting.popleft()
                self._size -= len(text)
                self._taken = monotonic()
                self._changed.notify_all()

    def _some(self) -> tuple[int, str]:
        texts: list[str] = []
        size = 0
        for text in self._waiting:
            texts.append(text)
            size += len(text)
            if size >= _AT_ONCE:
                break
        return len(texts), "".join(texts)

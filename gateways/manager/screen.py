"""A text on a terminal that is drawn again and again over itself, as top does."""

from __future__ import annotations

import shutil
import signal
import time
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from types import TracebackType

#: Cursor to the upper left corner; what is left of a line, and of the screen, goes; the cursor itself.
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


class Screen:
    """The terminal that ``stream`` leads to. As a context manager it gives the cursor back, whatever ends the block.

    SIGTERM and SIGHUP end it by ``SystemExit``. To be used in the main thread.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._before: list[tuple[int, Any]] = []

    @property
    def width(self) -> int:
        """How many characters a line has now."""
        return shutil.get_terminal_size().columns

    def draw(self, text: str) -> None:
        """Show as many lines of ``text`` as there is room for, over what is there: clearing first would flicker."""
        lines = text.splitlines()[: max(1, shutil.get_terminal_size().lines - 1)]
        show(_HOME + "".join(f"{line}{_CLEAR_LINE}\n" for line in lines) + _CLEAR_BELOW, self._stream)

    def wait(self, seconds: float) -> None:
        """Wait, or shorter if the size of the terminal changes."""
        if hasattr(signal, "sigtimedwait"):
            signal.sigtimedwait([signal.SIGWINCH], seconds)
        else:
            time.sleep(seconds)

    def __enter__(self) -> Screen:
        handlers = {signal.SIGWINCH: _do_nothing, signal.SIGTERM: _end, signal.SIGHUP: _end}
        self._before = [(number, signal.signal(number, handler)) for number, handler in handlers.items()]
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])  # it is waited for
        show(_HIDE_CURSOR, self._stream)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            show(_SHOW_CURSOR, self._stream)
        except OSError:
            pass  # the terminal is gone
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGWINCH])
        for number, handler in self._before:
            signal.signal(number, handler)


def show(text: str, stream: TextIO) -> None:
    """Write ``text`` now, with what the encoding of ``stream`` cannot say escaped."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """A signal that is ignored cannot be waited for everywhere."""


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)

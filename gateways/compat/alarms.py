"""A time for a request, by SIGALRM: what flup's forking servers take as ``timeout``."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class TimeoutException(Exception):
    """The request took longer than ``timeout``."""


@contextmanager
def alarm(timeout: float | None, handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Have ``handler`` called after ``timeout`` seconds, unless what is inside has ended; None or 0: never.

    Signals are for the main thread, so in another one nothing is done.
    """
    if not timeout or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, timeout)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

"""Wait for readable descriptors: epoll where there is one, the best of ``selectors`` elsewhere.

``register`` and ``unregister`` may be called by one thread while another waits in ``poll``.
"""

from __future__ import annotations

import select
import selectors
from typing import Union

#: How many events one wait returns. What is left is returned by the next wait, so nothing starves.
_BATCH = 64


class EpollPoller:
    """Level-triggered epoll for reading."""

    def __init__(self) -> None:
        self._epoll = select.epoll()

    def register(self, fd: int, shared: bool = False) -> None:
        """Watch ``fd``. ``shared`` is for listening sockets: of several processes that wait, not all are woken."""
        self._epoll.register(fd, select.EPOLLIN | (select.EPOLLEXCLUSIVE if shared else 0))

    def unregister(self, fd: int) -> None:
        """Stop watching ``fd``."""
        self._epoll.unregister(fd)

    def poll(self, timeout: float | None) -> list[int]:
        """Return the readable descriptors; wait for at most ``timeout`` seconds, for ever when it is None."""
        return [fd for fd, _ in self._epoll.poll(timeout, _BATCH)]

    def close(self) -> None:
        """Give the descriptor back."""
        self._epoll.close()


class SelectorPoller:
    """The same by the standard library's selector, for systems without epoll."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def register(self, fd: int, shared: bool = False) -> None:
        """Watch ``fd``."""
        self._selector.register(fd, selectors.EVENT_READ)

    def unregister(self, fd: int) -> None:
        """Stop watching ``fd``."""
        self._selector.unregister(fd)

    def poll(self, timeout: float | None) -> list[int]:
        """Return the readable descriptors; wait for at most ``timeout`` seconds, for ever when it is None."""
        return [key.fd for key, _ in self._selector.select(timeout)]

    def close(self) -> None:
        """Give the descriptor back."""
        self._selector.close()


Poller = EpollPoller if hasattr(select, "epoll") else SelectorPoller

#: Either of them, for annotations.
AnyPoller = Union[EpollPoller, SelectorPoller]

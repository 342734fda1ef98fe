"""What stands between the server and the application where a setting asks for it: hooks after the response, larger
blocks, header names as eventlet writes them. Without these settings there is nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateways.core import posthooks
from gateways.core.filewrapper import FileWrapper
from gateways.core.headers import capitalize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gateways.core.types import Application, Environ, ExcInfo, Headers
    from gateways.settings import Settings

#: Where an application overrides ``minimum_chunk_size`` for one request, as with eventlet.
_CHUNK_SIZE = "eventlet.minimum_write_chunk_size"
#: The most that is held back, bytes: a response must not become a store.
MAX_HELD = 1 << 20


def shape(application: Application, settings: Settings) -> Application:
    """Return ``application`` as ``settings`` want it; itself where they want nothing."""
    if settings.capitalize_response_headers:
        application = _Capitalized(application)
    if settings.minimum_chunk_size:
        application = _Coalesced(application, settings.minimum_chunk_size)
    if settings.posthooks:
        application = _Hooked(application)
    return application


class _Hooked:
    """Offers the list of hooks (core/posthooks.py). Whoever serves the request runs them."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        hooks = posthooks.offer(environ)
        result = self._application(environ, start_response)
        if hooks and type(result) in (list, tuple):
            return _Whole(result)
        return result


class _Whole:
    """A list that the C part leaves alone: it would end the request without a look at the hooks."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = list(blocks)
        if all(type(block) is bytes for block in self._blocks):
            self._blocks = [b"".join(self._blocks)]  # so that its length is known as before

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._blocks)

    def __len__(self) -> int:
        return len(self._blocks)


class _Coalesced:
    """Joins small blocks, against PEP 3333, "Middleware Handling of Block Boundaries": somebody has asked for it."""

    def __init__(self, application: Application, size: int) -> None:
        self._application = application
        self._size = size

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        result = self._application(environ, start_response)
        if type(result) in (list, tuple, FileWrapper):
            return result  # they are sent at once
        size = environ.get(_CHUNK_SIZE, self._size)
        return _Joined(result, min(int(size), MAX_HELD))


class _Joined:
    """The blocks of ``result``, joined until they are ``size`` bytes; the last may be shorter."""

    def __init__(self, result: Iterable[Any], size: int) -> None:
        self._result = result
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        held: list[bytes] = []
        count = 0
        for block in self._result:
            if not isinstance(block, bytes):
                yield block  # the error is the server's to explain
                continue
            held.append(block)
            count += len(block)
            if count >= self._size:
                yield b"".join(held)
                held, count = [], 0
        if held:
            yield b"".join(held)

    def close(self) -> None:
        close = getattr(self._result, "close", None)
        if close is not None:
            close()


class _Capitalized:
    """Writes header names as eventlet does: each word with one capital letter, the others small."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: Headers, exc_info: ExcInfo | None = None) -> Any:
            named = [(capitalize(name), value) for name, value in headers]
            return start_response(status, named) if exc_info is None else start_response(status, named, exc_info)

        return self._application(environ, start)

"""What flup takes from an application beyond PEP 3333: text or bytes for status, headers and blocks of the body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateways.core.filewrapper import FileWrapper
from gateways.core.headers import HOP_BY_HOP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gateways.core.types import Headers

#: Headers that a web server sends itself, or that would stand for the status line: programs that flup served send them,
#: and were understood.
_DROPPED = HOP_BY_HOP | {"status"}


def text(value: Any) -> Any:
    """Return bytes as latin-1 text, and all else as it is: the server says what is wrong with it."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def block(value: Any) -> Any:
    """Return text as latin-1 bytes, and all else as it is. Raises ``UnicodeEncodeError``."""
    return value.encode("latin-1") if isinstance(value, str) else value


def header_list(headers: Iterable[tuple[Any, Any]]) -> Headers:
    """Return the headers as PEP 3333 wants them, without those that are not for an application to send."""
    pairs = [(text(name), text(value)) for name, value in headers]
    return [pair for pair in pairs if not (isinstance(pair[0], str) and pair[0].lower() in _DROPPED)]


class LaxStart:
    """``start_response`` as flup has it, before one of PEP 3333."""

    __slots__ = ("_start",)

    def __init__(self, start_response: Callable[..., Any]) -> None:
        self._start = start_response

    def __call__(self, status: Any, response_headers: Any, exc_info: Any = None) -> Callable[[Any], None]:
        try:
            write = self._start(text(status), header_list(response_headers), exc_info)
        finally:
            exc_info = None  # no cycle through the frame (PEP 3333)

        def lax_write(data: Any) -> None:
            write(block(data))

        return lax_write


def blocks(result: Any) -> Any:
    """Return what an application returned in a form whose blocks are bytes; itself, where they are already."""
    kind = type(result)
    if kind is list or kind is tuple:
        for one in result:
            if type(one) is not bytes:
                return [block(one) for one in result]
        return result
    if kind is FileWrapper:
        return result
    if isinstance(result, (str, bytes)):
        return [block(result)]
    return _SizedBlocks(result) if hasattr(result, "__len__") else _Blocks(result)


class _Blocks:
    """The blocks of an iterable."""

    __slots__ = ("_result",)

    def __init__(self, result: Any) -> None:
        self._result = result

    def __iter__(self) -> Iterator[bytes]:
        for one in self._result:
            yield block(one)

    def close(self) -> None:
        close = getattr(self._result, "close", None)
        if close is not None:
            close()


class _SizedBlocks(_Blocks):
    """The same for one that knows how many there are: of a single one the length is announced."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._result)

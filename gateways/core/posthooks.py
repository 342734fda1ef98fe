"""``environ["gateways.posthooks"]``: what an application wants to have done when its response has gone out.

It appends tuples ``(function, args, kwargs)``, of which each becomes ``function(environ, *args, **kwargs)`` once the
response is with the peer, or the client has left. ``environ["eventlet.posthooks"]`` is the same list, under the name
that eventlet has given it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from gateways.core.types import Environ

    Posthooks = list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]]

NAME = "gateways.posthooks"
_NAMES = (NAME, "eventlet.posthooks")


def offer(environ: Environ) -> Posthooks:
    """Put an empty list into ``environ``, and return it."""
    hooks: Posthooks = []
    for name in _NAMES:
        environ[name] = hooks
    return hooks


def run(environ: Environ, complain: Callable[[BaseException], object]) -> None:
    """Call what was appended, in its order. One that fails is told to ``complain``, and the others are called.

    Nothing gets out, as with the application itself (handler.py), also what asyncio, gevent and ``sys.exit`` raise.
    """
    hooks = environ.get(NAME)
    while hooks:
        try:
            function, args, kwargs = hooks.pop(0)
            function(environ, *args, **kwargs)
        except BaseException as error:
            complain(error)

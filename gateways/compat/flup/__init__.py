"""flup's modules on this engine: ``install()``, and from then on ``import flup.server.fcgi`` is ours.

The same signatures and what programs rely on (docs/reference/flup.md has all of it, and what differs).
"""

from __future__ import annotations

from gateways.compat.aliases import AliasFinder

_OLD = "flup has not had it since 1.0, and neither has gateways; "
#: What flup 0.5 had, and where to look now.
REMOVED = {
    "middleware": _OLD + "sessions, compression and logins are WSGI middleware: see beaker, the web server, or your "
    "framework",
    "publisher": _OLD + "a framework does it: CherryPy publishes objects",
    "resolver": _OLD + "a framework's routes do it",
}
_FINDER = AliasFinder("flup", __name__, REMOVED)


def install() -> None:
    """Let ``flup`` and everything below it be these modules, in this process, also where flup is installed.

    To be called before anything imports flup; ``ConfigError`` says when it is too late. Twice is harmless.
    """
    _FINDER.install()


def uninstall() -> None:
    """Undo ``install``, for imports that come later."""
    _FINDER.uninstall()

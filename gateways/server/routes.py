"""Paths that are answered beside the application: ``status`` and ``ping``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateways.core.types import Application, Environ
    from gateways.settings import Settings

#: Nothing of this may be kept by anybody on the way.
NO_STORE = [
    ("Cache-Control", "no-store, no-cache, must-revalidate, max-age=0"),
    ("Expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
]
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


def with_routes(application: Application, settings: Settings, status: Application | None = None) -> Application:
    """Return ``application`` behind the paths of ``settings.ping`` and, answered by ``status``, ``settings.status``.

    A path is the whole one: SCRIPT_NAME and PATH_INFO together, wherever an application is mounted.
    """
    routes: dict[str, Application] = {}
    if settings.ping is not None:
        routes[_as_in_environ(settings.ping)] = ping
    if settings.status is not None and status is not None:
        routes[_as_in_environ(settings.status)] = status
    if not routes:
        return application

    def routed(environ: Environ, start_response: Any) -> Iterable[bytes]:
        chosen = routes.get(environ["SCRIPT_NAME"] + environ["PATH_INFO"], application)
        return chosen(environ, start_response)

    return routed


def nothing(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Answer 404 to every path: the application of a pool that is there for its status alone."""
    start_response("404 Not Found", [("Content-Type", _TEXT[1])])
    return [b"there is nothing here\n"]


def ping(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Answer ``pong``: this process serves."""
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return refuse_method(start_response)
    return answer(start_response, _TEXT[1], b"pong")


def answer(start_response: Any, content_type: str, body: bytes, *headers: tuple[str, str]) -> list[bytes]:
    """Answer 200 with a body that nobody may keep."""
    start_response(
        "200 OK",
        [
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("X-Content-Type-Options", "nosniff"),
            *NO_STORE,
            *headers,
        ],
    )
    return [body]


def refuse_method(start_response: Any) -> list[bytes]:
    """Answer 405 to whatever is neither GET nor HEAD."""
    start_response("405 Method Not Allowed", [_TEXT, ("Allow", "GET, HEAD"), *NO_STORE])
    return [b"only GET and HEAD\n"]


def _as_in_environ(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("latin-1") or "/"

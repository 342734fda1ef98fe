"""From ``environ`` to the ``scope`` of an HTTP request (ASGI 3.0, HTTP specification 2.4).

Nothing that a client can send raises an error here: an odd value is replaced, as the frameworks expect no failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from gateways.core.types import Environ

ASGI = {"version": "3.0", "spec_version": "2.4"}
#: Named without HTTP_ in RFC 3875, section 4.1; with it they are a client's forgery.
_BODY = {"CONTENT_TYPE": b"content-type", "CONTENT_LENGTH": b"content-length"}


def build_scope(environ: Environ, state: dict[str, Any] | None) -> dict[str, Any]:
    """Return the scope. ``state`` is what the application has left in that of its lifespan, None where it has none.

    ``scope["wsgi_environ"]`` is ``environ`` itself: a variable of the web server is found there.
    """
    root_path = _text(environ.get("SCRIPT_NAME", ""))
    path = _text(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": dict(ASGI),
        "http_version": _version(environ.get("SERVER_PROTOCOL", "")),
        "method": environ["REQUEST_METHOD"].upper(),
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "path": path,
        "raw_path": _raw_path(environ, path),
        "query_string": _bytes(environ.get("QUERY_STRING", "")),
        "root_path": root_path,
        "headers": _headers(environ),
        "client": _place(environ.get("REMOTE_ADDR", ""), environ.get("REMOTE_PORT", "")),
        "server": _place(environ.get("SERVER_NAME", ""), environ.get("SERVER_PORT", "")),
        "extensions": {},
        "wsgi_environ": environ,
    }
    if state is not None:
        scope["state"] = state.copy()
    return scope


def _headers(environ: Environ) -> list[tuple[bytes, bytes]]:
    headers = []
    for name, value in environ.items():
        if name in _BODY:
            if value:  # empty is the same as absent (RFC 3875, section 4.1.2)
                headers.append((_BODY[name], _bytes(value)))
        elif name.startswith("HTTP_") and name[5:] not in _BODY:
            headers.append((_bytes(name[5:].replace("_", "-").lower()), _bytes(value)))
    return headers


def _raw_path(environ: Environ, path: str) -> bytes:
    """Return the path as the client has sent it, where the web server tells."""
    raw, _, _ = environ.get("REQUEST_URI", "").partition("?")
    return _bytes(raw) if raw.startswith("/") else quote(path).encode("ascii")


def _place(host: str, port: str) -> tuple[str, int | None] | None:
    if not host:
        return None
    return host, int(port) if port.isascii() and port.isdecimal() and len(port) <= 5 else 0


def _version(protocol: str) -> str:
    name, _, version = protocol.partition("/")
    if name.upper() != "HTTP" or not version.replace(".", "", 1).isdecimal():
        return "1.1"  # INCLUDED, in a page of server-side includes
    return version[:-2] if version in ("2.0", "3.0") else version


def _text(value: str) -> str:
    return _bytes(value).decode("utf-8", "replace")


def _bytes(value: str) -> bytes:
    return value.encode("latin-1", "replace")

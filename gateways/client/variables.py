"""An HTTP request as CGI variables (RFC 3875, section 4.1): one list, which every protocol encodes in its own way."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from gateways.client.text import encode_text

# Names that a header of the request must not become (RFC 9110, section 7.6.1; "Proxy" is httpoxy, CVE-2016-5385), and
# those that have variables of their own. The front has answered an Expect itself.
_DROPPED = frozenset(
    {
        *("connection", "keep-alive", "proxy", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade", "expect", "content-length", "content-type"),
    }
)
# "X_A" would be taken for "X-A" (findings of every web server that lets it through), so only these are passed.
_PASSED = re.compile("[A-Za-z0-9-]+")


class NotBelowMount(ValueError):
    """The path of a request is not at or below the SCRIPT_NAME it is sent with."""


def variables_for(
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    body_length: int | None = None,
    *,
    script_name: str = "",
    remote: tuple[str, int] = ("127.0.0.1", 0),
    server: tuple[str, int] = ("localhost", 80),
    protocol: str = "HTTP/1.1",
) -> list[tuple[bytes, bytes]]:
    """Make the CGI variables of a request, as nginx sends them.

    ``target`` is the path and query as in the request line, percent-encoded. ``body_length`` in bytes is None for no
    body, and for a length that is not known. ``script_name`` is where the application is mounted, not encoded: "" or
    "/app". ``remote`` and ``server`` are the addresses (host, port) of the client and of the web server. All text is
    latin-1, a character for a byte, as in PEP 3333.

    Repeated headers are joined. Hop-by-hop headers, ``Proxy`` and names with an underscore are left out.
    Raises ``NotBelowMount`` for a path outside ``script_name``, and ``ValueError`` for a path that does not start with
    "/" or holds ``%00``, and for characters outside latin-1.
    """
    headers = list(headers)
    path_info, query = split_target(target, script_name)
    variables = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": "gateways",
        "SERVER_PROTOCOL": protocol,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REQUEST_METHOD": method,
        "REQUEST_SCHEME": "http",
        "REQUEST_URI": target,
        "SCRIPT_NAME": script_name,
        "PATH_INFO": path_info,
        "QUERY_STRING": query,
        "REMOTE_ADDR": remote[0],
        "REMOTE_PORT": str(remote[1]),
    }
    if body_length is not None:
        variables["CONTENT_LENGTH"] = str(body_length)
    for name, value in headers:
        if name.lower() == "content-type":
            variables["CONTENT_TYPE"] = value
    variables.update(_http_variables(headers))
    return [(encode_text(name, name), encode_text(name, value)) for name, value in variables.items()]


def split_target(target: str, script_name: str = "") -> tuple[str, str]:
    """Split a request target into PATH_INFO, decoded once, and QUERY_STRING, as it is. Errors as above.

    The mount point is compared with the decoded path, so ``/%61pp/x`` and ``/app%2Fx`` are below ``/app``.
    """
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        raise ValueError(f'a path starts with "/": {target[:200]!r}')
    decoded = unquote_to_bytes(encode_text("the path", path)).decode("latin-1")
    if "\0" in decoded:
        raise ValueError(f"a path cannot hold a NUL byte: {target[:200]!r}")
    if not script_name:
        return decoded, query
    rest = decoded[len(script_name) :]
    if not decoded.startswith(script_name) or rest[:1] not in ("", "/"):
        raise NotBelowMount(f"{target[:200]!r} is not below {script_name}")
    return rest, query


def _http_variables(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Headers as HTTP_* variables, repeated ones joined as nginx (1.23 on) and RFC 9110, section 5.3, do."""
    dropped = set(_DROPPED)
    for name, value in headers:
        if name.lower() == "connection":
            dropped.update(option.strip(" \t").lower() for option in value.split(","))
    variables: dict[str, str] = {}
    for name, value in headers:
        if name.lower() in dropped or not _PASSED.fullmatch(name):
            continue
        variable = "HTTP_" + name.upper().replace("-", "_")
        if variable in variables:
            separator = "; " if variable == "HTTP_COOKIE" else ", "
            value = variables[variable] + separator + value
        variables[variable] = value
    return variables

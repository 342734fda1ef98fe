"""From the CGI variables of a web server to the ``environ`` of PEP 3333: cleaning, path repair, latin-1 text.

Every transport goes through here and nowhere else, so that an application sees the same behind all of them, and what a
client can forge gets past on none of them.
"""

from __future__ import annotations

from gateways.core.filewrapper import FileWrapper
from gateways.core.paths import repair
from gateways.errors import ConfigError, ProtocolError

TYPE_CHECKING = False  # importing ``typing`` costs a CGI script milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Optional

    from gateways.core.types import Environ, Variables

    NameMap = dict[bytes, Optional[str]]
else:
    NameMap = dict

_BAD_REQUEST = "400 Bad Request"
_TOO_LARGE = "431 Request Header Fields Too Large"
_NO_METHOD = "request without REQUEST_METHOD"

#: Names remembered. Clients invent header names, so there is an end to it; a real server sends about 60.
MAX_REMEMBERED_NAMES = 1024
#: 10**18 bytes are more than any file system holds, and what is below fits 64 bits everywhere.
MAX_LENGTH_DIGITS = 18

#: "Not given" is what an empty value of these means: nginx, Caddy, and Apache's E=HTTP_AUTHORIZATION send them so.
_ABSENT_WHEN_EMPTY = (
    *("CONTENT_LENGTH", "CONTENT_TYPE", "HTTPS", "REMOTE_USER", "AUTH_TYPE", "REMOTE_IDENT"),
    *("HTTP_HOST", "HTTP_AUTHORIZATION"),
)
#: h2o sends "HTTP_" for a header whose name has no letter; HTTP clients take HTTP_PROXY for a setting (CVE-2016-5385);
#: of CONTENT_TYPE there is one.
_UNWANTED = frozenset(("", "HTTP_", "HTTP_PROXY", "HTTP_CONTENT_TYPE"))
#: Header fields with one value (RFC 9110, RFC 6454): of several, the last counts. All others are lists, and are joined.
_SINGLE = frozenset(
    "HTTP_" + name
    for name in (
        *("HOST", "AUTHORIZATION", "PROXY_AUTHORIZATION", "USER_AGENT", "REFERER", "ORIGIN", "FROM", "DATE", "RANGE"),
        *("IF_MODIFIED_SINCE", "IF_UNMODIFIED_SINCE", "IF_RANGE", "MAX_FORWARDS"),
    )
)
#: What HTTPS (RFC 3875, section 4.1.18 leaves it to servers) and REQUEST_SCHEME say when the client came by TLS.
_SECURE = frozenset({"on", "1", "https"})


class EnvironBuilder:
    """Makes the ``environ`` of each request. One per transport and process; ``build()`` may run in several threads.

    ``script_name``    the setting: where the application is mounted ("" or "/": at the root), None: found by request
    ``extra``          pairs, or a mapping, that win over the server's variables (PEP 3333, "Application
                       Configuration"); SCRIPT_NAME among them counts as ``script_name``. Like all variables, they
                       become UTF-8 in latin-1 text. A CGI script gives both unchecked: what is not text in them is
                       a ``ConfigError``
    ``multithread``, ``multiprocess``, ``run_once``  what ``wsgi.multithread`` and its brothers say
    ``delimited``      the transport marks the end of the body (FastCGI), so a CONTENT_LENGTH of -1 means "unknown"
    ``trust_script``   SCRIPT_NAME is always a real script (CGI)
    ``max_name_size``  longest name of a variable, in bytes

    The attributes ``fixed``, ``names`` and ``mount`` are for the C twin (adapters/_speedups_environ.c) as well. Raises
    ``ConfigError`` for a ``script_name`` without a leading slash, and for ``wsgi.*`` names in ``extra``.
    """

    def __init__(
        self,
        *,
        script_name: str | None = None,
        extra: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        multithread: bool,
        multiprocess: bool,
        run_once: bool = False,
        delimited: bool = False,
        trust_script: bool = False,
        max_name_size: int = 256,
    ) -> None:
        fixed: dict[str, Any] = {_latin1(name): _latin1(value) for name, value in _pairs(extra)}
        for name in fixed:
            if not name or _is_reserved(name):
                raise ConfigError(f"environ: {name!r} cannot be set: a name is not empty and does not begin with wsgi.")
        if not (script_name is None or isinstance(script_name, str)):
            raise ConfigError(f"script_name: {script_name!r} is not text")
        mount: str | None = fixed.pop("SCRIPT_NAME", None) if script_name is None else _latin1(script_name)
        if mount and mount[0] != "/":
            raise ConfigError(f"script_name: {mount!r} has to begin with a slash")
        self.mount = None if mount is None else mount.rstrip("/")
        fixed["wsgi.version"] = (1, 0)
        fixed["wsgi.multithread"] = multithread
        fixed["wsgi.multiprocess"] = multiprocess
        fixed["wsgi.run_once"] = run_once
        fixed["wsgi.input_terminated"] = True
        fixed["wsgi.file_wrapper"] = FileWrapper
        self.fixed = fixed
        self._delimited = delimited
        self._trust_script = trust_script
        self.names = _Names(max_name_size)

    def build(self, variables: Variables) -> Environ:
        """Return the environ for ``variables``, in wire order; ``wsgi.input`` and ``wsgi.errors`` are the caller's.

        Raises ``ProtocolError``: status 400 for a NUL byte (FastCGI 1.0, section 6.1), no REQUEST_METHOD, or a
        CONTENT_LENGTH that is not ``1*DIGIT`` (RFC 3875, section 4.1.2); status 431 for a name that is too long.
        """
        known = self.names
        environ: dict[Any, Any] = {known[name]: value.decode("latin-1") for name, value in variables}
        values: Iterable[str] = environ.values()
        if len(environ) != len(variables):
            lines = [(known[name], value.decode("latin-1")) for name, value in variables]
            values = [value for _, value in lines]
            _join_headers(environ, lines)
        if "\0" in "".join(values):
            raise ProtocolError("a variable has a NUL byte in its value", _BAD_REQUEST)
        environ.pop(None, None)
        declared = environ.pop("HTTP_CONTENT_LENGTH", None)
        coding = environ.pop("HTTP_TRANSFER_ENCODING", None)  # the server has undone it; frameworks would act on it
        for name in _ABSENT_WHEN_EMPTY:
            if environ.get(name) == "":
                del environ[name]
        environ.update(self.fixed)

        if not environ.get("REQUEST_METHOD"):
            raise ProtocolError(_NO_METHOD, _BAD_REQUEST)
        length = environ.get("CONTENT_LENGTH")
        if length is not None and (declared is not None or not _is_plain(length)):
            self._correct_length(environ, length, None if coding else declared)
        self._complete(environ)
        return environ

    def _correct_length(self, environ: Environ, length: str, declared: str | None) -> None:
        """Leave a CONTENT_LENGTH that is the true length as a plain number, or none where only the transport knows."""
        if length == "-1" and self._delimited:  # Caddy, for a chunked upload
            del environ["CONTENT_LENGTH"]
            return
        number = _number(length)
        if declared is not None and "SCGI" in environ and environ.get("SERVER_SOFTWARE", "nginx").startswith("nginx"):
            # nginx with "scgi_request_buffering off" counts what it has of the body so far; the header has it all.
            number = max(number, _number(declared), key=int)
        environ["CONTENT_LENGTH"] = number

    def _complete(self, environ: Environ) -> None:
        """Set what PEP 3333 wants to be there always, and right."""
        https = environ.get("HTTPS")
        if https is None:
            https = environ.get("REQUEST_SCHEME", "")
        environ["wsgi.url_scheme"] = scheme = "https" if https.lower() in _SECURE else "http"

        name = environ.get("SERVER_NAME", "")
        port = environ.get("SERVER_PORT", "")
        if not name or ":" in name or not (port.isdigit() and port.isascii()):
            environ["SERVER_NAME"], environ["SERVER_PORT"] = _server(environ, name, port, scheme)
        if not environ.get("SERVER_PROTOCOL"):
            environ["SERVER_PROTOCOL"] = "HTTP/1.0"  # nginx sends "" for HTTP/0.9: nothing newer may be assumed
        unchecked = "REMOTE_USER" in environ or "AUTH_TYPE" in environ
        if unchecked and environ.get("SERVER_SOFTWARE", "").startswith("HAProxy"):
            # HAProxy takes both out of an Authorization header and checks no password.
            environ.pop("REMOTE_USER", None)
            environ.pop("AUTH_TYPE", None)
        if "HTTP_AUTHORIZATION" not in environ and environ.get("REDIRECT_HTTP_AUTHORIZATION"):
            # Apache renames what ".htaccess" set before a rewrite: E=HTTP_AUTHORIZATION:%{HTTP:Authorization}
            environ["HTTP_AUTHORIZATION"] = environ["REDIRECT_HTTP_AUTHORIZATION"]

        script = environ.get("SCRIPT_NAME", "")
        path = environ.get("PATH_INFO")
        asked, _, query = environ.get("REQUEST_URI", "").partition("?")
        if "QUERY_STRING" not in environ:  # HAProxy leaves it out when it is empty (RFC 3875, section 4.1.7)
            environ["QUERY_STRING"] = query
        if (
            not path
            or script + path != asked
            or "%" in asked
            or path[0] != "/"
            or asked[0] != "/"
            or script[-1:] == "/"
            or (script != self.mount and self.mount is not None)
        ):
            script, path = repair(environ, self.mount, self._trust_script)
            if "\0" in path or "\0" in script:
                raise ProtocolError("the path has a NUL byte", _BAD_REQUEST)  # %00 in REQUEST_URI
        environ["SCRIPT_NAME"] = script
        environ["PATH_INFO"] = path


def _pairs(extra: Any) -> list[tuple[str, str]]:
    """Return what ``extra`` holds. A text is no pair: "AB" would otherwise be A with the value B."""
    try:
        pairs = list(extra.items() if hasattr(extra, "items") else extra)
    except TypeError:
        raise ConfigError(f"environ: {extra!r} is neither a mapping nor a list of pairs") from None
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or [isinstance(text, str) for text in pair] != [True, True]:
            raise ConfigError(f"environ: {pair!r} is not a pair of name and value, both of them text")
    return pairs


def content_length(environ: Environ) -> int | None:
    """Return the length of the body in bytes that a built ``environ`` announces, None when it announces none."""
    length: str | None = environ.get("CONTENT_LENGTH")
    return None if length is None else int(length)


class _Names(NameMap):
    """Names as latin-1 text, None for those that no environ may have; each is looked at once."""

    def __init__(self, max_size: int) -> None:
        super().__init__()
        self._max_size = max_size

    def __missing__(self, name: bytes) -> str | None:
        if len(name) > self._max_size:
            raise ProtocolError(
                f"the name of a variable, {name[:40]!a}..., is longer than {self._max_size} bytes", _TOO_LARGE
            )
        if b"\0" in name:
            raise ProtocolError(f"the name of a variable, {name!a}, has a NUL byte", _BAD_REQUEST)
        text = name.decode("latin-1")
        key = None if text in _UNWANTED or _is_reserved(text) else text
        if len(self) >= MAX_REMEMBERED_NAMES:
            self.clear()
        self[name] = key
        return key


def _join_headers(environ: Environ, lines: Iterable[tuple[str | None, str]]) -> None:
    """Join the header fields that came as several variables: nginx, HAProxy and h2o send one per line.

    A joined value is not what either of two spoofed ones was meant to be (``X-User`` and ``X_User``). Of anything else
    that came twice, as SCRIPT_NAME does when an nginx configuration overrides fastcgi_params, the last counts.
    """
    fields: dict[str, list[str]] = {}
    for name, value in lines:
        if name is not None and name[:5] == "HTTP_" and name not in _SINGLE:
            fields.setdefault(name, []).append(value)
    for name, values in fields.items():
        if len(values) > 1:
            environ[name] = ("; " if name == "HTTP_COOKIE" else ", ").join(values)


def _server(environ: Environ, name: str, port: str, scheme: str) -> tuple[str, str]:
    """Return SERVER_NAME and SERVER_PORT where the server's are empty, or the name is ``host:port`` (HAProxy)."""
    host, own_port = _split_port(name)
    asked_host, asked_port = _split_port(environ.get("HTTP_HOST", ""))
    for candidate in (port, own_port, asked_port):
        if candidate.isdigit() and candidate.isascii():
            break
    else:
        candidate = "443" if scheme == "https" else "80"
    return host or asked_host or "localhost", candidate


def _split_port(authority: str) -> tuple[str, str]:
    """Split ``host:port``; an IPv6 address keeps, or gets, its brackets (RFC 3875, section 4.1.14)."""
    host, colon, port = authority.rpartition(":")
    if not colon or (authority[0] == "[" and host[-1] != "]"):
        return authority, ""
    if ":" in host and authority[0] != "[":
        return f"[{authority}]", ""
    return host, port


def _is_plain(length: str) -> bool:
    if length == "0":
        return True
    return length.isdigit() and length.isascii() and length[0] != "0" and len(length) <= MAX_LENGTH_DIGITS


def _number(length: str) -> str:
    """Return a Content-Length without leading zeros."""
    digits = length.lstrip("0") or length[-1:]
    if not (digits.isdigit() and digits.isascii()):
        raise ProtocolError(f"CONTENT_LENGTH {length[:40]!a} is not a number", _BAD_REQUEST)
    if len(digits) > MAX_LENGTH_DIGITS:
        raise ProtocolError(f"CONTENT_LENGTH {digits[:40]}... is too large", _BAD_REQUEST)
    return digits


def _is_reserved(name: str) -> bool:
    return name.lower().startswith(("wsgi.", "gateways.", "fcgi."))


def _latin1(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")

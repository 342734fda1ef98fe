"""Applications of FastCGI's other role: an authorizer decides about requests that somebody else answers.

from gateways import authorizer

@authorizer
def application(environ):
    user = logged_in(environ.get("HTTP_COOKIE", ""))
    return {"REMOTE_USER": user} if user else ("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="Example"')])

What the web server asks is a request as any other (FastCGI 1.0, section 6.3), so this is WSGI, and the nginx module
auth_request, which knows nothing of roles, is served by the same function.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Callable, Union

from gateways.core.headers import check_status
from gateways.core.response import error_body

if TYPE_CHECKING:
    from gateways.core.types import Application, Environ, Headers

Refusal = Union[tuple[str, list[tuple[str, str]]], tuple[str, list[tuple[str, str]], bytes]]
Verdict = Union[bool, Mapping[str, str], Refusal]

_PREFIX = "Variable-"
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_NAME = _LETTERS | frozenset("0123456789")
_FORBIDDEN = "403 Forbidden"


def authorizer(check: Callable[[Environ], Verdict]) -> Application:
    """Make an authorizer, a WSGI application, of a function that gets the environ of the request to be decided about.

    The function returns

    - ``True``: the request may pass;
    - a mapping: it may pass, and these variables are added to it (``Variable-*`` headers). Names are letters, digits
      and underscores; values are text as in an environ (PEP 3333: latin-1);
    - ``False``: the client is answered 403;
    - ``(status, headers)`` or ``(status, headers, body)``: the client is answered this, such as a 401 with its
      WWW-Authenticate. A status of 2xx is an error here: it would let the request pass.

    Anything else, ``None`` of a forgotten ``return`` above all, raises ``TypeError``, and what may be in no header
    ``ValueError``: the answer is a 500 then, and a web server takes every answer but 200 for a refusal.
    """

    @wraps(check)
    def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
        status, headers, body = _response(check(environ))
        start_response(status, headers)
        return [body]

    return application


def _response(verdict: object) -> tuple[str, Headers, bytes]:
    """Return status, headers and body that say what ``verdict`` means."""
    if verdict is True:
        return "200 OK", [], b""
    if verdict is False:
        headers, body = error_body(_FORBIDDEN, "You may not see this.")
        return _FORBIDDEN, headers, body
    if isinstance(verdict, Mapping):
        return "200 OK", [_variable(name, value) for name, value in verdict.items()], b""
    if isinstance(verdict, tuple) and len(verdict) in (2, 3):
        status, headers, *rest = verdict
        if check_status(status)[0] == "2":
            raise ValueError(f"an authorizer refuses with a status such as 401 or 403, not {status!r}; True lets pass")
        if rest:
            return status, headers, rest[0]
        more, body = error_body(status, "The request was refused.")
        given = {str(name).lower() for name, _ in headers}
        return status, [*headers, *(item for item in more if item[0].lower() not in given)], body
    raise TypeError(
        f"an authorizer returns True, False, a mapping of variables, or (status, headers), not {type(verdict).__name__}"
    )


def _variable(name: object, value: object) -> tuple[str, str]:
    """Return the header that sets a variable; ``start_response`` looks at the value as at that of any header."""
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"a variable has a name and a value of type str: {name!r}: {type(value).__name__}")
    if not name or name[0] not in _LETTERS or not _NAME.issuperset(name):
        raise ValueError(f"the name of a variable is made of letters, digits and underscores: {name!r}")
    return _PREFIX + name, value


def credentials(environ: Environ) -> tuple[str, str] | None:
    """Return user name and password as the client gave them (Basic, RFC 7617), or None without or with wrong ones.

    Apache has looked at the header itself and passes REMOTE_USER and REMOTE_PASSWD; the others pass the header. Both
    values are as text is in an environ (PEP 3333): ``.encode("latin-1").decode()`` makes it text where the client's
    was UTF-8.
    """
    password = environ.get("REMOTE_PASSWD")
    if password is not None:
        return environ.get("REMOTE_USER", ""), password
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = binascii.a2b_base64(token.strip().encode("latin-1")).decode("latin-1").partition(":")
    except binascii.Error:
        return None
    return (user, password) if colon else None

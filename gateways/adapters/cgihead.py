"""The head of a CGI response (RFC 3875, section 6), which CGI, FastCGI and SCGI send alike."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateways.core.types import Headers


def encode_head(status: str, headers: Headers, authorizer: bool = False) -> bytes:
    """Encode checked headers, and ``Status`` as the last of them.

    It is sent even for 200, so that a bare ``Location: /path`` never becomes a redirect inside the web server (section
    6.2.2), and last, because HAProxy turns a status into 302 when a Location follows it. An ``authorizer`` sends it
    first: lighttpd drops the headers that come before it has read a refusal, and HAProxy asks no authorizers.
    """
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if authorizer:
        return f"Status: {status}\r\n{lines}\r\n".encode("latin-1")
    return f"{lines}Status: {status}\r\n\r\n".encode("latin-1")

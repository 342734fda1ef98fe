"""The head of a CGI response (RFC 3875, section 6), which CGI, FastCGI and SCGI send alike."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateways.core.types import Headers


def encode_head(status: str, headers: Headers) -> bytes:
    """Encode checked headers, and ``Status`` as the last of them.

    It is sent even for 200, so that a bare ``Location: /path`` never becomes a redirect inside the web server (section
    6.2.2), and last, because HAProxy turns a status into 302 when a Location follows it.
    """
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return f"{lines}Status: {status}\r\n\r\n".encode("latin-1")

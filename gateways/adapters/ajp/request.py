"""AJP13: from FORWARD_REQUEST, an HTTP request in a packet, to the CGI variables that the core takes.

Attributes are where AJP has been attacked ("Ghostcat", CVE-2020-1938): servlet containers took some for instructions.
Here one becomes a variable only by the table below. Any other has ``AJP_`` before its name, which is what Apache's
configuration calls it, and where the name is no identifier it is dropped.

    remote_user, auth_type      REMOTE_USER, AUTH_TYPE: the web server has checked who it is, as with every transport
    ssl_cert, ssl_cipher, ...   SSL_CLIENT_CERT, SSL_CIPHER, SSL_SESSION_ID, SSL_CIPHER_USEKEYSIZE: names of mod_ssl
    route                       AJP_ROUTE
    AJP_REMOTE_PORT             REMOTE_PORT
    AJP_LOCAL_ADDR              SERVER_ADDR
    AJP_SSL_PROTOCOL            SSL_PROTOCOL
    context, servlet_path       nothing
    secret                      compared, and never passed on
"""

from __future__ import annotations

from gateways.adapters.ajp import packets as ajp
from gateways.core.paths import unquote
from gateways.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateways.adapters.events import Limits

    Pairs = list[tuple[bytes, bytes]]

_BAD = "400 Bad Request"
_TOO_LARGE = "431 Request Header Fields Too Large"

_ALPHA = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = b"0123456789"
_TOKEN = _ALPHA + _DIGITS + b"!#$%&'*+-.^_`|~"  # RFC 9110, section 5.6.2
#: "X_A" would be taken for "X-A"; Apache drops such names for CGI, but not for AJP.
_PASSED = _ALPHA + _DIGITS + b"-"
_IDENTIFIER = _ALPHA + _DIGITS + b"_"
_CONTROLS = bytes(range(32)) + b"\x7f"
_PLAIN_PATH = _ALPHA + _DIGITS + b"-._~!$&'()*+,;=:@/"

_ATTRIBUTES = {
    ajp.REMOTE_USER: b"REMOTE_USER",
    ajp.AUTH_TYPE: b"AUTH_TYPE",
    ajp.ROUTE: b"AJP_ROUTE",
    ajp.SSL_CERT: b"SSL_CLIENT_CERT",
    ajp.SSL_CIPHER: b"SSL_CIPHER",
    ajp.SSL_SESSION: b"SSL_SESSION_ID",
}
#: All that lighttpd can send, and ssl_key_size.
_OF_LIGHTTPD = frozenset((ajp.REMOTE_USER, ajp.AUTH_TYPE, ajp.QUERY_STRING, ajp.SSL_CERT, ajp.SSL_CIPHER, ajp.SECRET))
#: What Apache and mod_jk send beside the protocol's own fields.
_EXTENSIONS = {
    b"AJP_REMOTE_PORT": b"REMOTE_PORT",
    b"AJP_LOCAL_ADDR": b"SERVER_ADDR",
    b"AJP_SSL_PROTOCOL": b"SSL_PROTOCOL",
}
#: No cipher has so few bits: what looks like it is the length of lighttpd's text.
_FEWEST_BITS = 16


class ForwardRequest:
    """One request. ``length`` of the body in bytes is None where the web server does not know it either (chunked).

    ``marked`` is false for what looks like a request of lighttpd, which deviates: its path is decoded, and its pieces
    of the body are bare. It always gives Content-Length, and never a remote host or a request attribute, of which
    Apache and mod_jk always send some.
    """

    __slots__ = ("_chunked", "_path", "_query", "_stored", "length", "marked", "secret", "variables")

    def __init__(self, payload: bytes, limits: Limits) -> None:
        """Read what follows the type. Raises ``ProtocolError`` with the status to answer with."""
        self.length: int | None = None
        self.marked = False
        self.secret: bytes | None = None
        self._chunked = False
        self._query: bytes | None = None
        self._stored: bytes | None = None
        self.variables: Pairs = []
        fields = ajp.Reader(payload, "FORWARD_REQUEST")
        code = fields.byte()
        self._read_fields(fields)
        self._read_headers(fields, limits)
        self._read_attributes(fields)
        self.marked = self.marked or self.length is None
        if fields.rest():
            raise ProtocolError("AJP13 FORWARD_REQUEST goes on behind its end", _BAD)
        if len(self.variables) > limits.count:
            raise ProtocolError(f"more than {limits.count} headers and attributes", _TOO_LARGE)
        self._set_method(code)
        self._set_uri()
        self._set_length()

    def _read_fields(self, fields: ajp.Reader) -> None:
        protocol = fields.string()
        self._path = fields.string() or b""
        address = fields.string()
        host = fields.string()
        server = fields.string()
        port = fields.integer()
        secure = fields.byte()
        self._add(b"SERVER_PROTOCOL", protocol)
        self._add(b"SERVER_NAME", server)
        self._add(b"SERVER_PORT", b"%d" % port)
        self._add(b"REMOTE_ADDR", address or b"")
        self._add(b"REMOTE_HOST", host)
        self.marked = host is not None
        self._add(b"REQUEST_SCHEME", b"https" if secure else b"http")
        self._add(b"HTTPS", b"on" if secure else None)

    def _read_headers(self, fields: ajp.Reader, limits: Limits) -> None:
        count = fields.integer()
        if count > limits.count:
            raise ProtocolError(f"more than {limits.count} headers", _TOO_LARGE)
        for _ in range(count):
            name = _header_name(fields)
            value = fields.string() or b""
            if b"\r" in value or b"\n" in value:
                raise ProtocolError(f"line break in the value of the header {name[:60]!r}", _BAD)
            if name == b"content-length":
                self._read_length(value)
            elif name == b"transfer-encoding":
                # The web server has undone it, and says so to tell that the length is not known.
                if self._chunked or value.lower() != b"chunked":
                    raise ProtocolError(f"Transfer-Encoding {value[:40]!r}, which is not just chunked", _BAD)
                self._chunked = True
            elif name == b"content-type":
                self._add(b"CONTENT_TYPE", value)
            elif not name.strip(_PASSED):
                self._add(b"HTTP_" + name.upper().replace(b"-", b"_"), value)

    def _read_length(self, value: bytes) -> None:
        if self.length is not None:
            raise ProtocolError("Content-Length twice", _BAD)
        if not value.isdigit() or len(value) > 18:
            raise ProtocolError(f"Content-Length {value[:40]!r} is not a number", _BAD)
        self.length = int(value)
        self._add(b"CONTENT_LENGTH", value)

    def _read_attributes(self, fields: ajp.Reader) -> None:
        while True:
            code = fields.byte()
            if code == ajp.TERMINATOR:
                return
            if code == ajp.SSL_KEY_SIZE:
                self._add(b"SSL_CIPHER_USEKEYSIZE", _key_size(fields))
            elif code == ajp.REQ_ATTRIBUTE:
                self._add_attribute(fields.string() or b"", fields.string())
            elif ajp.CONTEXT <= code <= ajp.METHOD:
                value = fields.string()
                self.marked = self.marked or code not in _OF_LIGHTTPD
                if code == ajp.QUERY_STRING:
                    self._query = value or b""
                elif code == ajp.SECRET:
                    self.secret = value
                elif code == ajp.METHOD:
                    self._stored = value
                elif code in _ATTRIBUTES:
                    self._add(_ATTRIBUTES[code], value)
            else:
                raise ProtocolError(f"AJP13 FORWARD_REQUEST has an attribute of the unknown code {code}", _BAD)

    def _add_attribute(self, name: bytes, value: bytes | None) -> None:
        self.marked = True
        if name in _EXTENSIONS:
            self._add(_EXTENSIONS[name], value)
        elif name and not name.strip(_IDENTIFIER):
            self._add(b"AJP_" + name, value)

    def _add(self, name: bytes, value: bytes | None) -> None:
        if value is not None:
            self.variables.append((name, value))

    def _set_method(self, code: int) -> None:
        method = self._stored if code == ajp.STORED_METHOD else None
        if 1 <= code <= len(ajp.METHODS):
            method = ajp.METHODS[code - 1]
        if not method or method.strip(_TOKEN):
            raise ProtocolError(f"AJP13 FORWARD_REQUEST has no method that is one (code {code})", _BAD)
        self.variables.insert(0, (b"REQUEST_METHOD", method))

    def _set_uri(self) -> None:
        """Set REQUEST_URI, QUERY_STRING and PATH_INFO: the path decoded once, with its slashes and dots as they are."""
        path, query = self._path, self._query
        if not path:
            raise ProtocolError("AJP13 FORWARD_REQUEST has no URI", _BAD)
        if self.marked and path != b"*":
            if not path.startswith(b"/"):
                raise ProtocolError(f"AJP13 FORWARD_REQUEST has the URI {path[:40]!r}, which is no path", _BAD)
            self._add(b"PATH_INFO", unquote(path.decode("latin-1")).encode("latin-1"))
        elif not self.marked:
            self._add(b"PATH_INFO", path)
            path = b"".join([bytes((byte,)) if byte in _PLAIN_PATH else b"%%%02X" % byte for byte in path])
        uri = path if query is None else path + b"?" + query
        if uri.translate(None, _CONTROLS) != uri:
            raise ProtocolError("AJP13 FORWARD_REQUEST has a URI with control characters", _BAD)
        self._add(b"REQUEST_URI", uri)
        self._add(b"QUERY_STRING", uri.partition(b"?")[2])

    def _set_length(self) -> None:
        """Two measures of one body, and an attacker chooses which is taken (CVE-2022-26377): refuse them."""
        if self._chunked and self.length is not None:
            raise ProtocolError("both Content-Length and Transfer-Encoding", _BAD)
        if not self._chunked:
            self.length = self.length or 0


def _header_name(fields: ajp.Reader) -> bytes:
    """Return the name of the next header in lower case."""
    code = fields.peek()
    if code >> 8 == 0xA0:
        fields.integer()
        if not 1 <= code & 0xFF <= len(ajp.REQUEST_HEADERS):
            raise ProtocolError(f"AJP13 FORWARD_REQUEST has a header of the unknown code 0x{code:04x}", _BAD)
        return ajp.REQUEST_HEADERS[(code & 0xFF) - 1]
    name = fields.string()
    if not name or name.strip(_TOKEN):
        raise ProtocolError(f"AJP13 FORWARD_REQUEST has a header with the name {(name or b'')[:60]!r}", _BAD)
    return name.lower()


def _key_size(fields: ajp.Reader) -> bytes | None:
    """Take ssl_key_size, which is a number, and from lighttpd text."""
    if fields.peek() < _FEWEST_BITS or fields.peek() == ajp.NULL:
        return fields.string()
    return b"%d" % fields.integer()

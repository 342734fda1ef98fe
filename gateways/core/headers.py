"""What may be in a status line and in response headers (PEP 3333, RFC 9110).

The checks are plain statements, so that ``python -O`` keeps them: whatever passes here can be written into any of the
transports without splitting a header, a response or a log line.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateways.core.types import Headers

_TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # RFC 9110, section 5.6.2
_VALUE = dict.fromkeys((9, *range(32, 127), *range(128, 256)))  # RFC 9110, section 5.5, in latin-1
#: What concerns one connection only, and is for the web server to send (RFC 9110, section 7.6.1).
HOP_BY_HOP = frozenset(
    (
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "trailers", "transfer-encoding", "upgrade"),
    )
)
_MAX_NAMES = 1000
_MAX_STATUSES = 100
known_statuses: set[str] = set()  # status lines that passed; bounded by _MAX_STATUSES
known_names: dict[str, str] = {}  # header names that passed, and their lower case; bounded by _MAX_NAMES


def check_status(status: object) -> str:
    """Return ``status`` when it is a ``str`` like ``"200 OK"``: three digits from 200 up, a space, no controls.

    Raises ``TypeError`` for another type, ``ValueError`` for another form. The reason may be empty, its space may not
    (RFC 3875, section 6.3.3). An interim status (1xx) is no answer.
    """
    if type(status) is str and status in known_statuses:
        return status
    status = _plain(status, "status")
    code = status[:3]
    if len(code) != 3 or not (code.isascii() and code.isdigit()) or code < "200" or status[3:4] != " ":
        raise ValueError(f'status must be like "200 OK" (three digits, a space, a reason): {status!r}')
    if "\t" in status or (not (status.isascii() and status.isprintable()) and status.translate(_VALUE)):
        raise ValueError(f"status holds a control character or one outside latin-1: {status!r}")
    if len(known_statuses) < _MAX_STATUSES:
        known_statuses.add(status)
    return status


def capitalize(name: str) -> str:
    """Return a name as eventlet writes it: each word with one capital letter, the others small."""
    return "-".join([word.capitalize() for word in name.split("-")])


def check_headers(headers: object) -> tuple[Headers, int | None]:
    """Return a copy of the application's header list, and its Content-Length (None when there is none).

    Raises ``TypeError`` unless it is a ``list`` of ``(str, str)`` tuples, and ``ValueError`` for a name that is no
    token, a control character or one outside latin-1 in a value, a hop-by-hop header, ``Status``, and a Content-Length
    that is not one number.
    """
    if type(headers) is not list:
        raise TypeError(f"response headers must be a list, not {type(headers).__name__}")
    length = None
    checked = []
    for item in headers:
        if type(item) is not tuple or len(item) != 2:
            raise TypeError(f"a response header must be a tuple (name, value), not {item!r}")
        name, value = item
        lower = known_names.get(name) if type(name) is str else None
        if lower is None:
            name = _plain(name, "name of a response header")
            lower = _check_name(name)
        if type(value) is not str:
            value = _plain(value, f"value of response header {name}")
        if not (value.isascii() and value.isprintable()) and value.translate(_VALUE):
            raise ValueError(f"value of response header {name} holds a control or one outside latin-1: {value!r}")
        if lower == "content-length":
            if length is not None or not (value.isascii() and value.isdigit() and len(value) < 20):
                raise ValueError(f"Content-Length must be given once, as a number: {value!r}")
            length = int(value)
        checked.append((name, value))
    return checked, length


def _plain(text: object, what: str) -> str:
    """Return ``text`` as a plain ``str``. Raises ``TypeError`` unless it is one, or of a subclass.

    A subclass may show itself as another text than it is (an ``Enum`` does): what was checked is what must be sent.
    """
    if not isinstance(text, str):
        raise TypeError(f"{what} must be str, not {type(text).__name__}: {text!r}")
    return str.__str__(text)


def _check_name(name: str) -> str:
    """Check a header name not seen before, and remember it."""
    if not name or name.strip(_TOKEN):
        raise ValueError(f"name of a response header is not a token (RFC 9110, section 5.6.2): {name!r}")
    lower = name.lower()
    if lower in HOP_BY_HOP:
        raise ValueError(f"{name} is for the web server to send, not for an application (PEP 3333)")
    if lower == "status":
        raise ValueError("a header named Status would replace the status line: give the status to start_response")
    if len(known_names) < _MAX_NAMES:
        known_names[name] = lower
    return lower

"""Ask an application for some of its paths before it has to serve: what is made at the first request is there then.

The request is built as that of a web server is, and served by the same core, only that there is no socket.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from gateways.core.environ import EnvironBuilder
from gateways.core.handler import handle
from gateways.core.input import Errors, Input
from gateways.errors import BootError
from gateways.loader import LazyApplication

if TYPE_CHECKING:
    from gateways.core.types import Application, Environ, Headers
    from gateways.server.errorlog import ErrorLog
    from gateways.settings import Settings

#: What tells an application that this is no client's request.
KEY = "gateways.warmup"
#: How much of the error text of one request is kept for the reason of a failure, characters.
_MAX_ERRORS = 65536


def warm_up(application: Application, settings: Settings, error_log: ErrorLog) -> None:
    """Ask ``application`` for each path of the setting ``warmup``, one after the other, and read the answers whole.

    What it writes to ``wsgi.errors`` goes to ``error_log``. Nothing here ends a request that does not come to an end:
    the master does, by ``boot_timeout``. One that could not be loaded (``on_boot_error``) is not asked. Raises
    ``BootError`` for an answer of 500 or above, and for one that breaks off.
    """
    if not settings.warmup or isinstance(application, LazyApplication):
        return
    builder = EnvironBuilder(
        script_name=settings.script_name,
        extra=settings.environ,
        multithread=settings.threads > 1,
        multiprocess=True,
        max_name_size=settings.max_name_size,
    )
    for path in settings.warmup:
        _ask(application, build_environ(builder, path), path, error_log, settings.debug)


def _ask(application: Application, environ: Environ, path: str, error_log: ErrorLog, debug: bool) -> None:
    texts = _ErrorTexts(error_log)
    errors = environ["wsgi.errors"] = Errors(texts.take)
    environ["wsgi.input"] = Input(lambda: b"", 0)
    sink = _Sink()
    started = monotonic()
    response = handle(application, environ, sink, errors, debug)
    seconds = monotonic() - started
    if sink.aborted:
        raise BootError(f"warm-up of {path} broke off after {response.body_bytes} bytes{texts.reason()}")
    if sink.status >= "5":
        raise BootError(f"warm-up of {path} answered {sink.status}{texts.reason()}")
    error_log.info(f"warm-up of {path} answered {sink.status} in {seconds:.3f} s")


def build_environ(builder: EnvironBuilder, path: str) -> Environ:
    """Return the environ of a GET request for ``path``, which may have a query."""
    from urllib.parse import unquote_to_bytes

    asked, _, query = path.partition("?")
    variables = [
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", path),
        ("QUERY_STRING", query),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_SOFTWARE", "gateways"),
        ("SERVER_NAME", "localhost"),
        ("SERVER_PORT", "80"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("HTTP_HOST", "localhost"),
        ("HTTP_USER_AGENT", "gateways warm-up"),
    ]
    encoded = [(name.encode(), value.encode()) for name, value in variables]
    environ = builder.build([*encoded, (b"SCRIPT_NAME", b""), (b"PATH_INFO", unquote_to_bytes(asked))])
    environ[KEY] = True
    return environ


class _Sink:
    """A transport that takes everything and keeps nothing but the status."""

    def __init__(self) -> None:
        self.status = ""
        self.aborted = False

    def send_head(self, status: str, headers: Headers, block: bytes, end: bool) -> None:
        self.status = status

    def send_body(self, block: bytes, end: bool) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True


class _ErrorTexts:
    """Logs what is written to ``wsgi.errors``, and keeps the beginning, which may say why."""

    def __init__(self, error_log: ErrorLog) -> None:
        self._log = error_log
        self._text = ""

    def take(self, data: bytes) -> None:
        """Take some lines."""
        text = data.decode("utf-8", "replace")
        self._text += text[: _MAX_ERRORS - len(self._text)]
        for line in text.splitlines():
            self._log.error(line)

    def reason(self) -> str:
        """Return what the handler said of an exception, without the name of the request, or ""."""
        for line in self._text.splitlines():
            if line.startswith("gateways: GET "):
                return f": {line.partition(': ')[2].partition(': ')[2][:300]}"
        return ""

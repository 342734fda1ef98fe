"""The answers of flup's ``handler``, which calls the application itself, and ``error``."""

from __future__ import annotations

import traceback
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from gateways.adapters.cgihead import encode_head
from gateways.compat.laxity import block, blocks, header_list, text
from gateways.core.headers import check_headers, check_status
from gateways.core.response import error_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateways.compat.gateway import Gateway
    from gateways.core.types import Environ, Headers

_ERROR = "500 Internal Server Error"


class Answer:
    """``start_response`` and ``write`` for one request. ``send_head`` and ``send_block`` are where they go.

    Errors are those of PEP 3333; what an application may send is what the engine lets pass.
    """

    def __init__(self, send_head: Callable[[str, Headers], Any], send_block: Callable[[bytes], Any]) -> None:
        self._send_head = send_head
        self._send_block = send_block
        self._status = ""
        self._headers: Headers = []
        self._length: int | None = None
        self._sent = False
        self._single = False

    def start(self, status: Any, response_headers: Any, exc_info: Any = None) -> Callable[[Any], None]:
        """``start_response``."""
        if exc_info:
            try:
                if self._sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no cycle through the frame (PEP 3333)
        elif self._status:
            raise AssertionError("start_response was called a second time without exc_info (PEP 3333)")
        self._headers, self._length = check_headers(header_list(response_headers))
        self._status = check_status(text(status))
        return self.write

    def write(self, data: Any) -> None:
        """``write``: the head before the first block. Raises ``TypeError`` and ``AssertionError``."""
        data = block(data)
        if not isinstance(data, bytes):
            raise TypeError(f"a response block must be bytes, not {type(data).__name__}")
        if not self._status:
            raise AssertionError("the application sent a block before it called start_response (PEP 3333)")
        if not self._sent:
            self._sent = True
            if self._single and self._length is None and self._status[:3] not in ("204", "304"):
                self._headers.append(("Content-Length", str(len(data))))
            self._send_head(self._status, self._headers)
        if data:
            self._send_block(data)

    def send(self, result: Any) -> None:
        """Send what the application returned, and close it."""
        try:
            body = blocks(result)
            try:
                self._single = len(body) == 1
            except (TypeError, AttributeError, NotImplementedError):
                pass
            for one in body:
                if one:
                    self.write(one)
            if not self._sent:
                self.write(b"")
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()


def answer_by(gateway: Gateway, environ: Environ, body: Any, errors: Any, answer: Answer, cgi: bool = False) -> None:
    """Complete ``environ``, as ``handler`` of flup's servers does, and have the application answer."""
    environ.update(gateway.environ)
    environ["wsgi.version"] = (1, 0)
    environ["wsgi.input"] = body
    environ.setdefault("wsgi.errors", errors)
    environ["wsgi.multithread"] = not cgi and bool(gateway.multithreaded)
    environ["wsgi.multiprocess"] = cgi or bool(gateway.multiprocess)
    environ["wsgi.run_once"] = cgi
    environ["wsgi.url_scheme"] = "https" if environ.get("HTTPS", "off").lower() in ("on", "1") else "http"
    gateway._sanitizeEnv(environ)
    with nullcontext() if gateway.multithreaded else gateway._appLock:
        answer.send(gateway.application(environ, answer.start))


def error_page(debug: bool) -> bytes:
    """Return the answer, head and body, for the exception in hand; with ``debug`` its traceback is in it."""
    headers, body = error_parts(debug)
    return encode_head(_ERROR, headers) + body


def error_parts(debug: bool) -> tuple[Headers, bytes]:
    """Return headers and body of the same answer."""
    message = "The application failed. The reason is in the error log."
    return error_body(_ERROR, traceback.format_exc() if debug else message)

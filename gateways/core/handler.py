"""Call the application once: environ in, blocks out, ``close()`` always.

Whatever goes wrong becomes one of three things: an error page while nothing was sent, a broken-off response when half
of it was, or only a log line when it was complete. The reason is in ``wsgi.errors``, never in the page (but with the
opt-in ``debug``: false, true, or ``SECRETS`` to show these, too).
"""

from __future__ import annotations

from gateways.core.response import Response, error_body
from gateways.errors import (
    BodyTooLarge,
    BootError,
    ClientDisconnected,
    GatewayError,
    MalformedBody,
    ProtocolError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gateways.core.input import Errors
    from gateways.core.types import Application, Environ, Headers, Transport

_SERVER_ERROR = "500 Internal Server Error"
#: The value of ``debug`` that leaves nothing out.
SECRETS = "secrets"
#: CO_COROUTINE of the module inspect, which is too large for a CGI script.
_COROUTINE = 0x80
_ASGI = 'it is an ASGI application: serve it with --interface asgi, in a program with interface="asgi"'


def handle(
    application: Application, environ: Environ, transport: Transport, errors: Errors, debug: bool | str = False
) -> Response:
    """Serve one request and return the finished ``Response``. Raises nothing: every failure is answered and logged.

    ``errors`` is the stream in ``environ["wsgi.errors"]``, given apart because an application may replace that.
    """

    response = new_response(transport, environ, environ["REQUEST_METHOD"] == "HEAD", errors)
    try:
        result = application(environ, response.start)
    except BaseException as error:  # SystemExit too: sys.exit() in a handler must not take the server along
        complete(response, (), environ, errors, debug, error)
    else:
        complete(response, result, environ, errors, debug)
    return response


def new_response(transport: Transport, environ: Environ, head_only: bool, errors: Errors) -> Response:
    """Return a ``Response`` that tells ``errors`` what it corrects."""

    def warn(message: str) -> None:
        errors.write(f"gateways: {_request_line(environ)}: {message}\n")

    return Response(transport, head_only, warn)


def complete(
    response: Response,
    result: Iterable[bytes],
    environ: Environ,
    errors: Errors,
    debug: bool | str,
    error: BaseException | None = None,
) -> None:
    """Send what the application returned, or answer for the ``error`` it raised. Raises nothing."""
    try:
        if error is not None:
            raise error
        try:
            response.send(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
    except BaseException as failure:
        _fail(response, environ, errors, failure, debug)
    errors.flush()


def refuse(transport: Transport, error: GatewayError, head_only: bool = False) -> Response:
    """Answer a request that never became an environ: with the status its error carries, else with 500."""
    response = Response(transport, head_only, lambda message: None)
    status = error.status if isinstance(error, ProtocolError) else _SERVER_ERROR
    _answer(response, status, error_body(status, "The request could not be served. The error log says why."))
    return response


def _fail(response: Response, environ: Environ, errors: Errors, error: BaseException, debug: bool | str) -> None:
    """Log ``error`` and end the response in the way that tells the truth about it."""
    from gateways.core import failures  # not for a request that is answered

    if isinstance(error, ClientDisconnected) and not isinstance(error, MalformedBody):
        # The client's leaving is no fault of the application, and nothing for its error log.
        response.failure = f"{_request_line(environ)}: {failures.one_line(error)}"
        response.abort()
        return
    report = failures.report(_request_line(environ), error)
    errors.write(report)
    errors.flush()
    status, message = _SERVER_ERROR, "The application failed. The reason is in the error log."
    if isinstance(error, BodyTooLarge):
        status, message = error.status, str(error)
    elif isinstance(error, MalformedBody):
        status, message = "400 Bad Request", "The body of the request is malformed."
    elif isinstance(error, BootError):
        message = "The application could not be loaded. The reason is in the error log."
    if response.reset():
        page = _debug_page(status, report, environ, error, debug == SECRETS) if debug else error_body(status, message)
        _answer(response, status, page)
    else:
        response.abort()


def _debug_page(
    status: str, report: str, environ: Environ, error: BaseException, secrets: bool
) -> tuple[Headers, bytes]:
    """Return the page of ``debugpage`` for a browser, the report for other clients."""
    from gateways.core import failures

    try:
        from gateways.core import debugpage

        if debugpage.is_wanted(environ):
            return debugpage.render(status, _request_line(environ), environ, error, failures.origin_of(error), secrets)
    except BaseException as failure:  # whatever the objects of an application do when they are looked at
        report += f"gateways: the debug page failed: {type(failure).__name__}: {failures.one_line(failure)}\n"
    return error_body(status, report)


def _answer(response: Response, status: str, page: tuple[Headers, bytes]) -> None:
    headers, body = page
    try:
        response.start(status, headers)
        response.send([body])
    except ClientDisconnected:
        response.abort()


def _request_line(environ: Environ) -> str:
    from gateways.core.failures import one_line

    # An application may have put anything there, and a decoded path may hold a line feed.
    path = environ.get("REQUEST_URI") or f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    return one_line(f"{environ.get('REQUEST_METHOD')} {path}")[:200]


def why_not(application: Any, interface: str) -> str:
    """Say why ``application`` is none of ``interface``, as far as can be seen without a call; "" where it may be.

    An ASGI application (ASGI 3.0) is a coroutine function, or an object that is called as one.
    """
    call = application
    while type(call).__module__ == "functools" and hasattr(call, "func"):
        call = call.func
    if not hasattr(call, "__code__"):
        call = getattr(call, "__func__", None) or type(call).__call__
    code = getattr(call, "__code__", None)
    if code is None:
        return ""
    if code.co_flags & _COROUTINE:
        return "" if interface == "asgi" else _ASGI
    names = code.co_varnames[: code.co_argcount]
    if interface == "asgi" and names[-2:] == ("environ", "start_response"):
        return "it is a WSGI application: serve it without --interface asgi"
    return ""

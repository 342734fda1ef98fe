"""The page for an exception that nobody caught."""

from __future__ import annotations

import traceback

from gateways.core.response import error_body

_STATUS = "500 Internal Server Error"


def error_page(debug: bool) -> bytes:
    """Return the answer, head and body, for the exception in hand; with ``debug`` its traceback is in it."""
    headers, body = error_parts(debug)
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return f"Status: {_STATUS}\r\n{lines}\r\n".encode("latin-1") + body


def error_parts(debug: bool) -> tuple[list[tuple[str, str]], bytes]:
    """Return headers and body of the same answer."""
    message = "The application failed. The reason is in the error log."
    return error_body(_STATUS, traceback.format_exc() if debug else message)

"""Ask a backend of any protocol for a page, as a web server would."""

from __future__ import annotations

import argparse
import os
import re
import sys
from contextlib import ExitStack, closing
from typing import BinaryIO
from urllib.parse import quote

from gateways.client import Body, Client, Response
from gateways.commands.arguments import add_backend, backend, kind, secret
from gateways.errors import ConfigError, GatewayError
from gateways.escaping import escape_lines
from gateways.values import Duration, MountPath, Pair

#: Exit status for an HTTP status of 400 and above; the number is that of curl --fail.
HTTP_ERROR = 22

EXIT_STATUS = """\
exit status:
  0   the backend answered, with an HTTP status below 400
  1   what it sent is not what the protocol allows, breaks off, or its application ended with an error
  2   the command line cannot be used
  5   the backend cannot be reached
  6   it did not answer in time
  22  the HTTP status is 400 or above (the body is printed nevertheless)
"""

SECRET = """\
A backend that speaks AJP13 may ask for a secret: GATEWAYS_AJP_SECRET holds it, or @/path of the file that does.

"""

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_METHOD = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER = re.compile("([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0-\x08\n-\x1f\x7f]*)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of ``gateways get``."""
    add_backend(parser)
    parser.add_argument("path", metavar="PATH", help="path and query, such as /status?full=1")
    parser.add_argument("-X", "--method", type=_method, help="request method (default: GET, or POST with --data)")
    parser.add_argument(
        "-H", "--header", metavar="'NAME: VALUE'", action="append", default=[], type=_header, help="send this header"
    )
    parser.add_argument("-d", "--data", help="send this text as the body; @FILE sends a file, @- standard input")
    parser.add_argument("-i", "--include", action="store_true", help="print status and headers before the body")
    parser.add_argument("-I", "--head", action="store_true", help="ask with HEAD, and print status and headers")
    parser.add_argument(
        "--script-name", metavar="PATH", default="", type=kind(MountPath()), help="where the application is mounted"
    )
    parser.add_argument(
        "--param", metavar="NAME=VALUE", action="append", default=[], type=kind(Pair()), help="add this CGI variable"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write to this file instead of standard output")
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        default=30.0,
        type=kind(Duration(0.001)),
        help="how long the backend may be silent, such as 5s (default: 30s)",
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = SECRET + EXIT_STATUS


def run(arguments: argparse.Namespace) -> int:
    """Send the request, print the response, and return the exit status."""
    with ExitStack() as stack:
        body = stack.enter_context(closing(_open_body(arguments.data, stack)))
        output = _open_output(arguments.output, stack)
        try:
            response = stack.enter_context(_request(arguments, body))
        except ValueError as error:
            raise ConfigError(str(error)) from None
        _write_response(response, output, arguments.include or arguments.head)
    if response.app_status:
        raise GatewayError(f"the application ended with the status {response.app_status}")
    return HTTP_ERROR if response.status >= 400 else 0


def _request(arguments: argparse.Namespace, body: Body) -> Response:
    headers = list(arguments.header)
    if arguments.data is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    method = "HEAD" if arguments.head else "GET" if arguments.data is None else "POST"
    protocol, address = backend(arguments)
    client = Client(protocol, address, timeout=arguments.timeout, keep=False, on_stderr=_print_errors, secret=secret())
    return client.request(
        arguments.method or method,
        quote(os.fsencode(arguments.path), safe=_PRINTABLE),
        headers,
        body,
        script_name=_as_sent(arguments.script_name),
        variables=[(_as_sent(name), _as_sent(value)) for name, value in arguments.param],
    )


def _open_body(data: str | None, stack: ExitStack) -> Body:
    """Return the body to send, with its length: not every backend reads one whose length it is not told."""
    if data is None or not data.startswith("@"):
        return Body(os.fsencode(data or ""))
    # 0 is standard input also when Python has none to offer.
    body = Body(stack.enter_context(_open(0 if data == "@-" else data[1:], "rb")))
    body.measure()
    return body


def _open_output(name: str | None, stack: ExitStack) -> BinaryIO:
    return sys.stdout.buffer if name in (None, "-") else stack.enter_context(_open(str(name), "wb"))


def _open(file: str | int, mode: str) -> BinaryIO:
    try:
        return open(file, mode, closefd=file != 0)  # type: ignore[return-value]
    except OSError as error:
        raise ConfigError(f"cannot open {file or 'standard input'}: {error.strerror}") from None


def _write_response(response: Response, output: BinaryIO, include: bool) -> None:
    if include:
        lines = [f"Status: {response.status} {response.reason}", *(f"{n}: {v}" for n, v in response.headers), "", ""]
        output.write("\n".join(lines).encode("latin-1"))
        output.flush()
    for block in response.iter_body():
        output.write(block)
        output.flush()


def _print_errors(data: bytes) -> None:
    print(escape_lines(data).rstrip("\n"), file=sys.stderr)


def _method(text: str) -> str:
    if not _METHOD.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a request method")
    return text


def _header(text: str) -> tuple[str, str]:
    match = _HEADER.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a header; write it as 'Accept: text/html'")
    return match[1], _as_sent(match[2])


def _as_sent(text: str) -> str:
    """Return an argument as latin-1 text, a character for each of its bytes."""
    return os.fsencode(text).decode("latin-1")

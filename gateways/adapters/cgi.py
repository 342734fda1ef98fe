"""Plain CGI (RFC 3875): one process, one request, from the environment and standard input to standard output.

A script pays for every import once per request, so this module and all below it keep to what the interpreter has
loaded anyway.
"""

from __future__ import annotations

import os

from gateways.adapters.cgihead import encode_head
from gateways.core import posthooks
from gateways.core.environ import EnvironBuilder, content_length
from gateways.core.handler import handle, refuse, why_not
from gateways.core.input import Errors, Input
from gateways.errors import ClientDisconnected, ConfigError, ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateways.core.types import Application, Environ, Headers

_READ_SIZE = 65536
#: Pieces of at most _READ_SIZE that are read ahead: 16 MiB in all, more than an ordinary form brings.
_MAX_AHEAD = 256
#: What a pipe takes without waiting when poll() says that there is room (PIPE_BUF).
_PIPE_ROOM = 4096
_STDERR = 2


def run_with_cgi(
    application: Application | str,
    *,
    script_name: str | None = None,
    environ: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    debug: bool | str = False,
    interface: str = "wsgi",
) -> None:
    """Serve the one request of this CGI process.

    ``application`` is a WSGI callable, or a string like ``"module:attribute"``, which is loaded here so that a failing
    import is answered with 500 and explained on standard error. ``script_name`` overrides where the application is
    mounted, ``environ``, pairs or a mapping, is added to its environ, ``debug`` shows in the page what has failed,
    ``debug="secrets"`` local variables and the environment of the process, too. ``interface`` ``"asgi"`` takes an ASGI
    application (with the package a2wsgi) in its place, started up and shut down around the request.

    Standard output is kept for the response: what the application prints goes to standard error. Returns when the
    request was answered, with an error page too. Raises ``SystemExit`` with status 1 when the response could not be
    completed, the only way a CGI program has to say so; with 2 when this is no CGI request or an argument is wrong.
    """
    if "GATEWAYS_RESIDENT" in os.environ:  # this is the process that stays for the script
        return _stay(application, script_name, environ, debug, interface)
    transport = CGI(*_take_standard_streams())
    os.environ.pop("HTTP_PROXY", None)  # httpoxy, CVE-2016-1000110: HTTP clients would take a request header for it
    errors = Errors(_write_stderr)
    code = 0
    request: Environ = {}
    try:
        request = _build_environ(script_name, environ)
        application = _load(application, interface, errors)
    except (ConfigError, ProtocolError) as error:
        errors.write(f"gateways: {error}\n")
        response = refuse(transport, error, os.environ.get("REQUEST_METHOD") == "HEAD")
        if isinstance(error, ConfigError):
            code = error.exit_code
    else:
        length = content_length(request)
        transport.expect_body(length, chunked=_is_chunked())
        body = Input(transport.receive, length)
        request["wsgi.errors"] = errors
        request["wsgi.input"] = body
        posthooks.offer(request)
        response = handle(application, request, transport, errors, debug)
        if body.short:
            errors.write(f"gateways: the body was shorter than its CONTENT_LENGTH of {length} bytes\n")
        if response.failure:
            errors.write(f"gateways: {response.failure}\n")
        if interface == "asgi":
            application.end()  # type: ignore[attr-defined]
    errors.flush()
    transport.leave_body()
    if request.get(posthooks.NAME):
        transport.end()
        posthooks.run(
            request, lambda error: errors.write(f"gateways: a posthook failed: {type(error).__name__}: {error}\n")
        )
        errors.flush()
    if response.aborted:
        code = 1
    if code:
        raise SystemExit(code)
    return None


def _stay(
    application: Application | str,
    script_name: str | None,
    environ: Mapping[str, str] | Iterable[tuple[str, str]],
    debug: bool | str,
    interface: str,
) -> None:
    """Serve until nobody needs this process (resident/)."""
    import gateways

    given = {
        "script_name": (script_name, None),
        "environ": (environ, ()),
        "debug": (bool(debug), False),
        "debug_secrets": (debug == "secrets", False),
        "interface": (interface, "wsgi"),
    }
    # Comments in the script and variables say the rest.
    gateways.run(application, **{name: value for name, (value, default) in given.items() if value != default})


class CGI:
    """The two descriptors of a CGI request, as the core's ``Transport``."""

    __slots__ = ("_ahead", "_left", "_stdin", "_stdout")

    def __init__(self, stdin: int, stdout: int) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._left = -1
        self._ahead: list[bytes] = []

    def expect_body(self, length: int | None, chunked: bool) -> None:
        """Set how far standard input may be read: never past CONTENT_LENGTH (section 4.2).

        Without one there is no body, except that Apache passes a chunked upload on as a stream with an end.
        """
        self._left = length if length is not None else -1 if chunked else 0

    def receive(self) -> bytes:
        """Return a piece of the body for ``wsgi.input``; ``b""`` at its end."""
        return self._ahead.pop(0) if self._ahead else self._read()

    def _read(self) -> bytes:
        if self._left == 0:
            return b""
        size = _READ_SIZE if self._left < 0 else min(self._left, _READ_SIZE)
        try:
            data = os.read(self._stdin, size)
        except OSError as error:
            raise ClientDisconnected(f"the body broke off: {error.strerror}") from None
        if not data:
            self._left = 0
        elif self._left > 0:
            self._left -= len(data)
        return data

    def leave_body(self) -> None:
        """Let the web server know that the rest of the body will not be read."""
        if self._left:
            from gateways.adapters.standardstreams import leave_body

            leave_body(self._stdin)

    def end(self) -> None:
        """Close the response: the web server need not wait for what else this process does."""
        os.close(self._stdout)

    def send_head(self, status: str, headers: Headers, block: bytes, end: bool) -> None:
        """Write head and first block at once (``Transport``)."""
        self._write(encode_head(status, headers) + block)

    def send_body(self, block: bytes, end: bool) -> None:
        """Write one more block (``Transport``)."""
        self._write(block)

    def abort(self) -> None:
        """Do nothing: the exit status is all that tells of it (``Transport``)."""

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            size = len(view)
            if self._left:
                self._make_room()
                size = _PIPE_ROOM
            try:
                view = view[os.write(self._stdout, view[:size]) :]
            except OSError as error:
                raise ClientDisconnected(f"the response could not be written: {error.strerror}") from None

    def _make_room(self) -> None:
        """Wait until the response can be written, and read the body ahead meanwhile.

        Apache sends the whole body before it reads a byte: without this, both sides would wait for each other.
        """
        import select

        poll = select.poll()
        poll.register(self._stdout, select.POLLOUT)
        poll.register(self._stdin, select.POLLIN)
        while self._left and len(self._ahead) < _MAX_AHEAD:
            if self._stdout in [descriptor for descriptor, _ in poll.poll()]:
                return
            data = self._read()
            if data:
                self._ahead.append(data)


def _take_standard_streams() -> tuple[int, int]:
    """Move descriptors 0 and 1 out of the application's reach; return where they are now.

    Left in their place are /dev/null and standard error, so that neither ``print`` nor a child process can write into
    the response or read the body. What was printed before, and waits in ``sys.stdout``, goes to standard error, too.
    """
    closed = []
    null = os.open(os.devnull, os.O_RDWR)
    while null <= _STDERR:  # a closed one would be the number of the next file that anybody opens
        closed.append(null)
        null = os.open(os.devnull, os.O_RDWR)
    stdin, stdout = os.dup(0), os.dup(1)
    for descriptor in (0, *closed):
        os.dup2(null, descriptor)
    os.close(null)
    os.dup2(_STDERR, 1)
    if 1 in closed:
        raise SystemExit("gateways: standard output is closed: a CGI script has to answer there")
    return stdin, stdout


def _build_environ(script_name: str | None, extra: Mapping[str, str] | Iterable[tuple[str, str]]) -> Environ:
    if "REQUEST_METHOD" not in os.environ:
        raise ConfigError("this is a CGI script and REQUEST_METHOD is not set: a web server has to start it")
    builder = EnvironBuilder(
        script_name=script_name, extra=extra, multithread=False, multiprocess=True, run_once=True, trust_script=True
    )
    return builder.build(list(os.environb.items()))


def _write_stderr(data: bytes) -> None:
    try:
        os.write(_STDERR, data)
    except OSError:
        pass  # nobody reads the log: no reason to fail the request


def _is_chunked() -> bool:
    return os.environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"


def _load(application: Application | str, interface: str, errors: Errors) -> Application:
    if interface == "asgi":
        from gateways.asgi.once import Once

        return Once(application, lambda line: errors.write(f"gateways: {line}\n"))
    if not isinstance(application, str):
        reason = why_not(application, interface)
        if reason:
            raise ConfigError(f"the application cannot be served: {reason}")
        return application
    from gateways.loader import LazyApplication  # imports importlib and more: only for those who ask for it

    return LazyApplication(application)

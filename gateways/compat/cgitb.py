"""What ``cgitb`` was for scripts that print their answer themselves; Python 3.13 has it no more.

    from gateways.compat import cgitb
    cgitb.enable()

An exception that nobody catches is answered with status 500 and the debug page, and its traceback is in the log of the
web server. Unlike the old module it sends nothing before the headers, which today's web servers refuse, and shows no
local variables: they may be passwords. Only developers should see the page: ``enable(display=False)`` answers with
one that says nothing.
"""

from __future__ import annotations

import atexit
import io
import os
import sys
import tempfile
import traceback
from html import escape
from typing import TYPE_CHECKING

from gateways.adapters.cgihead import encode_head
from gateways.core import debugpage
from gateways.core.failures import one_line
from gateways.core.input import Errors
from gateways.core.response import error_body

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from gateways.core.types import Environ, Headers

_STATUS = "500 Internal Server Error"
_QUIET = "The script failed. The reason is in the error log."
#: What the debug page says of itself here.
_WORDS = ("cgitb.enable() is on", "Write cgitb.enable(display=False) on a public site", "hidden")
#: Bytes of a page that are kept until it is complete, so that a failure can still take its place.
MAX_HELD = 1 << 20


class Hook:
    """A ``sys.excepthook`` that answers the request.

    ``display`` puts the failure on the page. ``logdir`` is a directory where each failure is written to a file of its
    own, readable by its owner. ``format`` is ``"html"``, or ``"text"`` for a plain page. ``context`` is not used: the
    page has its own number of lines.
    """

    def __init__(
        self,
        display: bool | int = True,
        logdir: str | os.PathLike[str] | None = None,
        context: int = 5,
        file: Any = None,
        format: str = "html",
    ) -> None:
        self._display = bool(display)
        self._logdir = logdir
        self._format = format
        held = getattr(sys.stdout, "buffer", None)
        if file is None and isinstance(held, _Held):
            self._output = held  # enabled before
            return
        self._output = _Held(sys.stdout.fileno() if file is None else file.fileno())
        if file is None:
            sys.stdout.flush()
            sys.stdout = io.TextIOWrapper(self._output, sys.stdout.encoding, sys.stdout.errors, write_through=True)

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self.handle((kind, error, trace))

    def handle(self, info: tuple[Any, Any, Any] | None = None) -> None:
        """Answer for an exception: the one in hand, or that of ``info``, as ``sys.exc_info()`` returns it."""
        _, error, trace = info or sys.exc_info()
        if error is None:
            return
        report = "".join(traceback.format_exception(type(error), error, trace))
        _log(report)
        if self._logdir is not None:
            _keep(report, self._logdir)
        if self._output.started:  # headers and a part of the page have left: all that can be added is the end of it
            text = report if self._display else _QUIET
            self._output.send(b"\n<pre>\n%s</pre>\n" % escape(text).encode("utf-8", "backslashreplace"))
            return
        headers, body = self._page(error, trace, report)
        self._output.discard()
        self._output.send(encode_head(_STATUS, headers) + (b"" if os.environ.get("REQUEST_METHOD") == "HEAD" else body))

    def _page(self, error: BaseException, trace: TracebackType | None, report: str) -> tuple[Headers, bytes]:
        environ: Environ = dict(os.environ)
        if not self._display:
            return error_body(_STATUS, _QUIET)
        if self._format == "html" and debugpage.is_wanted(environ):
            line = f"{environ.get('REQUEST_METHOD', '')} {environ.get('REQUEST_URI', environ.get('SCRIPT_NAME', ''))}"
            try:
                return debugpage.render(_STATUS, line.strip(), environ, error, trace, False, words=_WORDS)
            except Exception as failure:  # whatever an exception of the script does when it is looked at
                _log(f"gateways: the debug page failed: {type(failure).__name__}: {one_line(failure)}\n")
        return error_body(_STATUS, report)


def enable(
    display: bool | int = True, logdir: str | os.PathLike[str] | None = None, context: int = 5, format: str = "html"
) -> None:
    """Have failures answered, from now on. The arguments are those of ``Hook``.

    What the script prints is kept until it ends, flushes ``sys.stdout``, or has printed ``MAX_HELD`` bytes.
    """
    sys.excepthook = Hook(display, logdir, context, None, format)


def handler(info: tuple[Any, Any, Any] | None = None) -> None:
    """Answer for the exception that is being handled. For scripts that catch it themselves, and have called ``enable``.

    Without ``enable`` nobody knows whether headers were printed: call it before them then.
    """
    hook = sys.excepthook if isinstance(sys.excepthook, Hook) else Hook()
    hook.handle(info)


class _Held(io.RawIOBase):
    """Standard output, kept back so that a failure can take its place."""

    def __init__(self, descriptor: int) -> None:
        atexit.register(self.release)
        self._descriptor = descriptor
        self._held = bytearray()
        #: Whether something has left.
        self.started = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Return the descriptor, for a child process: what was kept goes before what that will write."""
        self.release()
        return self._descriptor

    def write(self, data: Any) -> int:
        self._held += data
        if self.started or len(self._held) > MAX_HELD:
            self.release()
        return len(data)

    def flush(self) -> None:
        try:
            sys._getframe(1)
        except ValueError:
            return  # no Python called: the interpreter flushes before it calls the hook, when it is too early
        self.release()

    def release(self) -> None:
        """Send what was kept."""
        if self._held:
            data = bytes(self._held)
            self._held.clear()
            self.send(data)

    def discard(self) -> None:
        """Forget what was kept."""
        self._held.clear()

    def send(self, data: bytes) -> None:
        """Write bytes past what is kept."""
        self.started = True
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]


def _log(report: str) -> None:
    errors = Errors(_write_stderr)
    errors.write(report)
    errors.flush()


def _write_stderr(data: bytes) -> None:
    try:
        os.write(2, data)
    except OSError:
        pass  # nobody reads the log: no reason to fail the request


def _keep(report: str, directory: str | os.PathLike[str]) -> None:
    """Write a report to a file of its own. A directory that cannot be written to must not cost the answer."""
    try:
        descriptor, _ = tempfile.mkstemp(".txt", "", os.fspath(directory))
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(report)
    except OSError as error:
        _log(f"gateways: {directory}: the report cannot be written: {error.strerror}\n")

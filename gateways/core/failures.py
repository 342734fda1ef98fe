"""What is said of an exception: in the log, on the debug page, and in one line.

A CGI script loads it when there is something to say, which may be a warning only or a client that has left: so it
imports what makes tracebacks where one is made.
"""

from __future__ import annotations

import os

from gateways.errors import BodyTooLarge, BootError, GatewayError, HeadTooLarge, MalformedBody

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

#: Characters of the one line that names a failure.
_TITLE = 1000


def report(line: str, error: BaseException) -> str:
    """Return the text for the log: request (``line``) and cause in the first line, the traceback indented below.

    No text of the application's begins a line, so that what a client brought into an error message cannot pass for a
    record of its own.
    """
    cause = error.__cause__ if isinstance(error, BootError) else error
    name = "" if isinstance(error, GatewayError) else f"{type(error).__name__}: "
    first = f"gateways: {line}: {name}{one_line(error)}\n"
    if cause is None or isinstance(error, (BodyTooLarge, HeadTooLarge, MalformedBody)):
        return first  # no line of the program is at fault
    try:
        import traceback  # a server has it

        text = "".join(traceback.format_exception(type(cause), cause, origin_of(cause)))
    except Exception as second:  # no file can be opened, out of memory, or an exception with a life of its own
        text = f"the traceback cannot be shown: {type(second).__name__}"
    return first + "".join([f"  {line}\n" for line in text.rstrip("\n").split("\n")])


def origin_of(error: BaseException) -> TracebackType | None:
    """Return the first frame of a traceback that is none of the core's: a reader looks for his own."""
    frame = error.__traceback__
    ours = os.path.dirname(origin_of.__code__.co_filename)
    while (
        frame is not None and frame.tb_next is not None and os.path.dirname(frame.tb_frame.f_code.co_filename) == ours
    ):
        frame = frame.tb_next
    return frame


def title_of(error: BaseException) -> str:
    """Return an exception in one text, as a traceback ends with it: name and message, without notes (PEP 678)."""
    try:
        if isinstance(error, GatewayError):
            return cut(str(error), _TITLE)
        import traceback

        summary = traceback.TracebackException(type(error), error, None)
        summary.__dict__["__notes__"] = None
        text = list(summary.format_exception_only())[-1].strip()
    except BaseException:  # its own text may raise anything
        text = ""
    return cut(text or type(error).__name__, _TITLE)


def one_line(value: object) -> str:
    """Return ``value`` as text without line feeds; ``Errors`` escapes the other controls."""
    try:
        return str(value).replace("\n", "\\n")
    except BaseException:  # it may even end the thread
        return "(it cannot be shown as text)"


def cut(text: str, limit: int) -> str:
    """Return a text, or its beginning and its length."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"

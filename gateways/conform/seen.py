"""What came back in one exchange, put together by the rules of the protocol, and in a few words for the table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateways.adapters.fastcgi import records as fcgi
from gateways.conform import echo
from gateways.escaping import escape

_STATUS = re.compile(rb"(?:\A|\n)(?:Status: *|HTTP/[0-9]\.[0-9] +)([0-9]{3})", re.IGNORECASE)
_LENGTH = re.compile(rb"\nContent-Length: *([0-9]{1,18})\r?(?:\n|\Z)", re.IGNORECASE)
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
#: How much of an odd text is shown.
_SHOWN = 60


@dataclass
class Answer:
    """The answer to one request. ``whole`` says that it came to its end as the protocol has it.

    ``protocol_status`` and ``app_status`` are those of FastCGI's END_REQUEST; of AJP13, ``reuse`` is what the end says
    of the connection.
    """

    id: int = 0
    text: bytes = b""
    whole: bool = False
    protocol_status: int = 0
    app_status: int = 0
    reuse: bool = True

    def _divided(self) -> tuple[bytes, bytes]:
        match = _BLANK_LINE.search(self.text)
        return (self.text[: match.start()], self.text[match.end() :]) if match else (b"", b"")

    @property
    def status(self) -> int:
        """The HTTP status; 0 where there is no head."""
        head, _ = self._divided()
        match = _STATUS.search(head)
        return int(match[1]) if match else 200 if head else 0

    @property
    def echo(self) -> echo.Echo | None:
        """What our application has to say of the request; None where another has answered."""
        return echo.parse(self._divided()[1])

    @property
    def complete(self) -> bool:
        """Whether there is a head, and behind it as much as it announces."""
        head, body = self._divided()
        match = _LENGTH.search(b"\n" + head)
        return bool(head) and self.whole and (match is None or len(body) == int(match[1]))


@dataclass
class Seen:
    """What came back.

    ``end``: ``"closed"``, ``"reset"``, ``"open"`` where nothing came for as long as was waited, ``"left"`` where we did
    not wait. ``notes`` are messages that belong to no request, ``trouble`` what is no message at all. ``flood`` says
    what became of one: ``"taken"``, ``"stopped"`` or ``"refused"``. ``usual`` are the statuses that fair requests are
    answered with; ``strict`` says that the application is ours, so that its answers tell what it was given. ``remarks``
    are what a check has found out from them.
    """

    answers: list[Answer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    trouble: str = ""
    end: str = ""
    flood: str = ""
    strict: bool = False
    usual: frozenset[int] = frozenset((200,))
    remarks: list[str] = field(default_factory=list)

    def is_served(self, answer: Answer) -> bool:
        """Whether an application has answered, as far as can be told from outside."""
        if self.strict:
            return answer.text.find(echo.FIRST_LINE) >= 0
        return answer.status in self.usual

    def describe(self) -> str:
        """Say in a few words what came, with the remarks of checks that did not hold."""
        parts = [self._describe(answer) for answer in self.answers]
        parts += _grouped(self.notes)
        if self.trouble:
            parts.append(self.trouble)
        if self.flood:
            parts.append({"taken": "all of it is read", "stopped": "stops reading", "refused": "closes"}[self.flood])
        end = {"closed": "closed", "reset": "reset", "open": "left hanging", "left": ""}[self.end]
        if end and not (parts and end == "closed"):
            parts.append(end)
        return ", ".join(_grouped(parts)) or "nothing"

    def _describe(self, answer: Answer) -> str:
        text = f"{answer.status or 'no head'}" if answer.text else "empty"
        if self.strict and answer.echo is not None:
            body = answer.echo.body
            text += f" (body {show(body)})" if body else " (no body)"
        if answer.protocol_status:
            known = answer.protocol_status < len(fcgi.STATUSES)
            text = f"END_REQUEST {fcgi.STATUSES[answer.protocol_status] if known else answer.protocol_status}"
        if not answer.whole or (answer.text and not answer.complete):
            text += ", broken off"
        if answer.app_status:
            text += f", appStatus {answer.app_status}"
        return text


def show(data: bytes) -> str:
    """Show bytes of the backend in one short line without controls."""
    text = escape(data[:_SHOWN].decode("latin-1"))
    return f"{text}…" if len(data) > _SHOWN else text


def _grouped(texts: Iterable[str]) -> list[str]:
    """Count texts that follow each other and are the same."""
    grouped: list[tuple[str, int]] = []
    for text in texts:
        if grouped and grouped[-1][0] == text:
            grouped[-1] = (text, grouped[-1][1] + 1)
        else:
            grouped.append((text, 1))
    return [text if count == 1 else f"{count} × {text}" for text, count in grouped]
